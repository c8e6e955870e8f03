"""Shortcuts that come and go.

One that comes makes b + s(a) of b, or [b, a]; outputs stay, in inference as in training.

A shortcut leads round at least one layer with a kernel, from a tensor a to a tensor b behind it.
Where a has more rows and columns than b it is averaged: in windows of the stride that gives b's
size, else in windows that slide by one. A flat b reads the means of a's channels.

By addition, s(a) = 0 until training changes it. Where a has as many channels as b, s is a batch
norm with gamma 0 and beta 0, else a 1x1 convolution (a dense layer for flat tensors) with kernel 0.
Both are 0 whatever a is; and gamma's gradient, the normalised a times that of b, is not 0, nor is
the kernel's.

By concatenation, the readers' kernels get rows of 0 for a, whose gradient is not 0. Layers that
keep channels apart get neutral weights for the new ones (a batch norm's scale 1 and offset 0, a
depthwise kernel of 1 at its centre). No tensor gets more than 512 channels so, and no network
becomes more than four times as large.

One that goes makes f(a) of s(a) + f(a), or of [s(a), f(a)]. This is not exact, unless it came as
above and has not been trained since: then it adds nothing, or nothing reads it. What is a shortcut
is said in `graph.units.joins`; what only it went through goes with it, and readers of a
concatenation lose the weights for it. All weights that stay are kept as they are.

Source: Elsken, Metzen, Hutter (2017), Simple and Efficient Architecture Search (NASH), whose
(1 - l) b + l a starts at l = 0 too; Goyal et al. (2017), Accurate, Large Minibatch SGD, section
5.1, for the gamma of 0; Huang et al. (2017), Densely Connected Convolutional Networks, for the
concatenation; Elsken, Metzen, Hutter (2019), Efficient Multi-objective Neural Architecture Search
via Lamarckian Evolution (LEMONADE), whose approximate morphisms remove skip connections.
"""

from abc import abstractmethod
from functools import partial

import numpy as np

from prune_mi.graph.channels.channel_map import ChannelMap
from prune_mi.graph.channels.widening import grow_readers
from prune_mi.graph.edit import fresh_name, insert_calls
from prune_mi.graph.ir import LayerDef, LayerGraph, Shape, TensorRef
from prune_mi.graph.new_layers import Chain, new_batch_norm, new_conv, new_dense, stock_layer
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Edit, Site
from prune_mi.graph.traits import CONCATENATIONS, JOINS
from prune_mi.graph.units.joins import (
    Shortcut,
    ancestors_through_kernels,
    find_shortcuts,
    without_shortcut,
)
from prune_mi.morphisms.insertion import Insertion, has_channels_last, inner_tensors, num_channels
from prune_mi.morphisms.morphism import MorphContext, Morphism
from prune_mi.morphisms.widen import MAX_WIDTH, is_too_large

_IMAGE_RANKS = (3, 4, 5)


