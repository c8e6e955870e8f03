"""Removable units: what can go without breaking the net, found by analysing the graph.

A unit is a set of calls between a tensor `before` it and a tensor `after` it of the same shape;
removing it feeds `before` to the readers of `after`. Three kinds are found:

- branch: everything that only one input of an addition depends on; the other input stays.
- run: a layer with a kernel and the normalisation and activation behind it, alone or with the
  following runs that it takes to come back to the shape before it.
- layer: a single call that keeps its input's shape.

Whatever cannot go is listed too, with the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from prune_mi.graph.cost import node_macs
from prune_mi.graph.edit import bypass, drop_argument
from prune_mi.graph.ir import LayerGraph, Node, TensorRef

UnitKind = Literal["branch", "run", "layer"]

ACTIVATIONS = frozenset(
    {"Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Relu", "Relu6", "Silu", "Gelu"}
)
NORMALIZATIONS = frozenset({"BatchNormalization", "LayerNormalization", "GroupNormalization"})
TRAINING_ONLY = frozenset(
    {
        *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout"),
        *("GaussianNoise", "GaussianDropout", "RandomFlip", "RandomRotation", "RandomZoom"),
        *("RandomTranslation", "RandomBrightness", "RandomContrast"),
    }
)
DROPOUTS = frozenset(name for name in TRAINING_ONLY if name.endswith(("Dropout", "1D", "2D", "3D")))
MAX_RUN_GROUPS = 3


@dataclass(frozen=True, slots=True)
class Unit:
    """What may go, or why it may not.

    Attributes:
        name: `add_3/branch`, or the name of its first layer.
        nodes: The calls that would go, in order.
        before, after: The tensor that stays and the one that it stands in for.
        position: For a branch, its place among the addition's inputs.
        reason: Why it cannot go, or None where it can.
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
    num_params: int
    macs: int


def find_units(graph: LayerGraph) -> tuple[Unit, ...]:
    """All units of a graph, in graph order, those that cannot go included."""
    units: list[Unit] = []
    for node in graph.nodes:
        if not node.inputs:
            continue
        if _is_addition(graph, node) and len(set(node.inputs)) > 1:
            units.extend(_branches(graph, node))
        elif _has_kernel(graph, node):
            units.append(_run(graph, node))
        else:
            units.append(_single(graph, node))
    return tuple(units)


def removable_units(graph: LayerGraph) -> tuple[Unit, ...]:
    """The units that can go."""
    return tuple(unit for unit in find_units(graph) if unit.reason is None)


def outermost(units: Sequence[Unit]) -> tuple[Unit, ...]:
    """The units that lie inside no other of them."""
    sets = [set(unit.nodes) for unit in units]
    return tuple(
        unit
        for unit, nodes in zip(units, sets, strict=True)
        if not any(nodes < other for other in sets)
    )


def remove_unit(graph: LayerGraph, unit: Unit) -> LayerGraph:
    """The graph without the unit; all other weights stay as they are.

    A branch whose last unit goes is gone as a whole: x + f(x) becomes x, not x + x.

    Raises:
        GraphError: If the unit is not one of this graph's.
    """
    if unit.position is not None:
        merge = graph.node_by_name[unit.after.node]
        if len(merge.inputs) > 2:
            return drop_argument(graph, merge.name, unit.position)
    for node in graph.consumers.get(unit.after, ()):
        if _is_addition(graph, node) and unit.before in node.inputs:
            if len(node.inputs) == 2:
                graph = bypass(graph, TensorRef(node.name), unit.before)
            else:
                graph = drop_argument(graph, node.name, node.inputs.index(unit.after))
    if unit.after.node in graph.node_by_name:
        graph = bypass(graph, unit.after, unit.before)
    return _without_repeated_relu(graph, unit.before)


def _without_repeated_relu(graph: LayerGraph, ref: TensorRef) -> LayerGraph:
    """relu(relu(x)) is relu(x): drops the rectifiers that a removal left behind another one."""
    if not is_rectified(graph, ref):
        return graph
    for reader in graph.consumers.get(ref, ()):
        layer = graph.layer_of(reader)
        alone = layer.class_name in ACTIVATIONS and not layer.weights
        if alone and is_rectified(graph, TensorRef(reader.name)):
            graph = bypass(graph, TensorRef(reader.name), ref)
    return graph


def is_rectified(graph: LayerGraph, ref: TensorRef) -> bool:
    """Whether a tensor comes straight from a plain ReLU, fused into its layer or not."""
    layer = graph.layer_of(graph.node_by_name[ref.node])
    plain = layer.class_name == "ReLU" and not any(
        layer.config.get(name) for name in ("negative_slope", "threshold", "max_value")
    )
    return layer.config.get("activation") == "relu" or plain


