"""Width groups: channels of different layers that can only change together.

Every channel that a layer with a kernel makes gets a number. The numbers are carried along with the
tensors: what keeps channels apart hands them on, a concatenation strings them together (offsets),
an addition makes the numbers that meet in a place one (same indices), a depthwise convolution hands
each on as often as it multiplies it, a flattening repeats all of them for every position. Layers
whose channels have met are one group: a channel is removed from all of them at its place, or from
none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from prune_mi.graph.channels.propagation import Propagation, propagation
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, Shape, TensorRef, once_a_graph
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.traits import (
    NARROWABLE,
    channel_axis,
    fused_activation_is_elementwise,
    has_kernel,
)

NO_GROUP = -1
_OVER_CHANNELS = frozenset({"LayerNormalization", "RMSNormalization"})
_KNOWN_WEIGHTS = frozenset({"kernel", "bias", "depthwise_kernel", "pointwise_kernel"})


@dataclass(frozen=True, slots=True)
class WidthGroup:
    """Layers whose output channels can only change together.

    Attributes:
        producers: The layers that make the channels, in graph order.
        consumers: The layers with kernels that read them.
        num_channels: Channels that can go independently of each other, each with its equals in all
            producers.
        multiple_of: The number of channels must stay divisible by this (grouped convolutions).
        reason: Why none can go, or None where they can.
    """

    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    num_channels: int
    multiple_of: int
    reason: str | None

    @property
    def name(self) -> str:
        """Its first producer."""
        return self.producers[0]


@dataclass(frozen=True, slots=True, eq=False)
class TensorChannels:
    """Which channels a tensor has.

    Attributes:
        axis: Where they lie, counted from 0, the batch included.
        numbers: int, one a place on that axis: a channel of a group, see `Widths`, or `NO_GROUP`.
    """

    axis: int
    numbers: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Widths:
    """The width groups of a graph, and where each of their channels lies.

    Channels are numbered through all groups: those of group g from `starts[g]` on.

    Attributes:
        groups: In the order of their first producers.
        starts: int `(num_groups + 1,)`.
        made: For each producer, the numbers of its output channels.
        tensors: For each tensor, its channels.
    """

    groups: tuple[WidthGroup, ...]
    starts: np.ndarray
    made: Mapping[str, np.ndarray]
    tensors: Mapping[TensorRef, TensorChannels]

    @property
    def num_channels(self) -> int:
        """Of all groups together."""
        return int(self.starts[-1])

    def group_of(self) -> np.ndarray:
        """For each channel its group, int `(num_channels,)`."""
        return np.repeat(np.arange(len(self.groups)), np.diff(self.starts))

    def free(self) -> np.ndarray:
        """Whether each channel's group can lose any, bool `(num_channels,)`."""
        is_free = np.array([each.reason is None for each in self.groups], dtype=bool)
        return np.asarray(is_free[self.group_of()])


def width_groups(graph: LayerGraph) -> tuple[WidthGroup, ...]:
    """The width groups of a graph, in the order of their first producers."""
    return widths(graph).groups


@once_a_graph
def widths(graph: LayerGraph) -> Widths:
    """The width groups of a graph with their channels."""
    numbering = _Numbering(graph)
    for node in graph.nodes:
        numbering.pass_through(node)
    for ref in graph.outputs:
        numbering.pin(ref, f"{ref.node!r} yields the model's output")
    return numbering.found()


