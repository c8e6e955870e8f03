"""A shortcut by addition: b becomes b + s(a), with s(a) = 0 until training changes it.

Where a has as many channels as b, s is a batch norm with gamma 0 and beta 0, else a 1x1 convolution
(a dense layer for flat tensors) with kernel 0. Both are 0 whatever a is, so outputs stay as they
are, in inference as in training; and gamma's gradient, the normalised a times that of b, is not 0,
nor is the kernel's. Where a is larger than b it is averaged first.

Source: Elsken, Metzen, Hutter (2017), Simple and Efficient Architecture Search (NASH), whose
(1 - l) b + l a starts at l = 0 too; Goyal et al. (2017), Accurate, Large Minibatch SGD, section
5.1, for the gamma of 0.
"""

import numpy as np

from prune_mi.graph.edit import fresh_name, insert_calls
from prune_mi.graph.end_layers import stock_layer
from prune_mi.graph.ir import LayerDef, LayerGraph, TensorRef
from prune_mi.graph.new_layers import new_batch_norm, new_conv, new_dense
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Edit, Site
from prune_mi.morphisms.insertion import Insertion
from prune_mi.morphisms.morphism import MorphContext
from prune_mi.morphisms.skip_sites import resized_start, skip_sites


class SkipAdd(Insertion):
    """Adds an earlier tensor to a later one."""

    name = "skip-add"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        return skip_sites(graph, _edit)


def _edit(graph: LayerGraph, rng: np.random.Generator, *, start: TensorRef, end: TensorRef) -> Edit:
    shape = graph.spec(end).shape
    chain = resized_start(graph, start, end)
    chain = chain.then(_nought(graph, chain.shape[-1] or 0, shape[-1] or 0, len(shape)), shape)
    add = stock_layer("Add", fresh_name(graph, "skip_add"))
    chain = chain.then(add, shape, before=(end,))
    grown = insert_calls(graph, end, chain.layers, chain.calls)
    return Edit(grown, f"shortcut from {start.node}")


def _nought(graph: LayerGraph, channels: int, filters: int, rank: int) -> LayerDef:
    """A layer that yields 0 and can learn to yield something else."""
    if channels == filters:
        return new_batch_norm(fresh_name(graph, "skip_scale"), channels, gamma=0.0)
    name = fresh_name(graph, "skip_conv")
    if rank == 2:
        return new_dense(name, np.zeros((channels, filters), np.float32))
    return new_conv(name, np.zeros((*[1] * (rank - 2), channels, filters), np.float32))
