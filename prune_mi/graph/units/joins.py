"""Units at joins: branches of sums, gates of products, parts of concatenations.

What one input of a join alone depends on can go where the other inputs can stand for the whole:
a + f(a) becomes a, a * g(a) becomes a, and [a, f(a)] becomes a, whose readers are sliced to what is
left.
"""

from dataclasses import replace

from prune_mi.graph.channels.resizing import SHAPES_ONLY
from prune_mi.graph.cost import node_macs
from prune_mi.graph.ir import LayerGraph, Node, TensorRef
from prune_mi.graph.not_applicable import NotApplicable, show_sizes
from prune_mi.graph.traits import CONCATENATIONS
from prune_mi.graph.units.removal import without_channels_of
from prune_mi.graph.units.unit import Unit, UnitKind, make_unit

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
    exclusive = [exclusive_ancestors(graph, join, index) for index in range(len(join.inputs))]
    heaviest = max(range(len(exclusive)), key=lambda index: len(exclusive[index]))
    units: list[Unit] = []
    for index, names in enumerate(exclusive):
        if not names:
            continue
        going = (*names, join.name) if len(join.inputs) == 2 else names
        if graph.layer_of(join).class_name in CONCATENATIONS:
            units.append(_part(graph, join, index, going))
            continue
        kind, heavy, light = _ROLES[graph.layer_of(join).class_name]
        name = f"{join.name}/{heavy if index == heaviest else light}"
        if any(unit.name == name for unit in units):
            name = f"{name}_{index + 1}"
        others = [ref for place, ref in enumerate(join.inputs) if place != index]
        reason = _why_term_stays(graph, join, others)
        after = TensorRef(join.name)
        units.append(make_unit(graph, name, kind, going, others[0], after, reason, index))
    return units


def _why_term_stays(graph: LayerGraph, join: Node, others: list[TensorRef]) -> NotApplicable | None:
    """Why a sum or a product must keep an input beside others: a + b without b is a."""
    if len(others) > 1 and not isinstance(join.args[0], list | tuple):
        return NotApplicable(f"{join.name!r} does not read a list of tensors", ("joins",))
    whole, left = join.outputs[0].shape, graph.spec(others[0]).shape
    if any(graph.spec(ref).shape != whole for ref in others):
        text = f"what is left would be {show_sizes(left[1:])}, not {show_sizes(whole[1:])}"
        return NotApplicable(text, ("readers",))
    return None


def _part(graph: LayerGraph, join: Node, index: int, going: tuple[str, ...]) -> Unit:
    """An input of a concatenation, with what its readers lose; they must bear to be sliced."""
    name, after = f"{join.name}/part_{index + 1}", TensorRef(join.name)
    sliced = without_channels_of(graph, join, index, resize=SHAPES_ONLY)
    if isinstance(sliced, NotApplicable):
        reason = NotApplicable(sliced.reason, ("readers",))
        return make_unit(graph, name, "part", going, after, after, reason, index)
    unit = make_unit(graph, name, "part", going, after, after, None, index)
    slimmer = {key for key, layer in graph.layers.items() if layer is not sliced.layers[key]}
    lighter = [
        (old, new)
        for old, new in zip(graph.nodes, sliced.nodes, strict=True)
        if old is not new or old.layer in slimmer
    ]
    return replace(
        unit,
        num_params=unit.num_params
        + sum(graph.layers[key].num_params - sliced.layers[key].num_params for key in slimmer),
        macs=unit.macs
        + sum(node_macs(graph, old) - node_macs(sliced, new) for old, new in lighter),
    )


def exclusive_ancestors(graph: LayerGraph, join: Node, index: int) -> tuple[str, ...]:
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
