"""A unit: what can go without breaking the network, or the reason why it cannot."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from prune_mi.costs.catalog import counted_kinds
from prune_mi.costs.kind import CostKind
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import Cause, NotApplicable

UnitKind = Literal["branch", "gate", "part", "run", "layer"]


@dataclass(frozen=True, slots=True)
class Unit:
    """What may go, or why it may not.

    Attributes:
        name: `add_3/branch`, or the name of its first layer.
        kind: `branch` of an addition, `gate` of a product, `part` of a concatenation, `run` of
            layers, single `layer`.
        nodes: The calls that would go, in order.
        before, after: The tensor that stays and the one that it stands in for; for a part, both are
            the concatenation.
        position: For units at a join, the place among its inputs.
        reason: Why it cannot go, or None where it can.
        causes: The same as codes.
        costs: What would go of each cost, by its name; what a layer costs once is not counted where
            it is still called elsewhere.
    """

    name: str
    kind: UnitKind
    nodes: tuple[str, ...]
    before: TensorRef
    after: TensorRef
    position: int | None
    reason: str | None
    causes: tuple[Cause, ...]
    costs: Mapping[str, int] = field(hash=False)

    @property
    def num_params(self) -> int:
        """Weights that would go."""
        return self.costs["params"]

    @property
    def macs(self) -> int:
        """Multiply-accumulates that would go."""
        return self.costs["macs"]


def make_unit(
    graph: LayerGraph,
    name: str,
    kind: UnitKind,
    nodes: tuple[str, ...],
    before: TensorRef,
    after: TensorRef,
    reason: NotApplicable | None,
    position: int | None = None,
) -> Unit:
    """A unit with what its calls cost; one with a protected or kept layer cannot go."""
    going = Counter(graph.node_by_name[each].layer for each in nodes)
    protected = [layer for layer in going if layer in graph.protected or layer in graph.kept]
    if protected and reason is None:
        why = graph.kept.get(protected[0], "is protected")
        reason = NotApplicable(f"{protected[0]!r} {why}", ("with_protected",))
    layers = [layer for layer, number in going.items() if number == graph.calls_of(layer)]
    calls = [graph.node_by_name[each] for each in nodes]
    return Unit(
        name=name,
        kind=kind,
        nodes=nodes,
        before=before,
        after=after,
        position=position,
        reason=None if reason is None else reason.reason,
        causes=() if reason is None else reason.causes,
        costs={kind.name: kind.count_of(graph, layers, calls) for kind in counted_kinds()},
    )


def saves(unit: Unit, kind: CostKind) -> int:
    """What a unit's removal is said to take off a cost."""
    if unit.kind == "layer" and not kind.saved_by_single_layers:
        return 0
    return unit.costs[kind.name]
