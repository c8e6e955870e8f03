"""Every layer and unit of a graph with its costs, whether it can go, and how much can at most."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from prune_mi.costs.catalog import cost_kind, counted_kinds
from prune_mi.costs.kinds.macs import node_macs
from prune_mi.errors import GraphError
from prune_mi.graph.channels.narrowing import narrowest
from prune_mi.graph.channels.width_groups import WidthGroup, width_groups
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph, Shape
from prune_mi.graph.not_applicable import Cause
from prune_mi.graph.units.discovery import find_units, outermost
from prune_mi.graph.units.removal import remove_unit
from prune_mi.graph.units.unit import Unit, saves
from prune_mi.records import Cost

Status = Literal["removable", "coupled", "fixed", "protected"]


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Layers that cannot go, all for the same reasons.

    Attributes:
        causes: What keeps them; each alone would.
        layers: Their names, in graph order.
        shares: What they cost of the whole model, in [0, 1], by the names of costs.
    """

    causes: tuple[Cause, ...]
    layers: tuple[str, ...]
    shares: Mapping[str, float] = field(hash=False)


@dataclass(frozen=True, slots=True)
class WhatCanGo:
    """What can be taken off a model by removing units, and what cannot.

    Attributes:
        counted: The name of the cost that units and reasons are told for.
        units: Names of units that can all go together, in graph order; each takes off some of that
            cost, and none lies in another.
        shares: What goes with all of them, of the whole model, in [0, 1], by the names of costs.
        shares_with_channels: What goes with them and as many channels as may go, likewise.
        reasons: Why layers that cost any of it cannot go, the costliest first; a layer is counted
            once.
        of_images: Whether the model reads images or volumes, for words about their size.
    """

    counted: str
    units: tuple[str, ...]
    shares: Mapping[str, float] = field(hash=False)
    shares_with_channels: Mapping[str, float] = field(hash=False)
    reasons: tuple[WhyNot, ...]
    of_images: bool

    @property
    def share(self) -> float:
        """What can go of the cost by units, in [0, 1]."""
        return self.shares[self.counted]

    @property
    def share_with_channels(self) -> float:
        """What can go of the cost by units and channels, in [0, 1]."""
        return self.shares_with_channels[self.counted]


def what_can_go(graph: LayerGraph, counted: str, *, multiples: int = 1) -> WhatCanGo:
    """Counts what can go of a graph, and why the rest cannot.

    It is an upper bound: all units that can go together are counted, whatever accuracy that leaves.

    Args:
        graph: The model, its protected layers marked.
        counted: The name of a cost that follows from the graph, such as `macs`.
        multiples: What numbers of channels that stay are multiples of.

    Raises:
        ConfigError: If there is no such cost.
    """
    units, kind = find_units(graph), cost_kind(counted)
    chosen = _together(graph, [u for u in units if u.reason is None and saves(u, kind) > 0])
    slimmed, gone = _without(graph, chosen)
    return WhatCanGo(
        counted=counted,
        units=tuple(unit.name for unit in chosen if unit in gone),
        shares=_shares_gone(graph, slimmed),
        shares_with_channels=_shares_gone(graph, narrowest(slimmed, multiples=multiples)),
        reasons=_why_not(graph, units, counted),
        of_images=any(len(graph.spec(ref).shape) > 3 for ref in graph.inputs),
    )


def _shares_gone(before: LayerGraph, after: LayerGraph) -> dict[str, float]:
    """What went of each cost, in [0, 1]."""
    total, left = graph_cost(before).amounts, graph_cost(after).amounts
    return {name: (whole - left[name]) / max(whole, 1) for name, whole in total.items()}


def smallest_graph(graph: LayerGraph, counted: str) -> LayerGraph:
    """The graph without all that can go of a cost, and without what can go once that has gone.

    Args:
        graph: The model, its protected layers marked.
        counted: The name of a cost that follows from the graph.
    """
    kind = cost_kind(counted)
    while True:
        units = [u for u in find_units(graph) if u.reason is None and saves(u, kind) > 0]
        slimmed, gone = _without(graph, _together(graph, units))
        if not gone or kind.count(slimmed) >= kind.count(graph):
            return graph
        graph = slimmed


def _together(graph: LayerGraph, units: Sequence[Unit]) -> tuple[Unit, ...]:
    """Outermost units of which none has a call in common, and one input of each join stays.

    Where two do, the one with more calls is taken, as a branch before its shortcut.
    """
    taken: set[str] = set()
    inputs_gone: Counter[str] = Counter()
    chosen = []
    for unit in sorted(outermost(units), key=lambda unit: len(unit.nodes), reverse=True):
        join = graph.node_by_name[unit.after.node]
        last = unit.position is not None and inputs_gone[join.name] + 1 >= len(join.inputs)
        if last or taken & set(unit.nodes):
            continue
        taken |= set(unit.nodes)
        inputs_gone[join.name] += unit.position is not None
        chosen.append(unit)
    return tuple(sorted(chosen, key=lambda unit: graph.position[unit.nodes[0]]))


def _without(graph: LayerGraph, units: Sequence[Unit]) -> tuple[LayerGraph, set[Unit]]:
    """The graph without units of it that have no call in common, and those that did go."""
    slimmed, thinned, gone = graph, set[str](), set[Unit]()
    # From the end, and from the last input of a join: what is left keeps its place.
    for unit in sorted(
        units, key=lambda unit: (graph.position[unit.after.node], unit.position or 0), reverse=True
    ):
        join = slimmed.node_by_name.get(unit.after.node)
        if join is None:  # it went with another
            continue
        changed = unit
        if unit.position is not None and join.name in thinned and unit.kind != "part":
            left = [ref for place, ref in enumerate(join.inputs) if place != unit.position]
            changed = replace(unit, before=left[0])
        try:
            slimmed = remove_unit(slimmed, changed)
        except GraphError:  # another has changed what it needs
            continue
        thinned.add(join.name)
        gone.add(unit)
    return slimmed, gone


