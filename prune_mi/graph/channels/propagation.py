"""What one call does with the channels of its input: the ground for slicing and for width groups.

A call keeps channels at their places, repeats each of them, takes them all in and makes new ones,
joins those of several tensors, or does something that is not understood, which is said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from prune_mi.graph.channels.inner_widths import GATES, recurrence_objection
from prune_mi.graph.channels.reshaping import is_flattened, kept_axis, says_size
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, Shape, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.traits import (
    CONCATENATIONS,
    DEPTHWISE,
    JOINS,
    KERNEL_WEIGHTS,
    NARROWABLE,
    POOLINGS,
    RESIZINGS,
    channel_axis,
    fused_activation_is_elementwise,
    has_kernel,
    is_elementwise,
)

# Where kernels have their input channels.
INPUT_AXIS: Mapping[str, int] = {
    kind: -1 if kind.endswith("Transpose") else -2 for kind in NARROWABLE | GATES.keys()
}
# Where the kernels that make channels have them.
OUTPUT_AXIS: Mapping[str, int] = {
    kind: -2 if kind.endswith("Transpose") else -1 for kind in NARROWABLE
}
_PER_CHANNEL = frozenset(
    {
        *("BatchNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization"),
        "PReLU",
    }
)
_SHAPES = frozenset({"noise_shape", "batch_shape", "batch_input_shape", "input_shape"})

Way = Literal["keep", "repeat", "mix", "group", "flatten", "join", "concatenate"]


@dataclass(frozen=True, slots=True)
class Propagation:
    """How channels go through a call.

    Attributes:
        way: `keep` at their places; `repeat` each `times`; `mix` all of them into new ones; `group`
            the same in groups; `flatten` over all positions; `join` with those of other tensors
            place by place; `concatenate` with those of other tensors.
        axis: Where channels lie in the output, counted from 0, the batch included.
        times: For `repeat`.
        has_weights: Whether the layer has weights, or a setting, for the channels that it is fed.
    """

    way: Way
    axis: int
    times: int = 1
    has_weights: bool = False


def propagation(graph: LayerGraph, node: Node, axis: int) -> Propagation | NotApplicable:
    """What a call does with channels that lie on one axis of its first input.

    Args:
        graph: The graph of the call.
        node: A call with inputs.
        axis: The channels' axis, counted from 0, the batch included.
    """
    layer = graph.layer_of(node)
    kind, shape, out = layer.class_name, graph.spec(node.inputs[0]).shape, node.outputs[0].shape
    if len(node.outputs) != 1:
        return NotApplicable(f"yields {len(node.outputs)} tensors")
    if kind in CONCATENATIONS:
        return Propagation("concatenate", concatenation_axis(graph, node))
    if kind in JOINS and len(node.inputs) > 1:
        return _constant(node, layer, axis) or Propagation("join", axis)
    if len(set(node.data_inputs)) > 1:
        return NotApplicable("joins it with other tensors in a way not understood")
    if has_kernel(layer):
        return _kernel(layer, axis, shape, out)
    if kind in _PER_CHANNEL:
        return _per_channel(layer, axis, len(shape))
    if layer.weights:
        return NotApplicable("has weights of unknown meaning")
    if kind == "Reshape":
        return _reshaped(layer, axis, shape, out)
    if kind == "Flatten":
        if None in shape[1:]:
            return NotApplicable("flattens images of unknown size")
        return Propagation("flatten", 1)
    if is_elementwise(layer) or kind in (JOINS - {"Average"}):
        return _constant(node, layer, axis) or Propagation("keep", axis)
    if kind in POOLINGS | RESIZINGS:
        if axis != channel_axis(layer, len(shape)):
            return NotApplicable("takes another axis for its channels")
        return Propagation("keep", axis if len(out) == len(shape) else len(out) - 1)
    return NotApplicable("may mix its channels")


def width_setting(layer: LayerDef) -> str:
    """The setting of a layer with a kernel that says how many channels it makes."""
    return "units" if layer.class_name == "Dense" else "filters"


def goes_by_groups(layer: LayerDef, channels: int) -> bool:
    """Whether a convolution in groups loses whole groups, or channels alike in each of them.

    What leaves more to choose from: its groups, or the channels that one group reads and makes.
    """
    groups = int(layer.config["groups"])
    return groups == channels or groups * groups >= channels + int(layer.config["filters"])


def hands_on(graph: LayerGraph, node: Node, axis: int) -> bool:
    """Whether a call of a layer with a kernel keeps channels apart, as depthwise convolutions do.

    Args:
        graph: The graph of the call.
        node: A call with inputs.
        axis: Of the channels of its first input, counted from 0, the batch included.
    """
    way = propagation(graph, node, axis)
    if isinstance(way, NotApplicable) or way.way not in ("repeat", "group"):
        return False
    channels = graph.spec(node.inputs[0]).shape[axis]
    return way.way == "repeat" or goes_by_groups(graph.layer_of(node), int(channels or 0))


def concatenation_axis(graph: LayerGraph, node: Node) -> int:
    """The axis, counted from 0, along which a concatenation joins."""
    rank = len(node.outputs[0].shape)
    axis = graph.layer_of(node).config.get("axis", node.kwargs.get("axis", -1))
    if len(node.args) > 1 and isinstance(node.args[1], int):
        axis = node.args[1]
    return int(axis) % rank


def _kernel(layer: LayerDef, axis: int, shape: Shape, out: Shape) -> Propagation | NotApplicable:
    kind = layer.class_name
    if kind not in INPUT_AXIS:
        return NotApplicable("has a kernel of another kind")
    if axis != channel_axis(layer, len(shape)):
        return NotApplicable("takes another axis for its channels")
    if kind in GATES:
        objection = recurrence_objection(layer)
        return NotApplicable(objection) if objection else Propagation("mix", axis, has_weights=True)
    if not set(layer.weight_names) <= KERNEL_WEIGHTS:
        return NotApplicable("has weights of unknown meaning")
    grouped = int(layer.config.get("groups") or 1) > 1
    if (kind in DEPTHWISE or grouped) and not fused_activation_is_elementwise(layer):
        return NotApplicable("mixes its channels in its activation")
    if kind in DEPTHWISE:
        times = int(layer.config.get("depth_multiplier", 1))
        return Propagation("repeat", axis, times, has_weights=True)
    if grouped:
        return Propagation("group", axis, has_weights=True)
    return Propagation("mix", axis, has_weights=True)


def _per_channel(layer: LayerDef, axis: int, rank: int) -> Propagation | NotApplicable:
    """Normalisations over channels and activations with one weight for each."""
    axes = layer.config.get("axis", -1)
    axes = [axes] if isinstance(axes, int) else list(axes)
    if layer.class_name == "PReLU":
        shared = layer.config.get("shared_axes") or []
        axes = [each for each in range(1, rank) if each not in shared]
    if [each % rank for each in axes] != [axis]:
        return NotApplicable("has weights for more than channels")
    return Propagation("keep", axis, has_weights=True)


def _reshaped(layer: LayerDef, axis: int, shape: Shape, out: Shape) -> Propagation | NotApplicable:
    kept = kept_axis(shape, out, axis)
    if kept is None and not is_flattened(shape, out):
        return NotApplicable("may mix its channels")
    place = 1 if kept is None else kept
    named = says_size(layer, len(out), place)
    if named is None:
        return NotApplicable("has a shape in another form")
    return Propagation("flatten" if kept is None else "keep", place, has_weights=named)


def _constant(node: Node, layer: LayerDef, axis: int) -> NotApplicable | None:
    """Calls with a constant of more than one value, which may be one for each channel."""
    noise = layer.config.get("noise_shape")
    if isinstance(noise, list | tuple) and noise[axis:] and noise[axis] not in (None, 1):
        return NotApplicable("has a setting for each channel")
    settings = (value for name, value in layer.config.items() if name not in _SHAPES)
    if any(_has_array(value) for value in (node.args, node.kwargs, *settings)):
        return NotApplicable("has a constant for each channel")
    return None


def _has_array(value: Any) -> bool:
    """Whether call arguments or settings hold a constant with more than one value."""
    if isinstance(value, Mapping):
        if value.get("class_name") in ("__numpy__", "__tensor__"):
            return _count(value["config"].get("value")) > 1
        return any(map(_has_array, value.values()))
    if isinstance(value, list | tuple):
        nested = any(isinstance(each, TensorRef | Mapping) for each in value)
        return any(map(_has_array, value)) or (not nested and _count(value) > 1)
    return bool(getattr(value, "size", 1) > 1)


def _count(value: Any) -> int:
    """Numbers in a nested list."""
    if isinstance(value, list | tuple):
        return sum(map(_count, value))
    return int(isinstance(value, int | float)) if value is not None else 0
