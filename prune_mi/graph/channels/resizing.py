"""Channels that go or come: every weight that reads them is sliced or grows.

Where a part of a concatenation goes, the tensors behind it have fewer channels; where a layer is
widened, they have more. Where the channels come from is followed forwards as a map over one axis of
each tensor: layers that keep channels apart pass it on (with their own weights for each channel
resized), a layer with a kernel takes it in (rows of the kernel go or come) and yields all its
channels again, a concatenation joins maps, a flattening repeats them. Where a map reaches something
that cannot be resized, the whole change is refused with the reason.

How weights are cut or grown is a `Resize`; where they have to be, and which channels a call then
yields, is the same for all of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from prune_mi.graph.channels.channel_map import ChannelMap, concatenated
from prune_mi.graph.channels.normalizing import whole_groups, with_whole_groups
from prune_mi.graph.channels.propagation import INPUT_AXIS, Propagation, propagation
from prune_mi.graph.channels.reshaping import with_size
from prune_mi.graph.edit import read_only, with_resized, with_settings
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef, TensorSpec
from prune_mi.graph.not_applicable import NotApplicable


class Resize(Protocol):
    """How weights follow channels."""

    def hand(self, name: str, weight: np.ndarray, channels: ChannelMap, axis: int) -> np.ndarray:
        """A weight of which each channel has its own part, along `axis`; `name` is its name."""

    def read(self, weight: np.ndarray, channels: ChannelMap, axis: int) -> np.ndarray:
        """A kernel that sums over channels, which lie along `axis`."""

    def objection(self, graph: LayerGraph, layer: LayerDef, channels: ChannelMap) -> str | None:
        """Why a layer with weights may not be resized, as the end of a sentence on it."""


@dataclass(frozen=True, slots=True)
class Slicing:
    """Weights of channels that are gone go; a `Resize`.

    Attributes:
        take: What is left of a weight: its parts, or only their shape.
    """

    take: Callable[[np.ndarray, np.ndarray, int], np.ndarray]

    def hand(self, name: str, weight: np.ndarray, channels: ChannelMap, axis: int) -> np.ndarray:
        return self.take(weight, channels.source, axis)

    def read(self, weight: np.ndarray, channels: ChannelMap, axis: int) -> np.ndarray:
        return self.take(weight, channels.source, axis)

    def objection(self, graph: LayerGraph, layer: LayerDef, channels: ChannelMap) -> str | None:
        return "is protected" if layer.name in graph.protected else None


def _taken(weight: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """Parts of a weight, read-only."""
    return read_only(np.take(weight, places, axis=axis))


def _outline(weight: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """The shape of parts of a weight, its values all 0 and in one place of memory."""
    shape = list(weight.shape)
    shape[axis] = len(places)
    return np.broadcast_to(np.zeros((), weight.dtype), shape)


SLICE = Slicing(_taken)
SHAPES_ONLY = Slicing(_outline)

_Passed = tuple[LayerDef | None, ChannelMap | None]
"""A call's resized layer, where it has weights to resize, and what its output's channels are."""


def propagate(
    graph: LayerGraph, maps: Mapping[TensorRef, ChannelMap], *, resize: Resize = SLICE
) -> LayerGraph | NotApplicable:
    """Resizes everything behind tensors that have lost or gained channels.

    Args:
        graph: A graph in which the tensors of `maps` already have their channels, and in which all
            tensors are described as they were before. A call that yields one of `maps` may read
            another of them: the weights that make its output are as they shall be, those that read
            its input are resized.
        maps: For each tensor that an edit has narrowed or widened, where its channels come from.
        resize: How weights change: `SLICE`, `SHAPES_ONLY`, or how they grow.

    Returns:
        The graph, its calls in the same order, with resized weights and the shapes that follow; or
        why it cannot be.
    """
    known = dict(maps)
    layers = dict(graph.layers)
    read: dict[str, list[ChannelMap]] = {}
    nodes = list(graph.nodes)
    start = min(graph.position[ref.node] for ref in maps)
    for place, node in enumerate(graph.nodes[start:], start):
        own = TensorRef(node.name)
        if any(ref in known for ref in node.inputs):
            passed = _through(graph, node, known, resize)
            if isinstance(passed, NotApplicable):
                return passed
            layer, found = passed
            if layer is not None:
                read.setdefault(node.layer, []).append(_first_known(node, known))
            if found is not None and own in maps:
                return NotApplicable(f"{node.name!r}, which reads it, hands it on")
            if layer is not None:
                layers[node.layer] = layer
            if found is not None:
                known[own] = found
        if own in known:
            shape = list(node.outputs[0].shape)
            shape[known[own].axis] = len(known[own].source)
            spec = TensorSpec(tuple(shape), node.outputs[0].dtype)
            nodes[place] = replace(node, outputs=(spec,))
    for name, channels in read.items():
        alike = all(np.array_equal(each.source, channels[0].source) for each in channels)
        if len(channels) < graph.calls_of(name) or not alike:
            return NotApplicable(f"{name!r}, which reads it, is called more than once")
    outputs = [ref for ref in graph.outputs if ref in known]
    if outputs:
        return NotApplicable(f"{outputs[0].node!r} yields the model's output")
    return replace(graph, nodes=tuple(nodes), layers=layers)


def _through(
    graph: LayerGraph, node: Node, known: Mapping[TensorRef, ChannelMap], resize: Resize
) -> _Passed | NotApplicable:
    """What becomes of a call that reads one of the tensors of `known`, which have changed."""
    if any(ref in known for ref in node.mask_inputs):
        return NotApplicable(f"{node.name!r} takes it for a mask")
    layer = graph.layer_of(node)
    channels = _first_known(node, known)
    way = propagation(graph, node, channels.axis)
    if isinstance(way, NotApplicable):
        kind = "" if layer.class_name in INPUT_AXIS else f", a {layer.class_name} that reads it,"
        return NotApplicable(f"{node.name!r}{kind or ', which reads it,'} {way.reason}")
    objection = resize.objection(graph, layer, channels) if way.has_weights else None
    if objection is not None:
        return NotApplicable(f"{layer.name!r}, which reads it, {objection}")
    passed: _Passed | NotApplicable
    match way.way:
        case "concatenate":
            passed = _concatenated(graph, node, known, way.axis)
        case "join":
            passed = _joined(graph, node, known)
        case "flatten":
            first = layer.config.get("data_format") == "channels_first"
            shape = graph.spec(node.inputs[0]).shape
            flat = channels.flattened(shape, channels_first=first)
            rank = len(node.outputs[0].shape)
            sized = with_size(layer, rank, flat.axis, len(flat.source))
            passed = sized if way.has_weights else None, flat
        case "keep":
            passed = _kept(layer, channels.on(way.axis), node, way, resize)
        case "group":
            passed = _grouped(layer, channels, resize)
        case _:
            passed = _kernel(layer, channels, way, resize)
    if isinstance(passed, NotApplicable):
        return passed
    left = passed[1]
    if left is not None and node.outputs[0].shape[left.axis] != left.size:
        return NotApplicable(f"{node.name!r}, which reads it, changes the number of its channels")
    return passed


def _first_known(node: Node, known: Mapping[TensorRef, ChannelMap]) -> ChannelMap:
    """What became of the channels of the first changed tensor that a call reads."""
    return next(known[ref] for ref in node.inputs if ref in known)


def _kernel(
    layer: LayerDef, channels: ChannelMap, way: Propagation, resize: Resize
) -> _Passed | NotApplicable:
    """Kernels sum over channels; depthwise ones hand them on."""
    handed = channels.repeated(way.times)
    # A separable convolution's second kernel reads what its first makes of each channel.
    multiplied = channels.repeated(int(layer.config.get("depth_multiplier") or 1))
    weights = []
    for name, weight in layer.named_weights:
        read, axis = channels, INPUT_AXIS[layer.class_name]
        if name == "pointwise_kernel":
            read, axis = multiplied, -2
        elif name == "recurrent_kernel":  # reads what the layer makes
            weights.append(weight)
            continue
        elif not name.endswith("kernel"):
            weights.append(resize.hand(name, weight, handed, 0) if way.way == "repeat" else weight)
            continue
        if weight.shape[axis] != read.size:
            return NotApplicable(f"{layer.name!r}, which reads it, has weights in another form")
        if way.way == "repeat" or name == "depthwise_kernel":
            weights.append(resize.hand(name, weight, read, axis))
        else:
            weights.append(resize.read(weight, read, axis))
    left = handed.on(way.axis) if way.way == "repeat" else None
    return with_resized(layer, weights), left


def _grouped(layer: LayerDef, channels: ChannelMap, resize: Resize) -> _Passed | NotApplicable:
    """A convolution in groups changes by whole groups, with what they yield, or alike in each."""
    groups, filters = int(layer.config["groups"]), int(layer.config["filters"])
    alike = _alike_in_each(channels, groups)
    if alike is not None:
        weights = [
            resize.read(weight, alike, -2) if name == "kernel" else weight
            for name, weight in layer.named_weights
        ]
        return with_resized(layer, weights), None
    whole = whole_groups(channels, groups)
    if whole is None:
        return NotApplicable(
            f"{layer.name!r}, which reads it, convolves in groups that it would cut"
        )
    handed = whole.repeated(filters // groups)
    weights = [resize.hand(name, weight, handed, -1) for name, weight in layer.named_weights]
    sizes = {"groups": len(whole.source), "filters": len(handed.source)}
    return with_settings(layer, sizes, weights), handed.on(channels.axis)


def _alike_in_each(channels: ChannelMap, groups: int) -> ChannelMap | None:
    """The map of one group's channels where that of all groups is the same."""
    size = channels.size // groups
    if len(channels.source) % groups or (channels.source < 0).any():
        return None
    within = channels.source.reshape(groups, -1) - size * np.arange(groups)[:, None]
    if (within != within[0]).any() or (within < 0).any() or (within >= size).any():
        return None
    return ChannelMap(channels.axis, within[0], size)


