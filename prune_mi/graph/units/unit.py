"""A unit: what can go without breaking the network, or the reason why it cannot."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from prune_mi.graph.cost import node_macs
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
        num_params: Weights that would go, those of layers still called elsewhere not counted.
        macs: Multiply-accumulates that would go.
    """

    name: str
    kind: UnitKind
    nodes: tuple[str, ...]
    before: TensorRef
    after: TensorRef
    position: int | None
    reason: str | None
    causes: tuple[Cause, ...]
    num_params: int
    macs: int


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
    layers = [layer for layer, calls in going.items() if calls == graph.calls_of(layer)]
    return Unit(
        name=name,
        kind=kind,
        nodes=nodes,
        before=before,
        after=after,
        position=position,
        reason=None if reason is None else reason.reason,
        causes=() if reason is None else reason.causes,
        num_params=sum(graph.layers[layer].num_params for layer in layers),
        macs=sum(node_macs(graph, graph.node_by_name[each]) for each in nodes),
    )


def saves(unit: Unit, objective: str) -> int:
    """What a unit's removal takes off the objective; for `accuracy`, layers.

    For `params` a normalisation alone counts for nothing: it is invertible, so a change of
    information across it is an artefact of scaling, and its weights are few.
    """
    if objective == "params":
        return unit.num_params if unit.kind != "layer" else 0
    return unit.macs if objective == "macs" else len(unit.nodes)
