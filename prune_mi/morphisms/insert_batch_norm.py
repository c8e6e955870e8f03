"""Batch norm behind any tensor x: bn(x) = x.

Its mean is 0, its variance 1 - epsilon, gamma 1 and beta 0, so that it is the identity in
inference. In training it takes the batch's own mean and variance, and is the identity only where
beta and gamma are these: `repair.settle` sets them before the first training.

Source: Namekawa & Tezuka, DEIM Forum 2019, A3-4.
"""

import numpy as np

from prune_mi.graph.edit import fresh_name
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.new_layers import identity_norm
from prune_mi.morphisms.insertion import inserted, num_channels
from prune_mi.morphisms.morphism import MorphContext, Morphed, NoSite
from prune_mi.morphisms.site import draw_site, has_channels_last, inner_tensors


class InsertBatchNorm:
    """Puts a batch norm behind any tensor with channels last."""

    name = "insert-batch-norm"
    keeps_function = True

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        sites = inner_tensors(graph) if has_channels_last(graph) else []
        if not sites:
            return NoSite("no channels-last tensor inside the graph")
        ref = draw_site(graph, sites, context, rng, kind=self.name, tensor=lambda each: each)
        norm = identity_norm(fresh_name(graph, "inserted_bn"), num_channels(graph, ref))
        return inserted(graph, ref, (norm,), self.name, "starts as the identity")
