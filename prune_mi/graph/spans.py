"""Which tensors a tensor is computed from through a layer with a kernel."""

from collections.abc import Mapping

from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.traits import has_kernel


def spanned_tensors(graph: LayerGraph) -> Mapping[TensorRef, frozenset[TensorRef]]:
    """For each tensor, those that a shortcut to it would lead round a kernel from.

    A tensor is in the set of another if there is a way from it to the other that goes through a
    call of a layer with a kernel.
    """
    before: dict[TensorRef, frozenset[TensorRef]] = {}  # itself, and all that it is computed from
    spanned: dict[TensorRef, frozenset[TensorRef]] = {}
    for node in graph.nodes:
        upstream = frozenset[TensorRef]().union(*(before[ref] for ref in node.inputs))
        round_kernel = frozenset[TensorRef]().union(*(spanned[ref] for ref in node.inputs))
        if has_kernel(graph.layer_of(node)):
            round_kernel = upstream
        for index in range(len(node.outputs)):
            ref = TensorRef(node.name, index)
            before[ref], spanned[ref] = upstream | {ref}, round_kernel
    return spanned