def _branches(graph: LayerGraph, merge: Node) -> list[Unit]:
    """The inputs of an addition: a + b without b is a.

    An input that nothing is computed for alone is an identity shortcut: dropping it saves nothing.
    """
    after = TensorRef(merge.name)
    exclusive = [_only_feeding(graph, merge, index) for index in range(len(merge.inputs))]
    heaviest = max(range(len(exclusive)), key=lambda index: len(exclusive[index]))
    units: list[Unit] = []
    for index, names in enumerate(exclusive):
        others = [ref for place, ref in enumerate(merge.inputs) if place != index]
        stays = others[0]
        reason = None
        if not names:
            continue
        if len(merge.inputs) > 2 and not isinstance(merge.args[0], list | tuple):
            reason = "its addition does not read a list of tensors"
        elif any(graph.spec(ref).shape != graph.spec(after).shape for ref in others):
            reason = "what is left of the sum would have another shape (broadcast)"
        role = "branch" if index == heaviest else "shortcut"
        if any(unit.name == f"{merge.name}/{role}" for unit in units):
            role = f"{role}_{index + 1}"
        going = (*names, merge.name) if len(merge.inputs) == 2 else names
        units.append(
            _make(graph, f"{merge.name}/{role}", "branch", going, stays, after, reason, index)
        )
    return units


def _only_feeding(graph: LayerGraph, merge: Node, index: int) -> tuple[str, ...]:
    """The calls that nothing but one input of `merge` depends on, in graph order."""
    needed = {ref.node for ref in graph.outputs}
    for node in reversed(graph.nodes):
        if node.name not in needed:
            continue
        for place, ref in enumerate(node.inputs):
            if node.name != merge.name or place != index:
                needed.add(ref.node)
    upstream = {merge.inputs[index].node}
    for node in reversed(graph.nodes):
        if node.name in upstream:
            upstream.update(ref.node for ref in node.inputs)
    return tuple(
        node.name
        for node in graph.nodes
        if node.name in upstream and node.name not in needed and node.inputs
    )


def _run(graph: LayerGraph, start: Node) -> Unit:
    """The shortest sequence of kernel-normalisation-activation groups that restores the shape."""
    before = start.inputs[0]
    shape = graph.spec(before).shape
    names: list[str] = []
    node: Node | None = start
    first_end: tuple[tuple[str, ...], TensorRef] | None = None
    for _ in range(MAX_RUN_GROUPS):
        if node is None or not _has_kernel(graph, node) or len(set(node.inputs)) != 1:
            break
        group = _group(graph, node)
        names.extend(group)
        after = TensorRef(group[-1])
        first_end = first_end or (tuple(names), after)
        protected = _yields_output(graph, names)
        if graph.spec(after).shape == shape or protected:
            return _make(graph, start.name, "run", tuple(names), before, after, protected)
        node = _sole_reader(graph, after)
    going, after = first_end or ((start.name,), TensorRef(start.name))
    reason = (
        f"changes the shape from {_show(shape)} to {_show(graph.spec(after).shape)}, "
        "and no run behind it changes it back"
    )
    return _make(graph, start.name, "run", going, before, after, reason)


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
    reason = _yields_output(graph, [node.name])
    if len(set(node.inputs)) > 1:
        reason = reason or f"joins {len(set(node.inputs))} tensors"
    elif len(node.outputs) > 1:
        reason = reason or f"yields {len(node.outputs)} tensors"
    elif graph.spec(before).shape != node.outputs[0].shape:
        shapes = f"{_show(graph.spec(before).shape)} to {_show(node.outputs[0].shape)}"
        reason = reason or f"changes the shape from {shapes}"
    elif len(node.inputs) > 1:
        reason = reason or "joins a tensor with itself"
    elif graph.spec(before).dtype != node.outputs[0].dtype:
        reason = reason or "changes the dtype"
    return _make(graph, node.name, "layer", (node.name,), before, after, reason)


def _make(
    graph: LayerGraph,
    name: str,
    kind: UnitKind,
    nodes: tuple[str, ...],
    before: TensorRef,
    after: TensorRef,
    reason: str | None,
    position: int | None = None,
) -> Unit:
    going = set(nodes)
    staying = {node.layer for node in graph.nodes if node.name not in going}
    layers = {graph.node_by_name[each].layer for each in nodes} - staying
    return Unit(
        name=name,
        kind=kind,
        nodes=nodes,
        before=before,
        after=after,
        position=position,
        reason=reason,
        num_params=sum(graph.layers[layer].num_params for layer in layers),
        macs=sum(node_macs(graph, graph.node_by_name[each]) for each in nodes),
    )


def _is_addition(graph: LayerGraph, node: Node) -> bool:
    return graph.layer_of(node).class_name == "Add"


def _has_kernel(graph: LayerGraph, node: Node) -> bool:
    return any(name.endswith("kernel") for name in graph.layer_of(node).weight_names)


def _sole_reader(graph: LayerGraph, ref: TensorRef) -> Node | None:
    readers = graph.consumers.get(ref, ())
    return readers[0] if len(readers) == 1 and ref not in graph.outputs else None


def _yields_output(graph: LayerGraph, names: list[str]) -> str | None:
    if any(ref.node in names for ref in graph.outputs):
        return "yields the model's output"
    return None


def _show(shape: tuple[int | None, ...]) -> str:
    return "x".join("?" if axis is None else str(axis) for axis in shape[1:]) or "a scalar"