class _Numbering:
    """Channel numbers of all tensors, and which of them have met."""

    def __init__(self, graph: LayerGraph) -> None:
        self._graph = graph
        self._parents: list[int] = []
        self._known: dict[TensorRef, _Numbers] = {}
        self._made: dict[str, np.ndarray] = {}
        self._read: dict[str, list[np.ndarray]] = {}
        self._fed: dict[str, np.ndarray] = {}
        self._pinned: dict[int, str] = {}
        self._multiples: list[tuple[np.ndarray, int]] = []

    def pass_through(self, node: Node) -> None:
        """Numbers what a call yields."""
        for index, spec in enumerate(node.outputs):
            self._known[TensorRef(node.name, index)] = self._numbers(node, spec.shape)

    def pin(self, ref: TensorRef, reason: str) -> None:
        """The channels of a tensor must stay."""
        self._pin(self._known[ref].numbers, reason)

    def found(self) -> Widths:
        """Layers whose channels have met, and the channels."""
        roots = {name: self._roots(numbers) for name, numbers in self._made.items()}
        read = {name: self._roots(np.concatenate(parts)) for name, parts in self._read.items()}
        pinned = {self._root(number): reason for number, reason in self._pinned.items()}
        together: list[tuple[list[str], frozenset[int]]] = []
        for name, numbers in roots.items():
            met = [group for group in together if group[1] & numbers]
            together = [group for group in together if not group[1] & numbers]
            names = [each for group in met for each in group[0]] + [name]
            together.append((names, numbers.union(*(group[1] for group in met))))
        found = []
        for names, numbers in together:
            reasons = [pinned[number] for number in sorted(numbers) if number in pinned]
            multiples = [of for part, of in self._multiples if self._roots(part) & numbers]
            group = WidthGroup(
                producers=tuple(sorted(names, key=self._place)),
                consumers=tuple(each for each in read if read[each] & numbers),
                num_channels=len(numbers),
                multiple_of=int(np.lcm.reduce(multiples)) if multiples else 1,
                reason=reasons[0] if reasons else None,
            )
            found.append((group, sorted(numbers)))
        found.sort(key=lambda each: self._place(each[0].producers[0]))
        starts = np.cumsum([0, *(len(numbers) for _, numbers in found)])
        number_of = np.full(len(self._parents) + 1, NO_GROUP)
        for (_, own), start in zip(found, starts, strict=False):
            number_of[own] = np.arange(start, start + len(own))
        root_of = np.array([self._root(each) for each in range(len(self._parents))], dtype=int)
        return Widths(
            groups=tuple(group for group, _ in found),
            starts=starts,
            made={name: number_of[root_of[numbers]] for name, numbers in self._made.items()},
            tensors={
                ref: TensorChannels(each.axis, number_of[root_of[each.numbers]])
                for ref, each in self._known.items()
            },
        )

    def _numbers(self, node: Node, shape: Shape) -> "_Numbers":
        layer = self._graph.layer_of(node)
        if not node.inputs:
            return self._pinned_anew(shape, "they are the model's input")
        first = self._known[node.inputs[0]]
        way = propagation(self._graph, node, first.axis)
        if layer.weights and layer.name in self._graph.protected:
            self._pin(first.numbers, f"{layer.name!r} is protected")
        if layer.class_name in _OVER_CHANNELS:
            self._pin(first.numbers, f"{layer.name!r} normalises over all of them")
        if has_kernel(layer):
            self._read.setdefault(layer.name, []).append(first.numbers)
        if isinstance(way, Propagation) and way.has_weights:
            # The weights of a shared layer fit the channels of all its calls.
            before = self._fed.setdefault(layer.name, first.numbers)
            if len(before) == len(first.numbers):
                self._unite(before, first.numbers)
        if isinstance(way, NotApplicable):
            reason = f"{node.name!r}, a {layer.class_name}, {way.reason}"
            for ref in node.inputs:
                self.pin(ref, reason)
            made = self._pinned_anew(shape, reason)
            if has_kernel(layer):
                self._made.setdefault(layer.name, made.numbers)
            return made
        match way.way:
            case "concatenate":
                return self._concatenated(node, way.axis)
            case "join":
                return self._joined(node, shape)
            case "flatten":
                return self._flattened(node, first)
            case "keep":
                return _Numbers(way.axis, first.numbers)
            case "repeat":
                return _Numbers(way.axis, np.repeat(first.numbers, way.times))
        return self._kernel(node, first, shape)

    def _kernel(self, node: Node, first: "_Numbers", shape: Shape) -> "_Numbers":
        layer = self._graph.layer_of(node)
        axis = channel_axis(layer, len(shape))
        groups = int(layer.config.get("groups") or 1)
        if groups == len(first.numbers) > 1:  # a depthwise convolution by another name
            times = (shape[axis] or len(first.numbers)) // len(first.numbers)
            return _Numbers(axis, np.repeat(first.numbers, times))
        if layer.name not in self._made:  # a shared layer makes the same channels at each call
            self._made[layer.name] = self._fresh(shape, axis).numbers
        numbers = self._made[layer.name]
        if groups > 1:
            self._multiples += [(first.numbers, groups), (numbers, groups)]
            for each in (first.numbers, numbers):  # what is gone from one group is from all
                for others in each.reshape(groups, -1)[1:]:
                    self._unite(each[: len(others)], others)
        if layer.class_name not in NARROWABLE:
            reason = f"{layer.name!r} is a {layer.class_name}, whose width is not understood"
            self._pin(np.concatenate([first.numbers, numbers]), reason)
        objection = _must_stay(self._graph, layer)
        if objection is not None:
            self._pin(numbers, f"{layer.name!r} {objection}")
        return _Numbers(axis, numbers)

    def _joined(self, node: Node, shape: Shape) -> "_Numbers":
        """What meets in a place is one; a channel that is broadcast over others must stay alone."""
        parts = [self._known[ref] for ref in node.inputs]
        widest = max(parts, key=lambda part: len(part.numbers))
        for ref, part in zip(node.inputs, parts, strict=True):
            if len(part.numbers) == len(widest.numbers):
                self._unite(part.numbers, widest.numbers)
            else:
                self.pin(ref, f"{node.name!r} spreads it over {len(widest.numbers)} channels")
        rank = len(self._graph.spec(node.inputs[0]).shape)
        axis = widest.axis if widest.axis < len(shape) == rank else len(shape) - 1
        return _Numbers(axis, widest.numbers)

    def _concatenated(self, node: Node, axis: int) -> "_Numbers":
        parts = [self._known[ref] for ref in node.inputs]
        if any(part.axis != axis for part in parts):
            return self._joined(node, node.outputs[0].shape)
        return _Numbers(axis, np.concatenate([part.numbers for part in parts]))

    def _flattened(self, node: Node, first: "_Numbers") -> "_Numbers":
        sizes = [size or 1 for size in self._graph.spec(node.inputs[0]).shape[1:]]
        channel = np.broadcast_to(np.indices(sizes, sparse=True)[first.axis - 1], sizes)
        if self._graph.layer_of(node).config.get("data_format") == "channels_first":
            channel = np.moveaxis(channel, 0, -1)
        return _Numbers(1, first.numbers[channel.reshape(-1)])

    def _pinned_anew(self, shape: Shape, reason: str) -> "_Numbers":
        """Channels of unknown origin: what meets them must stay."""
        made = self._fresh(shape, len(shape) - 1)
        self._pinned |= dict.fromkeys(made.numbers.tolist(), reason)
        return made

    def _fresh(self, shape: Shape, axis: int) -> "_Numbers":
        start = len(self._parents)
        self._parents.extend(range(start, start + int(shape[axis] or 1)))
        return _Numbers(axis, np.arange(start, len(self._parents)))

    def _pin(self, numbers: np.ndarray, reason: str) -> None:
        for number in numbers.tolist():
            self._pinned.setdefault(self._root(number), reason)

    def _unite(self, ones: np.ndarray, others: np.ndarray) -> None:
        for one, other in zip(ones.tolist(), others.tolist(), strict=True):
            roots = self._root(one), self._root(other)
            self._parents[max(roots)] = min(roots)

    def _root(self, number: int) -> int:
        while self._parents[number] != number:
            self._parents[number] = self._parents[self._parents[number]]
            number = self._parents[number]
        return number

    def _roots(self, numbers: np.ndarray) -> frozenset[int]:
        return frozenset(self._root(int(number)) for number in np.unique(numbers))

    def _place(self, layer: str) -> int:
        """Of its first call, which need not bear its name where an edit took an earlier one."""
        return self._graph.position[self._graph.calls[layer][0].name]


@dataclass(frozen=True, slots=True, eq=False)
class _Numbers:
    """The numbers of a tensor's channels, and the axis they lie on."""

    axis: int
    numbers: np.ndarray


def _must_stay(graph: LayerGraph, layer: LayerDef) -> str | None:
    """Why a layer's output channels must stay, as the end of a sentence on it."""
    if layer.name in graph.protected or layer.name in graph.kept:
        return graph.kept.get(layer.name, "is protected")
    if not fused_activation_is_elementwise(layer):
        return "mixes its channels in its activation"
    if not set(layer.weight_names) <= _KNOWN_WEIGHTS:
        return "has weights of unknown meaning"
    return None