class _Skip(Insertion):
    """Joins a tensor with an earlier one; all its readers read the joined one."""

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`: a site for each pair of tensors that a shortcut may join."""
        spanned = ancestors_through_kernels(graph)
        inner = inner_tensors(graph) if has_channels_last(graph) else []
        inner = [ref for ref in inner if None not in graph.spec(ref).shape[1:]]
        return [
            Site(end.node, start, end, partial(self.edit, start=start, end=end))
            for end in inner
            for start in inner
            if start in spanned[end]
            and not _are_joined(graph, start, end)
            and _can_shrink(graph.spec(start).shape, graph.spec(end).shape)
        ] or NotApplicable(
            "no two channels-last tensors of known size inside the graph have a layer with a "
            "kernel between them"
        )

    @abstractmethod
    def edit(
        self, graph: LayerGraph, rng: np.random.Generator, *, start: TensorRef, end: TensorRef
    ) -> Edit | NotApplicable:
        """Joins `end` with `start`."""


class SkipAdd(_Skip):
    """Adds an earlier tensor to a later one."""

    name = "skip-add"

    def edit(
        self, graph: LayerGraph, rng: np.random.Generator, *, start: TensorRef, end: TensorRef
    ) -> Edit:
        shape = graph.spec(end).shape
        chain = _resized(graph, start, end)
        zero = _zero(graph, num_channels(graph, start), num_channels(graph, end), len(shape))
        add = stock_layer("Add", fresh_name(graph, "skip_add"))
        chain = chain.then(zero, shape).then(add, shape, before=(end,))
        grown = insert_calls(graph, end, chain.layers, chain.calls)
        return Edit(grown, f"shortcut from {start.node}")


class SkipConcat(_Skip):
    """Puts an earlier tensor's channels behind a later one's."""

    name = "skip-concat"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        found = super().sites(graph, context)
        if isinstance(found, NotApplicable):
            return found
        return [
            site
            for site in found
            if num_channels(graph, site.before) + num_channels(graph, site.after) <= MAX_WIDTH
        ] or NotApplicable(
            f"nothing can be concatenated: {found[0].name!r} would have more than {MAX_WIDTH} "
            "channels"
        )

    def edit(
        self, graph: LayerGraph, rng: np.random.Generator, *, start: TensorRef, end: TensorRef
    ) -> Edit | NotApplicable:
        shape, name = graph.spec(end).shape, fresh_name(graph, "skip_concat")
        join = stock_layer("Concatenate", name, axis=-1)
        chain = _resized(graph, start, end).then(join, shape, before=(end,))
        longer = insert_calls(graph, end, chain.layers, chain.calls)
        channels = num_channels(graph, end), num_channels(graph, start)
        more = ChannelMap.extended(len(shape) - 1, *channels)
        grown = grow_readers(longer, {TensorRef(name): more}, rng=rng)
        if isinstance(grown, NotApplicable):
            return grown
        if is_too_large(grown, graph):
            return NotApplicable(f"a shortcut to {end.node!r} would make the network too large")
        return Edit(grown, f"shortcut from {start.node}")


class RemoveSkip(Morphism):
    """Removes a shortcut."""

    name = "remove-skip"
    effect = "removes"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        return [_site(each) for each in find_shortcuts(graph)] or NotApplicable(
            "the graph has no shortcut"
        )


MORPHISMS = (SkipAdd(), SkipConcat(), RemoveSkip())


def _site(shortcut: Shortcut) -> Site:
    edit = partial(_without, shortcut=shortcut)
    return Site(shortcut.join, shortcut.start, TensorRef(shortcut.join), edit)


def _without(
    graph: LayerGraph, rng: np.random.Generator, *, shortcut: Shortcut
) -> Edit | NotApplicable:
    slimmed = without_shortcut(graph, shortcut)
    if isinstance(slimmed, NotApplicable):
        return slimmed
    return Edit(slimmed, f"the shortcut from {shortcut.start.node}")


def _resized(graph: LayerGraph, start: TensorRef, end: TensorRef) -> Chain:
    """The start of a shortcut, averaged to the size of its end; its channels stay as they are."""
    large, small = graph.spec(start).shape, graph.spec(end).shape
    chain = Chain((), (), start, large)
    rank, name = len(large) - 2, fresh_name(graph, "skip_pool")
    if len(small) < len(large):
        return chain.then(stock_layer(f"GlobalAveragePooling{rank}D", name), (None, large[-1]))
    if large[1:-1] == small[1:-1]:
        return chain
    pairs = [(old or 0, new or 0) for old, new in zip(large[1:-1], small[1:-1], strict=True)]
    strides = [-(-old // new) for old, new in pairs]
    windows, padding = strides, "same"
    if any(-(-old // stride) != new for (old, new), stride in zip(pairs, strides, strict=True)):
        windows, padding = [old - new + 1 for old, new in pairs], "valid"
        strides = [1] * rank
    pooling = stock_layer(
        f"AveragePooling{rank}D",
        name,
        pool_size=windows,
        strides=strides,
        padding=padding,
        data_format="channels_last",
    )
    return chain.then(pooling, (*small[:-1], large[-1]))


def _zero(graph: LayerGraph, channels: int, filters: int, rank: int) -> LayerDef:
    """A layer that yields 0 and can learn to yield something else."""
    if channels == filters:
        return new_batch_norm(fresh_name(graph, "skip_scale"), channels, gamma=0.0)
    name = fresh_name(graph, "skip_conv")
    if rank == 2:
        return new_dense(name, np.zeros((channels, filters), np.float32))
    return new_conv(name, np.zeros((*[1] * (rank - 2), channels, filters), np.float32))


def _are_joined(graph: LayerGraph, start: TensorRef, end: TensorRef) -> bool:
    """Whether the end joins the start with something already."""
    node = graph.node_by_name[end.node]
    return start in node.inputs and graph.layer_of(node).class_name in JOINS | CONCATENATIONS


def _can_shrink(start: Shape, end: Shape) -> bool:
    if len(start) in _IMAGE_RANKS and len(end) == 2:
        return True
    pairs = zip(start[1:-1], end[1:-1], strict=False)
    return len(start) == len(end) and all((old or 0) >= (new or 0) for old, new in pairs)
