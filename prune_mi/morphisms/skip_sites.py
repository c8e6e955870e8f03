"""Where a shortcut may lead from and to, and what makes the one tensor as large as the other.

A shortcut leads round at least one layer with a kernel, from a tensor a to a tensor b behind it.
Where a has more rows and columns than b it is averaged: in windows of the stride that gives b's
size, else in windows that slide by one. A flat b reads the means of a's channels.
"""

from dataclasses import dataclass

from prune_mi.graph.edit import fresh_name
from prune_mi.graph.ir import LayerGraph, Shape, TensorRef
from prune_mi.graph.new_layers import Chain, stock_layer
from prune_mi.graph.shortcuts import ancestors_through_kernels
from prune_mi.graph.traits import CONCATENATIONS, JOINS
from prune_mi.morphisms.site import has_channels_last, inner_tensors

NO_SKIP_SITE = (
    "no two channels-last tensors of known size inside the graph have a layer with a kernel "
    "between them"
)
_IMAGE_RANKS = (3, 4, 5)


@dataclass(frozen=True, slots=True)
class SkipSite:
    """Where a shortcut may be.

    Attributes:
        start: The tensor that it leads from.
        end: The tensor that it is joined with; all readers of that read the joined one.
    """

    start: TensorRef
    end: TensorRef


def skip_sites(graph: LayerGraph) -> list[SkipSite]:
    """All pairs of tensors that a shortcut may join."""
    if not has_channels_last(graph):
        return []
    spanned = ancestors_through_kernels(graph)
    inner = [ref for ref in inner_tensors(graph, rank=None) if None not in _sizes(graph, ref)]
    return [
        SkipSite(start, end)
        for end in inner
        for start in inner
        if start in spanned[end]
        and not _are_joined(graph, start, end)
        and _can_shrink(graph.spec(start).shape, graph.spec(end).shape)
    ]


def resized_start(graph: LayerGraph, site: SkipSite) -> Chain:
    """The start of a shortcut, averaged to the size of its end; its channels stay as they are."""
    start, end = graph.spec(site.start).shape, graph.spec(site.end).shape
    chain = Chain((), (), site.start, start)
    rank = len(start) - 2
    if len(end) < len(start):
        name = fresh_name(graph, "skip_pool")
        return chain.then(stock_layer(f"GlobalAveragePooling{rank}D", name), (None, start[-1]))
    if start[1:-1] == end[1:-1]:
        return chain
    pairs = [(old or 0, new or 0) for old, new in zip(start[1:-1], end[1:-1], strict=True)]
    strides = [-(-old // new) for old, new in pairs]
    windows, padding = strides, "same"
    if any(-(-old // stride) != new for (old, new), stride in zip(pairs, strides, strict=True)):
        windows, padding = [old - new + 1 for old, new in pairs], "valid"
        strides = [1] * rank
    pooling = stock_layer(
        f"AveragePooling{rank}D",
        fresh_name(graph, "skip_pool"),
        pool_size=windows,
        strides=strides,
        padding=padding,
        data_format="channels_last",
    )
    return chain.then(pooling, (*end[:-1], start[-1]))


def _sizes(graph: LayerGraph, ref: TensorRef) -> Shape:
    return graph.spec(ref).shape[1:]


def _are_joined(graph: LayerGraph, start: TensorRef, end: TensorRef) -> bool:
    """Whether the end joins the start with something already."""
    node = graph.node_by_name[end.node]
    return start in node.inputs and graph.layer_of(node).class_name in JOINS | CONCATENATIONS


def _can_shrink(start: Shape, end: Shape) -> bool:
    if len(start) in _IMAGE_RANKS and len(end) == 2:
        return True
    pairs = zip(start[1:-1], end[1:-1], strict=False)
    return len(start) == len(end) and all((old or 0) >= (new or 0) for old, new in pairs)