def _why_not(graph: LayerGraph, units: Sequence[Unit], counted: str) -> tuple[WhyNot, ...]:
    around: dict[str, list[Unit]] = defaultdict(list)
    for unit in units:
        for name in unit.nodes:
            around[name].append(unit)
    total = graph_cost(graph).amounts
    grouped: dict[tuple[Cause, ...], list[tuple[str, Mapping[str, int]]]] = defaultdict(list)
    for name in graph.layers:
        calls = graph.calls[name]
        own = {kind.name: kind.count_of(graph, [name], calls) for kind in counted_kinds()}
        if name in graph.packing or not own[counted]:
            continue
        found = [unit for call in calls for unit in around[call.name]]
        if all(unit.reason is not None for unit in found):
            causes = _causes(graph, name, found)
            grouped[causes].append((name, own))
    reasons = [
        WhyNot(
            causes,
            tuple(name for name, _ in rows),
            {
                each: sum(own[each] for _, own in rows) / max(whole, 1)
                for each, whole in total.items()
            },
        )
        for causes, rows in grouped.items()
    ]
    return tuple(sorted(reasons, key=lambda each: each.shares[counted], reverse=True))


def _causes(graph: LayerGraph, layer: str, around: Sequence[Unit]) -> tuple[Cause, ...]:
    """Why a layer cannot go with any unit: its own protection, then others', then its shape."""
    if layer in graph.protected:
        return ("kept",) if layer in graph.kept else ("protected",)
    if any("with_protected" in unit.causes for unit in around):
        return ("with_protected",)
    calls = {call.name for call in graph.calls[layer]}
    starting = [unit for unit in around if unit.nodes[0] in calls]
    found = starting or around
    return found[0].causes if found else ("joins",)


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer.

    Attributes:
        name, class_name: The layer.
        output_shape: Of its first call, the batch left out.
        num_calls: How often it is called.
        num_params, macs: Its weights, and multiply-accumulates of all its calls on one sample.
        macs_share: Of the whole model's, in [0, 1].
        status: `removable` by itself or with what belongs to it, `coupled` where it goes only as a
            part of a larger unit, `fixed`, or `protected`.
        frozen: Whether its weights are not to be trained.
        unit: The smallest unit that it can go with, or None.
        reason: Why it cannot go, or what it goes with; empty where it can go by itself.
    """

    name: str
    class_name: str
    output_shape: Shape
    num_calls: int
    num_params: int
    macs: int
    macs_share: float
    status: Status
    frozen: bool
    unit: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is known of a model before any training.

    Attributes:
        layers: In graph order; none is left out.
        units: All units, in graph order, those that cannot go with their reasons.
        widths: Channels that can only change together.
        total: Of the whole model.
        num_removable: Units that can go, those inside others and those that cost nothing included.
        removable_macs: Multiply-accumulates of layers that can go, alone or with others.
        what_can_go: What can go of the MACs together, and why the rest cannot.
        notes: What the user should know.
    """

    layers: tuple[LayerRow, ...]
    units: tuple[Unit, ...]
    widths: tuple[WidthGroup, ...]
    total: Cost
    num_removable: int
    removable_macs: int
    what_can_go: WhatCanGo
    notes: tuple[str, ...]


def inspect_graph(graph: LayerGraph, notes: Sequence[str] = ()) -> Inspection:
    """Looks at every layer and unit of a graph."""
    units, total = find_units(graph), graph_cost(graph)
    rows = tuple(_row(graph, name, units, total) for name in graph.calls)
    return Inspection(
        layers=rows,
        units=units,
        widths=width_groups(graph),
        total=total,
        num_removable=sum(unit.reason is None for unit in units),
        removable_macs=sum(row.macs for row in rows if row.unit is not None),
        what_can_go=what_can_go(graph, "macs"),
        notes=tuple(notes),
    )


def _row(graph: LayerGraph, name: str, units: tuple[Unit, ...], total: Cost) -> LayerRow:
    layer = graph.layers[name]
    calls = graph.calls[name]
    macs = sum(node_macs(graph, node) for node in calls)
    status, unit, reason = _status(graph, name, {node.name for node in calls}, units)
    return LayerRow(
        name=name,
        class_name=layer.class_name,
        output_shape=calls[0].outputs[0].shape[1:],
        num_calls=len(calls),
        num_params=layer.num_params,
        macs=macs,
        macs_share=macs / max(total.macs, 1),
        status=status,
        frozen=name in graph.frozen or layer.config.get("trainable") is False,
        unit=unit,
        reason=reason,
    )


def _status(
    graph: LayerGraph, name: str, calls: set[str], units: tuple[Unit, ...]
) -> tuple[Status, str | None, str]:
    """Whether a layer can go, the smallest unit it goes with, and the reason."""
    if name in graph.protected:
        return "protected", None, "protected"
    around = [unit for unit in units if calls & set(unit.nodes)]
    can = sorted((unit for unit in around if unit.reason is None), key=lambda u: len(u.nodes))
    if can:
        smallest = can[0]
        if smallest.kind in ("run", "layer") and smallest.nodes[0] in calls:
            return "removable", smallest.name, ""
        return "coupled", smallest.name, f"goes with {smallest.name}"
    starting = [unit for unit in around if unit.nodes[0] in calls and unit.reason]
    if starting or around:
        return "fixed", None, (starting or around)[0].reason or ""
    if graph.layers[name].class_name == "InputLayer":
        return "fixed", None, "is the model's input"
    return "fixed", None, "joins tensors of which none can go"
