"""Channels that a layer is no longer fed: every weight that reads them is sliced.

Where a part of a concatenation goes, the tensors behind it have fewer channels. What remains is
followed forwards as a mask over one axis of each tensor: layers that keep channels apart pass it on
(with their own weights for each channel sliced), a layer with a kernel takes it in (rows of the
kernel go) and yields all its channels again, a concatenation joins masks, a flattening repeats
them. Where a mask reaches something that cannot be sliced, the whole change is refused with the
reason.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from prune_mi.graph.edit import read_only, without_dead_nodes
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, Shape, TensorRef, TensorSpec
from prune_mi.graph.passing import INPUT_AXIS, Opaque, Passing, passing


@dataclass(frozen=True, slots=True, eq=False)
class ChannelMask:
    """The channels of a tensor that remain.

    Attributes:
        axis: The axis they lie on, counted from 0, the batch included.
        keep: bool, one a channel of the tensor as it was.
    """

    axis: int
    keep: np.ndarray

    @classmethod
    def of(cls, axis: int, keep: Sequence[bool]) -> "ChannelMask":
        """A mask from plain booleans."""
        return cls(axis, np.array(keep, dtype=bool))


@dataclass(frozen=True, slots=True)
class Unsliceable:
    """Why channels cannot go."""

    reason: str


@dataclass(frozen=True, slots=True)
class Slices:
    """What becomes of the calls behind channels that go.

    Attributes:
        layers: Layers with fewer weights, by name.
        nodes: Calls that yield other shapes, by name.
    """

    layers: Mapping[str, LayerDef]
    nodes: Mapping[str, Node]


Cut = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def cut(keep: np.ndarray, weight: np.ndarray, axis: int) -> np.ndarray:
    """What is left of a weight, read-only."""
    return read_only(np.compress(keep, weight, axis=axis))


def outline(keep: np.ndarray, weight: np.ndarray, axis: int) -> np.ndarray:
    """The shape of what is left of a weight, its values all 0 and in one place of memory."""
    shape = list(weight.shape)
    shape[axis] = int(keep.sum())
    return np.broadcast_to(np.zeros((), weight.dtype), shape)


def drop_channels(
    graph: LayerGraph, masks: Mapping[TensorRef, ChannelMask]
) -> LayerGraph | Unsliceable:
    """Slices everything behind tensors that have lost channels.

    Args:
        graph: A graph in which the tensors of `masks` already lack the channels that their masks
            drop, and whose other tensors are described as they were before.
        masks: For each tensor that an edit has narrowed, what remains of it.

    Returns:
        The graph with sliced weights and the shapes that follow; or why it cannot be.
    """
    slices = find_slices(graph, masks)
    return slices if isinstance(slices, Unsliceable) else without_dead_nodes(sliced(graph, slices))


def sliced(graph: LayerGraph, slices: Slices) -> LayerGraph:
    """The graph with what `find_slices` found in its place."""
    nodes = tuple(slices.nodes.get(node.name, node) for node in graph.nodes)
    return replace(graph, nodes=nodes, layers={**graph.layers, **slices.layers})


def find_slices(
    graph: LayerGraph, masks: Mapping[TensorRef, ChannelMask], *, cut: Cut = cut
) -> Slices | Unsliceable:
    """What `drop_channels` changes.

    Args:
        graph: As there.
        masks: As there.
        cut: `outline` where only shapes are wanted.
    """
    known = dict(masks)
    layers: dict[str, LayerDef] = {}
    nodes: dict[str, Node] = {}
    start = min(graph.position[ref.node] for ref in masks)
    for node in graph.nodes[start:]:
        own = TensorRef(node.name)
        if own not in masks and any(ref in known for ref in node.inputs):
            passed = _through(graph, node, known, cut)
            if isinstance(passed, Unsliceable):
                return passed
            layer, mask = passed
            if layer is not None and layer.name in graph.protected:
                return Unsliceable(f"{layer.name!r}, which reads it, is protected")
            if layer is not None:
                if graph.calls_of(node.layer) > 1:
                    return Unsliceable(f"{node.layer!r}, which reads it, is called more than once")
                layers[node.layer] = layer
            if mask is not None:
                known[own] = mask
        if own in known:
            nodes[node.name] = _reshaped(node, known[own])
    outputs = [ref for ref in graph.outputs if ref in known]
    if outputs:
        return Unsliceable(f"{outputs[0].node!r} yields the model's output")
    return Slices(layers, nodes)


Passed = tuple[LayerDef | None, ChannelMask | None]


def _through(
    graph: LayerGraph, node: Node, known: Mapping[TensorRef, ChannelMask], cut: Cut
) -> Passed | Unsliceable:
    """A call's sliced layer, where it has weights to slice, and what its output keeps."""
    layer = graph.layer_of(node)
    mask = next(known[ref] for ref in node.inputs if ref in known)
    way = passing(graph, node, mask.axis)
    if isinstance(way, Opaque):
        kind = "" if layer.class_name in INPUT_AXIS else f", a {layer.class_name} that reads it,"
        return Unsliceable(f"{node.name!r}{kind or ', which reads it,'} {way.reason}")
    passed: Passed | Unsliceable
    match way.way:
        case "concatenate":
            passed = _concatenated(graph, node, known, way.axis)
        case "join":
            passed = _joined(graph, node, known)
        case "flatten":
            passed = None, _flattened(layer, mask, graph.spec(node.inputs[0]).shape)
        case "keep":
            narrowed = _per_channel(layer, mask, cut) if way.has_weights else None
            passed = narrowed, ChannelMask(way.axis, mask.keep)
        case "group":
            passed = _grouped(layer, mask, cut)
        case _:
            passed = _kernel(layer, mask, way, cut)
    if isinstance(passed, Unsliceable):
        return passed
    left = passed[1]
    if left is not None and node.outputs[0].shape[left.axis] != len(left.keep):
        return Unsliceable(f"{node.name!r}, which reads it, changes the number of its channels")
    return passed


