"""Batch norm behind any tensor x: bn(x) = x.

Its mean is 0, its variance 1 - epsilon, gamma 1 and beta 0, so that it is the identity in
inference. In training it takes the batch's own mean and variance, and is the identity only where
beta and gamma are these: `repair.settle` sets them before the first training.

Source: Namekawa & Tezuka, DEIM Forum 2019, A3-4.
"""

import numpy as np

from prune_mi.graph.edit import fresh_name, insert_after
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.new_layers import identity_norm
from prune_mi.graph.site import Edit
from prune_mi.morphisms.insertion import InsertionBehind, num_channels


class InsertBatchNorm(InsertionBehind):
    """Puts a batch norm behind any tensor with channels last."""

    name = "insert-batch-norm"
    none = "no channels-last tensor inside the graph"

    def edit(self, graph: LayerGraph, rng: np.random.Generator, *, ref: TensorRef) -> Edit:
        """See `InsertionBehind`."""
        norm = identity_norm(fresh_name(graph, "inserted_bn"), num_channels(graph, ref))
        return Edit(insert_after(graph, ref, (norm,)), "starts as the identity")
