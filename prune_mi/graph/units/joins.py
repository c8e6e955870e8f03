"""Units at joins, and shortcuts.

What one input of a join alone depends on can go where the other inputs can stand for the whole:
a + f(a) becomes a, a * g(a) becomes a, and [a, f(a)] becomes a, whose readers are sliced to what is
left. So there are branches of sums, gates of products and parts of concatenations.

Shortcuts are inputs of a sum or a concatenation that lead round what another input goes through.
y = s(a) + f(a) becomes y = f(a), and [s(a), f(a)] becomes f(a), whose readers are sliced. A
shortcut s is a itself, or poolings, paddings, normalisations, noise and linear 1x1 convolutions of
it; f goes through a layer with a kernel. Where several inputs are shortcuts, one always stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from prune_mi.costs.catalog import counted_kinds
from prune_mi.graph.channels.resizing import SHAPES_ONLY
from prune_mi.graph.edit import bypass, drop_argument
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef
from prune_mi.graph.not_applicable import NotApplicable, show_sizes
from prune_mi.graph.traits import (
    CONCATENATIONS,
    NOISES,
    NORMALIZATIONS,
    POOLINGS,
    RESIZINGS,
    all_one,
    has_kernel,
)
from prune_mi.graph.units.removal import without_channels_of, without_part
from prune_mi.graph.units.unit import Unit, UnitKind, make_unit

_ROLES: dict[str, tuple[UnitKind, str, str]] = {
    "Add": ("branch", "branch", "shortcut"),
    "Multiply": ("gate", "gate", "gated"),
}


@dataclass(frozen=True, slots=True)
class Shortcut:
    """One input of a join that can be told to be a shortcut.

    Attributes:
        join: Name of the call that joins.
        position: Its place among the join's inputs.
        start: The tensor that it leads from.
        calls: What only it goes through, in order.
    """

    join: str
    position: int
    start: TensorRef
    calls: tuple[str, ...]


def find_shortcuts(graph: LayerGraph) -> tuple[Shortcut, ...]:
    """All shortcuts, in graph order, those that cannot go included."""
    spanned = ancestors_through_kernels(graph)
    found = []
    for node in graph.nodes:
        kind = graph.layer_of(node).class_name
        if kind != "Add" and kind not in CONCATENATIONS:
            continue
        for position in range(len(node.inputs)):
            calls = exclusive_ancestors(graph, node, position)
            start = _start(graph, node.inputs[position], calls)
            others = [ref for place, ref in enumerate(node.inputs) if place != position]
            if start is not None and any(start in spanned[ref] for ref in others):
                found.append(Shortcut(node.name, position, start, calls))
    return tuple(found)


def ancestors_through_kernels(graph: LayerGraph) -> Mapping[TensorRef, frozenset[TensorRef]]:
    """For each tensor, those that a shortcut to it would lead round a kernel from.

    A tensor is in the set of another if there is a way from it to the other that goes through a
    call of a layer with a kernel.
    """
    before: dict[TensorRef, frozenset[TensorRef]] = {}  # itself, and all that it is computed from
    spanned: dict[TensorRef, frozenset[TensorRef]] = {}
    for node in graph.nodes:
        upstream = frozenset[TensorRef]().union(*(before[ref] for ref in node.inputs))
        round_kernel = frozenset[TensorRef]().union(*(spanned[ref] for ref in node.inputs))
        if has_kernel(graph.layer_of(node)):
            round_kernel = upstream
        for index in range(len(node.outputs)):
            ref = TensorRef(node.name, index)
            before[ref], spanned[ref] = upstream | {ref}, round_kernel
    return spanned


def without_shortcut(graph: LayerGraph, shortcut: Shortcut) -> LayerGraph | NotApplicable:
    """The graph without a shortcut of it; or why it must stay."""
    join = graph.node_by_name[shortcut.join]
    for name in (*shortcut.calls, join.name):
        layer = graph.node_by_name[name].layer
        if layer in graph.protected:
            return NotApplicable(f"{layer!r} {graph.kept.get(layer, 'is protected')}")
    if graph.layer_of(join).class_name in CONCATENATIONS:
        return without_part(graph, join, shortcut.position)
    others = [ref for place, ref in enumerate(join.inputs) if place != shortcut.position]
    if any(graph.spec(ref) != join.outputs[0] for ref in others):
        return NotApplicable(f"what {join.name!r} joins it with has not the shape of their sum")
    if len(others) > 1:
        if not isinstance(join.args[0], list | tuple):
            return NotApplicable(f"{join.name!r} does not read a list of tensors")
        return drop_argument(graph, join.name, shortcut.position)
    for reader in graph.consumers.get(TensorRef(join.name), ()):
        if others[0] in reader.inputs:
            return NotApplicable(f"{reader.name!r} would be left with a tensor and itself")
    return bypass(graph, TensorRef(join.name), others[0])


def _start(graph: LayerGraph, end: TensorRef, calls: tuple[str, ...]) -> TensorRef | None:
    """The one tensor that calls only adapt, or None where they do more or read several."""
    if not all(_adapts(graph.layer_of(graph.node_by_name[name])) for name in calls):
        return None
    read = {ref for name in calls for ref in graph.node_by_name[name].inputs}
    starts = {ref for ref in read if ref.node not in calls} if calls else {end}
    return starts.pop() if len(starts) == 1 else None


def _adapts(layer: LayerDef) -> bool:
    """Whether a layer makes a tensor fit another without computing features of it."""
    if not has_kernel(layer):
        kinds = POOLINGS | RESIZINGS | NORMALIZATIONS | NOISES | {"Identity"}
        return layer.class_name in kinds
    is_point = all_one(layer.config.get("kernel_size") or 1)
    linear = layer.config.get("activation") in (None, "linear")
    mixes = layer.class_name == "Dense" or layer.class_name.startswith("Conv")
    return is_point and linear and mixes


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
    before, behind = [old for old, _ in lighter], [new for _, new in lighter]
    lost = {
        kind.name: kind.count_of(graph, slimmer, before) - kind.count_of(sliced, slimmer, behind)
        for kind in counted_kinds()
    }
    return replace(unit, costs={name: cost + lost[name] for name, cost in unit.costs.items()})


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
