"""Channel numbers: carried along with the tensors of a graph.

Every channel that a layer with a kernel makes gets a number, see `width_groups`.
"""

from dataclasses import dataclass

import numpy as np

from prune_mi.graph.channels.inner_widths import (
    GATES,
    heads_objection,
    units_objection,
)
from prune_mi.graph.channels.meetings import Meetings
from prune_mi.graph.channels.normalizing import OVER_CHANNELS, num_groups
from prune_mi.graph.channels.propagation import Propagation, goes_by_groups, propagation
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, Shape, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.traits import (
    KERNEL_WEIGHTS,
    NARROWABLE,
    channel_axis,
    fused_activation_is_elementwise,
    has_kernel,
)

_KNOWN_WEIGHTS = KERNEL_WEIGHTS | {"recurrent_kernel"}
_MANY_HEADS = "MultiHeadAttention"


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """The numbers of a tensor's channels, and the axis they lie on."""

    axis: int
    numbers: np.ndarray


class Numbering:
    """Channel numbers of all tensors.

    Attributes:
        meetings: Which of them have met, and which must stay.
        known: The channels of each tensor.
        made: By the layers that make channels, the numbers of these.
        read: By the layers with kernels, the numbers that each call reads.
        inside: By the layers that have heads, the numbers of these.
    """

    def __init__(self, graph: LayerGraph) -> None:
        self.meetings = Meetings()
        self.known: dict[TensorRef, Numbers] = {}
        self.made: dict[str, np.ndarray] = {}
        self.read: dict[str, list[np.ndarray]] = {}
        self.inside: dict[str, np.ndarray] = {}
        self._graph = graph
        self._fed: dict[str, np.ndarray] = {}

    def pass_through(self, node: Node) -> None:
        """Numbers what a call yields."""
        self._number_heads(node.layer)
        for index, spec in enumerate(node.outputs):
            self.known[TensorRef(node.name, index)] = self._numbers(node, spec.shape)

    def pin(self, ref: TensorRef, reason: str) -> None:
        """The channels of a tensor must stay."""
        self.meetings.pin(self.known[ref].numbers, reason)

    def _numbers(self, node: Node, shape: Shape) -> Numbers:
        layer = self._graph.layer_of(node)
        if not node.inputs:
            return self._pinned_anew(node, shape, f"{node.name!r} is the model's input")
        first = self.known[node.inputs[0]]
        way = propagation(self._graph, node, first.axis)
        fits = isinstance(way, Propagation) and way.has_weights
        if (fits or layer.weights) and layer.name in self._graph.protected:
            self.meetings.pin(first.numbers, f"{layer.name!r} is protected")
        for ref in node.mask_inputs:
            self.pin(ref, f"{node.name!r} takes it for a mask")
        self._normalized(layer, first.numbers)
        if has_kernel(layer):
            self.read.setdefault(layer.name, []).append(first.numbers)
        if fits:
            # The weights of a shared layer fit the channels of all its calls.
            before = self._fed.setdefault(layer.name, first.numbers)
            if len(before) == len(first.numbers):
                self.meetings.unite(before, first.numbers)
        if isinstance(way, NotApplicable):
            reason = f"{node.name!r}, a {layer.class_name}, {way.reason}"
            for ref in node.inputs:
                self.pin(ref, reason)
            made = self._pinned_anew(node, shape, reason)
            if has_kernel(layer):
                self.made.setdefault(layer.name, made.numbers)
            return made
        match way.way:
            case "concatenate":
                return self._concatenated(node, way.axis)
            case "join":
                return self._joined(node, shape)
            case "flatten":
                return self._flattened(node, first)
            case "keep":
                if way.has_weights and layer.name in self._graph.kept:
                    self.meetings.pin(
                        first.numbers, f"{layer.name!r} {self._graph.kept[layer.name]}"
                    )
                return Numbers(way.axis, first.numbers)
            case "repeat":
                if layer.name in self._graph.kept:
                    self.meetings.pin(
                        first.numbers, f"{layer.name!r} {self._graph.kept[layer.name]}"
                    )
                return Numbers(way.axis, np.repeat(first.numbers, way.times))
        return self._kernel(node, first, shape)

    def _kernel(self, node: Node, first: Numbers, shape: Shape) -> Numbers:
        layer = self._graph.layer_of(node)
        axis = channel_axis(layer, len(shape))
        groups = int(layer.config.get("groups") or 1)
        objection = _must_stay(self._graph, layer)
        if groups > 1 and goes_by_groups(layer, len(first.numbers)):
            if objection is not None:
                self.meetings.pin(first.numbers, f"{layer.name!r} {objection}")
            whole = self._united(first.numbers, groups)
            return Numbers(axis, np.repeat(whole, (shape[axis] or groups) // groups))
        if layer.name not in self.made:  # a shared layer makes the same channels at each call
            self.made[layer.name] = self._fresh(shape, axis).numbers
        numbers = self.made[layer.name]
        if groups > 1:
            for each in (first.numbers, numbers):  # what is gone from one group is from all
                whole = each.reshape(groups, -1)
                self.meetings.unite(whole[:1], whole)
        if objection is not None:
            self.meetings.pin(numbers, f"{layer.name!r} {objection}")
        return Numbers(axis, numbers)

    def _number_heads(self, name: str) -> None:
        """Gives the heads of an attention layer numbers of their own, once."""
        layer = self._graph.layers[name]
        if layer.class_name != _MANY_HEADS or name in self.inside:
            return
        self.inside[name] = self._fresh((None, int(layer.config["num_heads"])), 1).numbers
        calls = [self._told_by_heads(node) for node in self._graph.calls[name]]
        told = next((each for each in calls if each is not None), None)
        objection = _stays(self._graph, name) or heads_objection(layer) or told
        if objection is not None:
            self.meetings.pin(self.inside[name], f"{name!r} {objection}")

    def _told_by_heads(self, node: Node) -> str | None:
        """Why a call of an attention layer needs all of its heads, to end a sentence."""
        if len(node.outputs) > 1:
            return "hands out the scores of its heads"
        rank = len(self._graph.spec(node.inputs[0]).shape)
        if any(len(self._graph.spec(ref).shape) > rank for ref in node.mask_inputs):
            return "is masked head by head"
        return None

    def _normalized(self, layer: LayerDef, numbers: np.ndarray) -> None:
        """Channels that a normalization takes together."""
        over_all = layer.class_name in OVER_CHANNELS
        if layer.class_name == "GroupNormalization":
            groups = num_groups(layer, len(numbers))
            over_all = groups == 1
            if groups > 1 and len(numbers) % groups == 0:
                self._united(numbers, groups)
        if over_all:
            self.meetings.pin(numbers, f"{layer.name!r} normalises over all of them")
        is_frozen = layer.name in self._graph.frozen or layer.config.get("trainable") is False
        if layer.class_name == "RMSNormalization" and is_frozen:
            self.meetings.pin(
                numbers, f"{layer.name!r} is frozen, and its scale goes by their number"
            )

    def _united(self, numbers: np.ndarray, groups: int) -> np.ndarray:
        """Makes the channels of each group one; returns the first of each."""
        whole = numbers.reshape(groups, -1)
        self.meetings.unite(whole[:, :1], whole)
        return whole[:, 0]

    def _joined(self, node: Node, shape: Shape) -> Numbers:
        """What meets in a place is one; a channel that is broadcast over others must stay alone."""
        parts = [self.known[ref] for ref in node.inputs]
        widest = max(parts, key=lambda part: len(part.numbers))
        for ref, part in zip(node.inputs, parts, strict=True):
            if part.axis != widest.axis or len(self._graph.spec(ref).shape) != len(shape):
                reason = f"{node.name!r} joins tensors whose channels lie on different axes"
                for each in node.inputs:
                    self.pin(each, reason)
                return self._pinned_anew(node, shape, reason)
            if len(part.numbers) == len(widest.numbers):
                self.meetings.unite(part.numbers, widest.numbers)
            else:
                self.pin(ref, f"{node.name!r} spreads it over {len(widest.numbers)} channels")
        return widest

    def _concatenated(self, node: Node, axis: int) -> Numbers:
        parts = [self.known[ref] for ref in node.inputs]
        if any(part.axis != axis for part in parts):
            return self._joined(node, node.outputs[0].shape)
        return Numbers(axis, np.concatenate([part.numbers for part in parts]))

    def _flattened(self, node: Node, first: Numbers) -> Numbers:
        sizes = [size or 1 for size in self._graph.spec(node.inputs[0]).shape[1:]]
        channel = np.broadcast_to(np.indices(sizes, sparse=True)[first.axis - 1], sizes)
        if self._graph.layer_of(node).config.get("data_format") == "channels_first":
            channel = np.moveaxis(channel, 0, -1)
        return Numbers(1, first.numbers[channel.reshape(-1)])

    def _pinned_anew(self, node: Node, shape: Shape, reason: str) -> Numbers:
        """Channels of unknown origin: what meets them must stay."""
        made = self._fresh(shape, _axis_behind(self._graph, node, len(shape)))
        self.meetings.pin(made.numbers, reason)
        return made

    def _fresh(self, shape: Shape, axis: int) -> Numbers:
        return Numbers(axis, self.meetings.fresh(int(shape[axis] or 1)))


def _axis_behind(graph: LayerGraph, node: Node, rank: int) -> int:
    """The axis of channels that a call, or the first one behind it that says so, works on."""
    behind = {node.name}
    for each in graph.nodes[graph.position[node.name] :]:
        if each.name in behind or any(ref.node in behind for ref in each.inputs):
            layer = graph.layer_of(each)
            if layer.config.get("data_format"):
                return min(channel_axis(layer, rank), rank - 1)
            behind.add(each.name)
    return rank - 1


def _stays(graph: LayerGraph, name: str) -> str | None:
    """Why a layer must stay as the user or its place wants it, as the end of a sentence on it."""
    if name in graph.protected or name in graph.kept:
        return graph.kept.get(name, "is protected")
    return None


def _must_stay(graph: LayerGraph, layer: LayerDef) -> str | None:
    """Why a layer's output channels must stay, as the end of a sentence on it."""
    stays = _stays(graph, layer.name)
    if stays is not None:
        return stays
    if layer.class_name not in NARROWABLE | GATES.keys():
        return f"is a {layer.class_name}, whose width is not understood"
    if not fused_activation_is_elementwise(layer):
        return "mixes its channels in its activation"
    if not set(layer.weight_names) <= _KNOWN_WEIGHTS:
        return "has weights of unknown meaning"
    return units_objection(layer) if layer.class_name in GATES else None
