"""Where a shortcut may lead from and to, and what makes the one tensor as large as the other.

A shortcut leads round at least one layer with a kernel, from a tensor a to a tensor b behind it.
Where a has more rows and columns than b it is averaged: in windows of the stride that gives b's
size, else in windows that slide by one. A flat b reads the means of a's channels.
"""

from functools import partial
from typing import Protocol

import numpy as np

from prune_mi.graph.chain import Chain
from prune_mi.graph.edit import fresh_name
from prune_mi.graph.end_layers import stock_layer
from prune_mi.graph.ir import LayerGraph, Shape, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Edit, Site
from prune_mi.graph.spans import spanned_tensors
from prune_mi.graph.traits import CONCATENATIONS, JOINS
from prune_mi.morphisms.insertion import has_channels_last, inner_tensors

_IMAGE_RANKS = (3, 4, 5)


class SkipEdit(Protocol):
    """Joins the tensor `end` with `start`; all readers of it read the joined one."""

    def __call__(
        self, graph: LayerGraph, rng: np.random.Generator, *, start: TensorRef, end: TensorRef
    ) -> Edit | NotApplicable: ...


def skip_sites(graph: LayerGraph, edit: SkipEdit) -> list[Site] | NotApplicable:
    """A site, from its tensor `before` to `after`, for each pair that a shortcut may join."""
    spanned = spanned_tensors(graph)
    inner = [ref for ref in inner_tensors(graph, rank=None) if None not in _sizes(graph, ref)]
    found = [
        Site(end.node, start, end, partial(edit, start=start, end=end))
        for end in inner
        for start in inner
        if has_channels_last(graph)
        and start in spanned[end]
        and not _are_joined(graph, start, end)
        and _can_shrink(graph.spec(start).shape, graph.spec(end).shape)
    ]
    return found or NotApplicable(
        "no two channels-last tensors of known size inside the graph have a layer with a kernel "
        "between them"
    )


def resized_start(graph: LayerGraph, first: TensorRef, last: TensorRef) -> Chain:
    """The start of a shortcut, averaged to the size of its end; its channels stay as they are."""
    start, end = graph.spec(first).shape, graph.spec(last).shape
    chain = Chain((), (), first, start)
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
