"""Every layer and unit of a graph with its costs, and whether it can go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from prune_mi.graph.analysis.what_can_go import WhatCanGo, what_can_go
from prune_mi.graph.channels.width_groups import WidthGroup, width_groups
from prune_mi.graph.cost import graph_cost, node_macs
from prune_mi.graph.ir import LayerGraph, Shape
from prune_mi.graph.units.discovery import find_units
from prune_mi.graph.units.unit import Unit
from prune_mi.records import Cost

Status = Literal["removable", "coupled", "fixed", "protected"]


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
