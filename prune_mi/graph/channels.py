"""Channels that a layer is no longer fed: every weight that reads them is sliced.

Where a part of a concatenation goes, the tensors behind it have fewer channels. What remains is
followed forwards as a mask over one axis of each tensor: layers that keep channels apart pass it on
(with their own weights for each channel sliced), a layer with a kernel takes it in (rows of the
kernel go) and yields all its channels again, a concatenation joins masks, a flattening repeats
them. Where a mask reaches something that cannot be sliced, the whole change is refused with the
reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from prune_mi.graph.edit import read_only, without_dead_nodes
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, Shape, TensorRef, TensorSpec
from prune_mi.graph.traits import (
    CONCATENATIONS,
    DEPTHWISE,
    JOINS,
    POOLINGS,
    RESIZINGS,
    channel_axis,
    has_kernel,
    is_elementwise,
)

_INPUT_AXIS = {
    **{f"Conv{rank}D": -2 for rank in (1, 2, 3)},
    **{f"SeparableConv{rank}D": -2 for rank in (1, 2)},
    **{f"Conv{rank}DTranspose": -1 for rank in (1, 2, 3)},
    **{f"DepthwiseConv{rank}D": -2 for rank in (1, 2)},
    "Dense": -2,
}
_PER_CHANNEL = frozenset({"BatchNormalization", "LayerNormalization", "RMSNormalization", "PReLU"})


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
    known = dict(masks)
    layers: dict[str, LayerDef] = {}
    nodes = []
    for node in graph.nodes:
        if node.outputs and any(TensorRef(node.name, i) in masks for i in range(len(node.outputs))):
            nodes.append(_reshaped(node, known))
            continue
        reading = {ref: known[ref] for ref in node.inputs if ref in known}
        if reading:
            passed = _through(graph, node, known, layers)
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
                known[TensorRef(node.name)] = mask
        nodes.append(_reshaped(node, known))
    outputs = [ref for ref in graph.outputs if ref in known]
    if outputs:
        return Unsliceable(f"{outputs[0].node!r} yields the model's output")
    return without_dead_nodes(replace(graph, nodes=tuple(nodes), layers={**graph.layers, **layers}))


Passed = tuple[LayerDef | None, ChannelMask | None]


def _through(
    graph: LayerGraph,
    node: Node,
    known: Mapping[TensorRef, ChannelMask],
    done: Mapping[str, LayerDef],
) -> Passed | Unsliceable:
    """A call's sliced layer, where it has weights to slice, and what its output keeps."""
    layer = graph.layer_of(node)
    kind = layer.class_name
    if len(node.outputs) != 1:
        return Unsliceable(f"{node.name!r}, which reads it, yields {len(node.outputs)} tensors")
    if kind in CONCATENATIONS:
        return _concatenated(graph, node, known)
    if kind in JOINS and len(node.inputs) > 1:
        return _joined(graph, node, known)
    if len(set(node.inputs)) > 1:
        return Unsliceable(f"{node.name!r} joins it with other tensors in a way not understood")
    mask = known[node.inputs[0]]
    shape = graph.spec(node.inputs[0]).shape
    if not layer.weights:
        return _weightless(graph, node, mask, shape)
    if has_kernel(layer):
        return _kernel(layer, mask, shape)
    if kind in _PER_CHANNEL:
        return _per_channel(layer, mask, len(shape))
    return Unsliceable(f"{node.name!r}, a {kind} that reads it, has weights of unknown meaning")


def _weightless(
    graph: LayerGraph, node: Node, mask: ChannelMask, shape: Shape
) -> Passed | Unsliceable:
    """Layers without weights: channels stay apart, are laid out flat, or are mixed."""
    layer = graph.layer_of(node)
    kind, out = layer.class_name, node.outputs[0].shape
    if is_elementwise(layer) or kind in POOLINGS | RESIZINGS | JOINS:
        if _has_array(node.args) or _has_array(node.kwargs) or _has_array(_scales(layer)):
            return Unsliceable(f"{node.name!r}, which reads it, has a constant for each channel")
        if len(out) == len(shape):
            return None, mask
        return None, ChannelMask(len(out) - 1, mask.keep)  # a global pooling
    if kind == "Flatten":
        sizes = shape[1:]
        if None in sizes:
            return Unsliceable(f"{node.name!r} flattens images of unknown size")
        grid = np.ones([size or 1 for size in sizes], dtype=bool)
        grid &= _along(mask.keep, mask.axis - 1, len(sizes))
        if layer.config.get("data_format") == "channels_first":
            grid = np.moveaxis(grid, 0, -1)  # Keras puts channels last before it flattens
        return None, ChannelMask(1, grid.reshape(-1))
    return Unsliceable(f"{node.name!r}, a {kind} that reads it, may mix its channels")


def _scales(layer: LayerDef) -> list[Any]:
    return [layer.config.get(name) for name in ("scale", "offset", "mean", "variance")]


def _kernel(layer: LayerDef, mask: ChannelMask, shape: Shape) -> Passed | Unsliceable:
    """Kernels lose the rows of channels that are gone; depthwise ones hand channels on."""
    kind = layer.class_name
    if kind not in _INPUT_AXIS:
        return Unsliceable(f"{layer.name!r}, a {kind} that reads it, has a kernel of another kind")
    if mask.axis != channel_axis(layer, len(shape)):
        return Unsliceable(f"{layer.name!r}, which reads it, takes another axis for its channels")
    if kind not in DEPTHWISE and layer.config.get("groups", 1) != 1:
        return _grouped(layer, mask)
    handed = np.repeat(mask.keep, int(layer.config.get("depth_multiplier", 1)))
    weights = []
    for weight, name in zip(layer.weights, layer.weight_names, strict=True):
        if name == "pointwise_kernel":
            weight = np.compress(handed, weight, axis=-2)
        elif name.endswith("kernel"):
            weight = np.compress(mask.keep, weight, axis=_INPUT_AXIS[kind])
        elif kind in DEPTHWISE:
            weight = np.compress(handed, weight)
        weights.append(read_only(weight))
    sliced = _with_weights(layer, weights)
    return sliced, ChannelMask(mask.axis, handed) if kind in DEPTHWISE else None