def _kept(
    layer: LayerDef, channels: ChannelMap, node: Node, way: Propagation, resize: Resize
) -> _Passed | NotApplicable:
    """A layer that keeps channels apart, perhaps with weights or a setting for them."""
    if not way.has_weights:
        return None, channels
    if layer.class_name == "Reshape":
        rank = len(node.outputs[0].shape)
        return with_size(layer, rank, channels.axis, len(channels.source)), channels
    weights = []
    for name, weight in layer.named_weights:
        axis = channels.axis - 1 if weight.ndim > 1 else 0  # PReLU's have all but the batch's
        weights.append(resize.hand(name, weight, channels, axis) if weight.ndim else weight)
    resized = with_whole_groups(with_resized(layer, weights), channels)
    if isinstance(resized, NotApplicable):
        return NotApplicable(f"{layer.name!r}, which reads it, {resized.reason}")
    return resized, channels


def _joined(
    graph: LayerGraph, node: Node, known: Mapping[TensorRef, ChannelMap]
) -> _Passed | NotApplicable:
    """Elementwise joins: the channels of all inputs must have changed alike."""
    maps = [known.get(ref) for ref in node.inputs]
    first = next(each for each in maps if each is not None)
    rank = len(node.outputs[0].shape)
    for ref, each in zip(node.inputs, maps, strict=True):
        shape = graph.spec(ref).shape
        same_rank = len(shape) == rank
        if each is None and same_rank and shape[first.axis] == 1:
            continue  # broadcast over channels
        if each is None or not same_rank or each.axis != first.axis:
            return NotApplicable(f"{node.name!r} joins it with a tensor of full width")
        if not np.array_equal(each.source, first.source):
            return NotApplicable(f"{node.name!r} joins it with a tensor of other channels")
    return None, first


def _concatenated(
    graph: LayerGraph, node: Node, known: Mapping[TensorRef, ChannelMap], axis: int
) -> _Passed | NotApplicable:
    """A concatenation along channels joins maps; along another axis it may not."""
    maps = []
    for ref in node.inputs:
        each = known.get(ref)
        if each is not None and each.axis != axis:
            return _strung(node, known)
        maps.append(each or ChannelMap.unchanged(axis, graph.spec(ref).shape[axis] or 1))
    return None, concatenated(axis, maps)


def _strung(node: Node, known: Mapping[TensorRef, ChannelMap]) -> _Passed | NotApplicable:
    """A concatenation along another axis than the channels', which must have changed alike."""
    maps = [known.get(ref) for ref in node.inputs]
    first = next(each for each in maps if each is not None)
    for each in maps:
        alike = each is not None and np.array_equal(each.source, first.source)
        if each is None or each.axis != first.axis or not alike:
            return NotApplicable(f"{node.name!r} joins it along another axis than its channels")
    return None, first
