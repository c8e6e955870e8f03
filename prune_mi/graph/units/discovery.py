"""Removable units: what can go without breaking the net, found by analysing the graph.

A unit is a set of calls between a tensor `before` it and a tensor `after` it of the same shape;
removing it feeds `before` to the readers of `after`. These are found:

- branch: everything that only one input of an addition depends on; the other input stays.
- gate: the same of a product, such as a squeeze-and-excite block.
- part: the same of a concatenation; the readers' kernels are sliced.
- run: a layer with a kernel and the normalisation and activation behind it, alone or with the
  following runs that it takes to come back to the shape before it.
- layer: a single call that keeps its input's shape.

Whatever cannot go is listed too, with the reason.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from prune_mi.graph.ir import LayerGraph, Node, TensorRef, once_a_graph
from prune_mi.graph.not_applicable import OUTPUT, NotApplicable, change_of_shape
from prune_mi.graph.traits import ACTIVATIONS, NORMALIZATIONS, has_kernel, may_change_size
from prune_mi.graph.units.joins import is_join, join_units
from prune_mi.graph.units.removal import collapses
from prune_mi.graph.units.unit import Unit, make_unit

MAX_RUN_GROUPS = 3


@once_a_graph
def find_units(graph: LayerGraph) -> tuple[Unit, ...]:
    """All units of a graph, in graph order, those that cannot go included."""
    units: list[Unit] = []
    for node in graph.nodes:
        if not node.inputs:
            continue
        if is_join(graph, node):
            units.extend(join_units(graph, node))
        elif has_kernel(graph.layer_of(node)):
            units.append(_run(graph, node))
        else:
            units.append(_single(graph, node))
    return tuple(units)


def removable_units(graph: LayerGraph) -> tuple[Unit, ...]:
    """The units that can go."""
    return tuple(unit for unit in find_units(graph) if unit.reason is None)


class _Calls(Protocol):
    @property
    def nodes(self) -> tuple[str, ...]: ...


_CallsT = TypeVar("_CallsT", bound=_Calls)


def outermost(units: Sequence[_CallsT]) -> tuple[_CallsT, ...]:
    """The units, or sites, that lie inside no other of them."""
    sets = [set(unit.nodes) for unit in units]
    return tuple(
        unit
        for unit, nodes in zip(units, sets, strict=True)
        if not any(nodes < other for other in sets)
    )


def _run(graph: LayerGraph, start: Node) -> Unit:
    """The shortest sequence of kernel-normalisation-activation groups that restores the shape."""
    before = start.inputs[0]
    shape = graph.spec(before).shape
    names: list[str] = []
    node: Node | None = start
    first_end: tuple[tuple[str, ...], TensorRef] | None = None
    for _ in range(MAX_RUN_GROUPS):
        if node is None or not has_kernel(graph.layer_of(node)) or _joins_or_yields(node):
            break
        group = _group(graph, node)
        names.extend(group)
        after = TensorRef(group[-1])
        first_end = first_end or (tuple(names), after)
        at_end = _yields_output(graph, names)
        if at_end is not None and len(names) > len(group):
            break  # the layers before the head change the shape, whatever the head does
        if at_end is not None or _keeps_shape(graph, names, before, after):
            reason = at_end or reader_objection(graph, before, after)
            return make_unit(graph, start.name, "run", tuple(names), before, after, reason)
        node = _sole_reader(graph, after)
    going, after = first_end or ((start.name,), TensorRef(start.name))
    reason = _joins_or_yields(start) or change_of_shape(
        graph.layer_of(start), shape, graph.spec(after).shape
    )
    return make_unit(graph, start.name, "run", going, before, after, reason)


def _joins_or_yields(node: Node) -> NotApplicable | None:
    joined = len(set(node.data_inputs))
    if joined > 1:
        return NotApplicable(f"joins {joined} tensors", ("joins",))
    if len(node.outputs) > 1:
        return NotApplicable(f"yields {len(node.outputs)} tensors", ("joins",))
    return None


def reader_objection(
    graph: LayerGraph, before: TensorRef, after: TensorRef
) -> NotApplicable | None:
    """Why what reads both ends of a unit must keep them apart."""
    for node in graph.consumers.get(after, ()):
        kind = graph.layer_of(node).class_name
        if before not in node.inputs:
            continue
        if collapses(graph, node, before, after):
            if node.layer in graph.protected:
                why = graph.kept.get(node.layer, "is protected")
                text = f"{node.layer!r}, which would go with it, {why}"
                return NotApplicable(text, ("with_protected",))
        elif kind in ("Subtract", "Divide", "TrueDivide"):
            text = f"{node.name!r} would be left with a tensor and itself"
            return NotApplicable(text, ("readers",))
    return None


def _group(graph: LayerGraph, start: Node) -> list[str]:
    """A kernel layer and the normalisation and activation that alone read it."""
    names = [start.name]
    for kinds in (NORMALIZATIONS, ACTIVATIONS):
        reader = _sole_reader(graph, TensorRef(names[-1]))
        if reader is not None and graph.layer_of(reader).class_name in kinds:
            names.append(reader.name)
    return names


def _single(graph: LayerGraph, node: Node) -> Unit:
    after = TensorRef(node.name)
    before = node.inputs[0]
    reason = _yields_output(graph, [node.name]) or _joins_or_yields(node)
    if reason is None and not _keeps_shape(graph, [node.name], before, after):
        shapes = graph.spec(before).shape, node.outputs[0].shape
        reason = change_of_shape(graph.layer_of(node), *shapes)
    elif reason is None and len(node.data_inputs) > 1:
        reason = NotApplicable("joins a tensor with itself", ("joins",))
    elif reason is None and graph.spec(before).dtype != node.outputs[0].dtype:
        reason = NotApplicable("changes the dtype", ("dtype",))
    reason = reason or reader_objection(graph, before, after)
    return make_unit(graph, node.name, "layer", (node.name,), before, after, reason)


def _yields_output(graph: LayerGraph, names: list[str]) -> NotApplicable | None:
    return OUTPUT if any(ref.node in names for ref in graph.outputs) else None


def _keeps_shape(
    graph: LayerGraph, nodes: Sequence[str], before: TensorRef, after: TensorRef
) -> bool:
    """Whether calls in a row yield the shape that they are fed, also where sizes are unknown."""
    shape = graph.spec(before).shape
    if shape != graph.spec(after).shape:
        return False
    return None not in shape[1:] or not any(
        may_change_size(graph.layer_of(graph.node_by_name[name])) for name in nodes
    )


def _sole_reader(graph: LayerGraph, ref: TensorRef) -> Node | None:
    """The one call that reads a tensor, where there is just one and it is no output."""
    readers = graph.consumers.get(ref, ())
    return readers[0] if len(readers) == 1 and ref not in graph.outputs else None
