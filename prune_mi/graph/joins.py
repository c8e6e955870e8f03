"""Units at joins: branches of sums, gates of products, parts of concatenations.

What one input of a join alone depends on can go where the other inputs can stand for the whole:
a + f(a) becomes a, a * g(a) becomes a, and [a, f(a)] becomes a, whose readers are sliced to what is
left.
"""

from dataclasses import replace

from prune_mi.graph.channels import OUTLINE, Slices, find_slices, sliced
from prune_mi.graph.ir import LayerGraph, Node, TensorRef
from prune_mi.graph.macs import node_macs
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.removal import part_mask
from prune_mi.graph.traits import CONCATENATIONS
from prune_mi.graph.unit import Unit, UnitKind, make_unit, show_shape

_ROLES: dict[str, tuple[UnitKind, str, str]] = {
    "Add": ("branch", "branch", "shortcut"),
    "Multiply": ("gate", "gate", "gated"),
}


def is_join(graph: LayerGraph, node: Node) -> bool:
    """Whether a call joins tensors of which one can go."""
    kind = graph.layer_of(node).class_name
    return len(set(node.inputs)) > 1 and (kind in _ROLES or kind in CONCATENATIONS)


def join_units(graph: LayerGraph, join: Node) -> list[Unit]:
    """The units of one join.

    An input that nothing is computed for alone is an identity shortcut: dropping it saves nothing.
    """
    exclusive = [only_feeding(graph, join, index) for index in range(len(join.inputs))]
    if graph.layer_of(join).class_name in CONCATENATIONS:
        return _parts(graph, join, exclusive)
    return _terms(graph, join, exclusive)


def _terms(graph: LayerGraph, join: Node, exclusive: list[tuple[str, ...]]) -> list[Unit]:
    """The inputs of a sum or a product: a + b without b is a."""
    after = TensorRef(join.name)
    kind, heavy, light = _ROLES[graph.layer_of(join).class_name]
    heaviest = max(range(len(exclusive)), key=lambda index: len(exclusive[index]))
    units: list[Unit] = []
    reason: NotApplicable | None
    for index, names in enumerate(exclusive):
        others = [ref for place, ref in enumerate(join.inputs) if place != index]
        reason = None
        if not names:
            continue
        if len(join.inputs) > 2 and not isinstance(join.args[0], list | tuple):
            reason = NotApplicable(f"{join.name!r} does not read a list of tensors", ("joins",))
        elif any(graph.spec(ref).shape != graph.spec(after).shape for ref in others):
            whole, left = graph.spec(after).shape, graph.spec(others[0]).shape
            text = f"what is left would be {show_shape(left)}, not {show_shape(whole)}"
            reason = NotApplicable(text, ("readers",))
        role = heavy if index == heaviest else light
        if any(unit.name == f"{join.name}/{role}" for unit in units):
            role = f"{role}_{index + 1}"
        going = (*names, join.name) if len(join.inputs) == 2 else names
        name = f"{join.name}/{role}"
        units.append(make_unit(graph, name, kind, going, others[0], after, reason, index))
    return units


def _parts(graph: LayerGraph, join: Node, exclusive: list[tuple[str, ...]]) -> list[Unit]:
    """The inputs of a concatenation; what reads it must bear to be sliced."""
    after = TensorRef(join.name)
    units = []
    for index, names in enumerate(exclusive):
        if not names:
            continue
        mask = part_mask(graph, join, index)
        slices = (
            mask if isinstance(mask, NotApplicable) else find_slices(graph, mask, resize=OUTLINE)
        )
        reason = None
        if isinstance(slices, NotApplicable):
            reason = NotApplicable(slices.reason, ("readers",))
        going = (*names, join.name) if len(join.inputs) == 2 else names
        name = f"{join.name}/part_{index + 1}"
        unit = make_unit(graph, name, "part", going, after, after, reason, index)
        if not isinstance(slices, NotApplicable):
            unit = _with_slices(unit, graph, slices)
        units.append(unit)
    return units


def _with_slices(unit: Unit, graph: LayerGraph, slices: Slices) -> Unit:
    """The unit with what its readers lose, beside what it is itself."""
    after = sliced(graph, slices)
    lighter = set(slices.nodes) | {
        node.name for node in graph.nodes if node.layer in slices.layers
    } - set(unit.nodes)
    return replace(
        unit,
        num_params=unit.num_params
        + sum(
            graph.layers[name].num_params - layer.num_params
            for name, layer in slices.layers.items()
        ),
        macs=unit.macs
        + sum(
            node_macs(graph, graph.node_by_name[name]) - node_macs(after, after.node_by_name[name])
            for name in lighter
        ),
    )


def only_feeding(graph: LayerGraph, join: Node, index: int) -> tuple[str, ...]:
    """The calls that nothing but one input of `join` depends on, in graph order."""
    needed = {ref.node for ref in graph.outputs}
    for node in reversed(graph.nodes):
        if node.name not in needed:
            continue
        for place, ref in enumerate(node.inputs):
            if node.name != join.name or place != index:
                needed.add(ref.node)
    upstream = graph.upstream_of([join.inputs[index].node])
    return tuple(
        node.name
        for node in graph.nodes
        if node.name in upstream and node.name not in needed and node.inputs
    )
