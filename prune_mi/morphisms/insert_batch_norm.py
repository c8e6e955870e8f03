"""Batch norm behind any tensor x: bn(x) = x.

Its mean is 0, its variance 1 - epsilon, gamma 1 and beta 0, so that it is the identity in
inference. In training it takes the batch's own mean and variance, and is the identity only where
beta and gamma are these: `repair.settle` sets them before the first training.

Source: Namekawa & Tezuka, DEIM Forum 2019, A3-4.
"""

import numpy as np

from prune_mi.graph.edit import fresh_name
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.new_layers import identity_norm
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.morphisms.insertion import Insertion, inserted, num_channels, sites_behind
from prune_mi.morphisms.morphism import Edit, MorphContext, Site
from prune_mi.morphisms.site import has_channels_last, inner_tensors


class InsertBatchNorm(Insertion):
    """Puts a batch norm behind any tensor with channels last."""

    name = "insert-batch-norm"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        refs = inner_tensors(graph) if has_channels_last(graph) else []
        if not refs:
            return NotApplicable("no channels-last tensor inside the graph")
        return sites_behind(graph, refs, _edit)


def _edit(graph: LayerGraph, ref: TensorRef, rng: np.random.Generator) -> Edit:
    norm = identity_norm(fresh_name(graph, "inserted_bn"), num_channels(graph, ref))
    return inserted(graph, ref, (norm,), "starts as the identity")
