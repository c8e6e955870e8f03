"""Width groups: channels of different layers that can only change together.

Every channel that a layer with a kernel makes gets a number. The numbers are carried along with the
tensors: what keeps channels apart hands them on, a concatenation strings them together (offsets),
an addition makes the numbers that meet in a place one (same indices), a depthwise convolution hands
each on as often as it multiplies it, a flattening repeats all of them for every position. Layers
whose channels have met are one group: a channel is removed from all of them at its place, or from
none.

A convolution in groups loses whole groups, or channels alike in each: what leaves more to choose
from. A normalization in groups loses whole ones. The heads of attention are a group of their own
inside their layer.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from prune_mi.graph.channels.inner_widths import HEADS
from prune_mi.graph.channels.meetings import Meetings
from prune_mi.graph.channels.numbering import Numbering
from prune_mi.graph.ir import LayerGraph, TensorRef, once_a_graph

NO_GROUP = -1


@dataclass(frozen=True, slots=True)
class WidthGroup:
    """Layers whose output channels can only change together.

    Attributes:
        producers: The layers that make the channels, in graph order.
        consumers: The layers with kernels that read them.
        num_channels: Channels that can go independently of each other, each with its equals in all
            producers.
        reason: Why none can go, or None where they can.
        inside: What they are where they are no layer's output channels but parts inside one, which
            both makes and reads them: `heads`.
    """

    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    num_channels: int
    reason: str | None
    inside: str | None = None

    @property
    def name(self) -> str:
        """Its first producer; and what they are, where they lie inside it."""
        first = self.producers[0]
        return first if self.inside is None else f"{first}/{self.inside}"

    @property
    def makers(self) -> tuple[str, ...]:
        """What its channels are known by in `Widths.named`: its layers, or of heads its name."""
        return self.producers if self.inside is None else (self.name,)


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
        made: For each layer that makes channels, the numbers of its output channels.
        inside: For each layer that has heads, their numbers.
        tensors: For each tensor, its channels.
    """

    groups: tuple[WidthGroup, ...]
    starts: np.ndarray
    made: Mapping[str, np.ndarray]
    inside: Mapping[str, np.ndarray]
    tensors: Mapping[TensorRef, TensorChannels]

    @property
    def num_channels(self) -> int:
        """Of all groups together."""
        return int(self.starts[-1])

    @property
    def named(self) -> dict[str, np.ndarray]:
        """`made`, and the numbers of heads by the names of their groups."""
        heads = {f"{name}/{HEADS}": numbers for name, numbers in self.inside.items()}
        return {**self.made, **heads}

    def of_group(self, place: int) -> slice:
        """The numbers of a group's channels."""
        return slice(int(self.starts[place]), int(self.starts[place + 1]))


def width_groups(graph: LayerGraph) -> tuple[WidthGroup, ...]:
    """The width groups of a graph, in the order of their first producers."""
    return widths(graph).groups


@once_a_graph
def widths(graph: LayerGraph) -> Widths:
    """The width groups of a graph with their channels."""
    numbering = Numbering(graph)
    for node in graph.nodes:
        numbering.pass_through(node)
    for ref in graph.outputs:
        numbering.pin(ref, f"{ref.node!r} yields the model's output")
    return _found(graph, numbering)


def _found(graph: LayerGraph, numbering: Numbering) -> Widths:
    """Layers whose channels have met, and the channels."""
    root_of = numbering.meetings.all_roots()
    found = _grouped(graph, numbering, root_of)
    starts = np.cumsum([0, *(len(numbers) for _, numbers in found)])
    number_of = np.full(len(root_of) + 1, NO_GROUP)
    for (_, own), start in zip(found, starts, strict=False):
        number_of[own] = np.arange(start, start + len(own))
    return Widths(
        groups=tuple(group for group, _ in found),
        starts=starts,
        made={name: number_of[root_of[numbers]] for name, numbers in numbering.made.items()},
        inside={name: number_of[numbers] for name, numbers in numbering.inside.items()},
        tensors={
            ref: TensorChannels(each.axis, number_of[root_of[each.numbers]])
            for ref, each in numbering.known.items()
        },
    )


def _grouped(
    graph: LayerGraph, numbering: Numbering, root_of: np.ndarray
) -> list[tuple[WidthGroup, np.ndarray]]:
    """The groups with their channels, in the order of their first producers."""
    pinned = numbering.meetings.reasons()
    together = Meetings(root_of)  # in which all that a layer makes is one
    for made in numbering.made.values():
        together.unite(made[:1], made)
    group_of = together.all_roots()
    producers: dict[int, list[str]] = {}
    for name, made in numbering.made.items():
        producers.setdefault(int(group_of[made[0]]), []).append(name)
    consumers: dict[int, list[str]] = {group: [] for group in producers}
    for name, parts in numbering.read.items():
        for group in consumers.keys() & group_of[np.concatenate(parts)].tolist():
            consumers[group].append(name)

    def reason(own: np.ndarray) -> str | None:
        return next((pinned[each] for each in own.tolist() if each in pinned), None)

    def place(layer: str) -> int:
        """Of its first call, which need not bear its name where an edit took an earlier one."""
        return graph.position[graph.calls[layer][0].name]

    found = []
    for group, names in producers.items():
        own = np.unique(root_of[np.concatenate([numbering.made[name] for name in names])])
        makers, readers = tuple(sorted(names, key=place)), tuple(consumers[group])
        found.append((WidthGroup(makers, readers, len(own), reason(own)), own))
    for name, own in numbering.inside.items():
        found.append((WidthGroup((name,), (name,), len(own), reason(own), HEADS), own))
    found.sort(key=lambda each: place(each[0].producers[0]))
    return found