def _kernel(layer: LayerDef, mask: ChannelMask, way: Passing, cut: Cut) -> Passed | Unsliceable:
    """Kernels lose the rows of channels that are gone; depthwise ones hand channels on."""
    handed = np.repeat(mask.keep, way.times)
    # A separable convolution's second kernel reads what its first makes of each channel.
    multiplied = np.repeat(mask.keep, int(layer.config.get("depth_multiplier") or 1))
    weights = []
    for weight, name in zip(layer.weights, layer.weight_names, strict=True):
        keep, axis = None, 0
        if name == "pointwise_kernel":
            keep, axis = multiplied, -2
        elif name.endswith("kernel"):
            keep, axis = mask.keep, INPUT_AXIS[layer.class_name]
        elif way.way == "repeat":
            keep = handed
        if keep is not None:
            if weight.shape[axis] != len(keep):
                return Unsliceable(f"{layer.name!r}, which reads it, has weights in another form")
            weight = cut(keep, weight, axis)
        weights.append(weight)
    left = ChannelMask(way.axis, handed) if way.way == "repeat" else None
    return _with_weights(layer, weights), left


def _grouped(layer: LayerDef, mask: ChannelMask, cut: Cut) -> Passed | Unsliceable:
    """A convolution in groups loses whole groups, with what they yield, or the same of each."""
    groups, filters = int(layer.config["groups"]), int(layer.config["filters"])
    keep = mask.keep.reshape(groups, -1)
    if (keep == keep[0]).all():
        weights = [
            cut(keep[0], weight, -2) if name == "kernel" else weight
            for weight, name in zip(layer.weights, layer.weight_names, strict=True)
        ]
        return _with_weights(layer, weights), None
    whole = keep.all(axis=1)
    if not np.array_equal(whole, keep.any(axis=1)):
        return Unsliceable(f"{layer.name!r}, which reads it, convolves in groups that it would cut")
    handed = np.repeat(whole, filters // groups)
    weights = [cut(handed, weight, -1) for weight in layer.weights]
    config = {**layer.config, "groups": int(whole.sum()), "filters": int(handed.sum())}
    narrowed = replace(layer, serialized={**layer.serialized, "config": config})
    return _with_weights(narrowed, weights), ChannelMask(mask.axis, handed)


def _per_channel(layer: LayerDef, mask: ChannelMask, cut: Cut) -> LayerDef:
    """A layer that loses the weights of channels that are gone."""
    weights = [
        cut(mask.keep, weight, int(np.argmax(weight.shape)))
        if weight.ndim  # PReLU's have axes of size 1 beside the channels'
        else weight
        for weight in layer.weights
    ]
    return _with_weights(layer, weights)


def _flattened(layer: LayerDef, mask: ChannelMask, shape: Shape) -> ChannelMask:
    """The mask at every position."""
    sizes = [size or 1 for size in shape[1:]]
    layout = [1] * len(sizes)
    layout[mask.axis - 1] = -1
    grid = np.broadcast_to(mask.keep.reshape(layout), sizes)
    if layer.config.get("data_format") == "channels_first":
        grid = np.moveaxis(grid, 0, -1)  # Keras puts channels last before it flattens
    return ChannelMask(1, grid.reshape(-1))


def _joined(
    graph: LayerGraph, node: Node, known: Mapping[TensorRef, ChannelMask]
) -> Passed | Unsliceable:
    """Elementwise joins: all inputs must have lost the same channels."""
    masks = [known.get(ref) for ref in node.inputs]
    first = next(mask for mask in masks if mask is not None)
    rank = len(node.outputs[0].shape)
    for ref, mask in zip(node.inputs, masks, strict=True):
        shape = graph.spec(ref).shape
        same_rank = len(shape) == rank
        if mask is None and same_rank and shape[first.axis] == 1:
            continue  # broadcast over channels
        if mask is None or not same_rank or mask.axis != first.axis:
            return Unsliceable(f"{node.name!r} joins it with a tensor of full width")
        if not np.array_equal(mask.keep, first.keep):
            return Unsliceable(f"{node.name!r} joins it with a tensor of other channels")
    return None, first


def _concatenated(
    graph: LayerGraph, node: Node, known: Mapping[TensorRef, ChannelMask], axis: int
) -> Passed | Unsliceable:
    """A concatenation along channels joins masks; along another axis it may not."""
    masks = []
    for ref in node.inputs:
        mask = known.get(ref)
        size = graph.spec(ref).shape[axis]
        if mask is not None and mask.axis != axis:
            return Unsliceable(f"{node.name!r} joins it along another axis than its channels")
        masks.append(np.ones(size or 1, dtype=bool) if mask is None else mask.keep)
    return None, ChannelMask(axis, np.concatenate(masks))


def _with_weights(layer: LayerDef, weights: Sequence[np.ndarray]) -> LayerDef:
    """A layer with narrower weights; Keras sizes it anew by what it is called on."""
    serialized = {key: value for key, value in layer.serialized.items() if key != "build_config"}
    return replace(layer, serialized=serialized, weights=tuple(weights))


def _reshaped(node: Node, mask: ChannelMask) -> Node:
    """The call with the shape of its output as it is now."""
    shape = list(node.outputs[0].shape)
    shape[mask.axis] = int(mask.keep.sum())
    return replace(node, outputs=(TensorSpec(tuple(shape), node.outputs[0].dtype),))