def _grouped(layer: LayerDef, mask: ChannelMask) -> Passed | Unsliceable:
    """A convolution in groups loses whole groups, with what they yield, or the same of each."""
    groups, filters = int(layer.config["groups"]), int(layer.config["filters"])
    keep = mask.keep.reshape(groups, -1)
    if (keep == keep[0]).all():
        weights = [
            read_only(np.compress(keep[0], weight, axis=-2)) if name == "kernel" else weight
            for weight, name in zip(layer.weights, layer.weight_names, strict=True)
        ]
        return _with_weights(layer, weights), None
    whole = keep.all(axis=1)
    if not np.array_equal(whole, keep.any(axis=1)):
        return Unsliceable(f"{layer.name!r}, which reads it, convolves in groups that it would cut")
    handed = np.repeat(whole, filters // groups)
    weights = [read_only(np.compress(handed, weight, axis=-1)) for weight in layer.weights]
    config = {**layer.config, "groups": int(whole.sum()), "filters": int(handed.sum())}
    narrowed = replace(layer, serialized={**layer.serialized, "config": config})
    return _with_weights(narrowed, weights), ChannelMask(mask.axis, handed)


def _per_channel(layer: LayerDef, mask: ChannelMask, rank: int) -> Passed | Unsliceable:
    """Layers with one weight for each channel, and normalisations over channels."""
    axis = layer.config.get("axis", -1)
    axes = [axis] if isinstance(axis, int) else list(axis)
    shared = layer.config.get("shared_axes") or []
    own = [each for each in range(1, rank) if each not in shared]
    if layer.class_name == "PReLU":
        axes = own
    if [each % rank for each in axes] != [mask.axis]:
        return Unsliceable(f"{layer.name!r}, which reads it, has weights for more than channels")
    weights = [
        read_only(np.compress(mask.keep, weight, axis=_sole_long_axis(weight)))
        if weight.ndim
        else weight
        for weight in layer.weights
    ]
    return _with_weights(layer, weights), mask


def _joined(
    graph: LayerGraph, node: Node, known: Mapping[TensorRef, ChannelMask]
) -> Passed | Unsliceable:
    """Elementwise joins: all inputs must have lost the same channels."""
    if _has_array(node.args):
        return Unsliceable(f"{node.name!r}, which reads it, has a constant for each channel")
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
    graph: LayerGraph, node: Node, known: Mapping[TensorRef, ChannelMask]
) -> Passed | Unsliceable:
    """A concatenation along channels joins masks; along another axis they must agree."""
    rank = len(node.outputs[0].shape)
    axis = concatenation_axis(graph, node)
    masks = []
    for ref in node.inputs:
        mask = known.get(ref)
        size = graph.spec(ref).shape[axis]
        if mask is not None and mask.axis != axis:
            return Unsliceable(f"{node.name!r} joins it along another axis than its channels")
        masks.append(np.ones(size or 1, dtype=bool) if mask is None else mask.keep)
    return None, ChannelMask(axis % rank, np.concatenate(masks))


def concatenation_axis(graph: LayerGraph, node: Node) -> int:
    """The axis, counted from 0, along which a concatenation joins."""
    rank = len(node.outputs[0].shape)
    axis = graph.layer_of(node).config.get("axis", node.kwargs.get("axis", -1))
    if len(node.args) > 1 and isinstance(node.args[1], int):
        axis = node.args[1]
    return int(axis) % rank


def _with_weights(layer: LayerDef, weights: Sequence[np.ndarray]) -> LayerDef:
    """A layer with narrower weights; Keras sizes it anew by what it is called on."""
    serialized = {key: value for key, value in layer.serialized.items() if key != "build_config"}
    return replace(layer, serialized=serialized, weights=tuple(weights))


def _reshaped(node: Node, known: Mapping[TensorRef, ChannelMask]) -> Node:
    """The call with the shapes of its outputs as they are now."""
    specs = []
    for index, spec in enumerate(node.outputs):
        mask = known.get(TensorRef(node.name, index))
        if mask is not None:
            shape = list(spec.shape)
            shape[mask.axis] = int(mask.keep.sum())
            spec = TensorSpec(tuple(shape), spec.dtype)
        specs.append(spec)
    return replace(node, outputs=tuple(specs))


def _along(keep: np.ndarray, axis: int, rank: int) -> np.ndarray:
    """A mask laid along one axis, to be broadcast over the others."""
    shape = [1] * rank
    shape[axis] = len(keep)
    return keep.reshape(shape)


def _sole_long_axis(weight: np.ndarray) -> int:
    """The axis of a weight that has all its values, the others being 1."""
    return int(np.argmax(weight.shape))


def _has_array(value: Any) -> bool:
    """Whether call arguments hold a constant with more than one value."""
    if isinstance(value, TensorRef | str) or value is None:
        return False
    if isinstance(value, Mapping):
        return value.get("class_name") == "__array__" or any(map(_has_array, value.values()))
    if isinstance(value, list | tuple):
        numbers = sum(isinstance(each, int | float) for each in value)
        return numbers > 1 or any(map(_has_array, value))
    return isinstance(value, np.ndarray) and value.size > 1
