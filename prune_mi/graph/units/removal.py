"""Removing a unit: edits that leave a sound graph with all other weights as they were."""

from prune_mi.errors import GraphError
from prune_mi.graph.channels.channel_map import ChannelMap
from prune_mi.graph.channels.propagation import concatenation_axis
from prune_mi.graph.channels.resizing import SLICE, Resize, propagate
from prune_mi.graph.edit import bypass, drop_argument
from prune_mi.graph.ir import LayerGraph, Node, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.traits import ACTIVATIONS, NARROWABLE
from prune_mi.graph.units.unit import Unit


def remove_unit(graph: LayerGraph, unit: Unit) -> LayerGraph:
    """The graph without the unit.

    A branch whose last run or layer goes is gone as a whole: x + f(x) becomes x, not x + x, and so
    do x * f(x) and x - f(x). What reads a concatenation that a part goes from loses the weights for
    it.

    Raises:
        GraphError: If the unit is not one of this graph's, or cannot go.
    """
    if unit.reason is not None:
        raise GraphError(f"{unit.name} cannot go: {unit.reason}")
    if unit.after.node not in graph.node_by_name:
        raise GraphError(f"{unit.name} is not a unit of this graph")
    join = graph.node_by_name[unit.after.node]
    if unit.kind == "part" and unit.position is not None:
        outcome = without_part(graph, join, unit.position)
        if isinstance(outcome, NotApplicable):
            raise GraphError(f"{unit.name} cannot go: {outcome.reason}")
        return outcome
    if unit.position is not None and len(join.inputs) > 2:
        return drop_argument(graph, join.name, unit.position)
    join_of = _collapsing(graph, unit) if unit.position is None else None
    while join_of is not None:
        if len(join_of.inputs) == 2:
            graph = bypass(graph, TensorRef(join_of.name), unit.before)
        else:
            graph = drop_argument(graph, join_of.name, join_of.inputs.index(unit.after))
        join_of = _collapsing(graph, unit)
    if unit.after.node in graph.node_by_name:
        graph = bypass(graph, unit.after, unit.before)
    return _without_repeated_relu(graph, unit.before)


def _collapsing(graph: LayerGraph, unit: Unit) -> Node | None:
    """The first join that is nothing but what a unit reads once it has gone; see `collapses`."""
    readers = graph.consumers.get(unit.after, ())
    return next((n for n in readers if collapses(graph, n, unit.before, unit.after)), None)


def collapses(graph: LayerGraph, join: Node, before: TensorRef, after: TensorRef) -> bool:
    """Whether a join of x and f(x) is nothing but x once f has gone."""
    kind = graph.layer_of(join).class_name
    if kind in ("Add", "Multiply"):
        return before in join.inputs and after in join.inputs
    return kind in ("Subtract", "Divide", "TrueDivide") and join.inputs == (before, after)


def without_part(graph: LayerGraph, join: Node, index: int) -> LayerGraph | NotApplicable:
    """The graph without one input of a concatenation, its readers sliced; or why that cannot be."""
    sliced = without_channels_of(graph, join, index)
    if isinstance(sliced, NotApplicable):
        return sliced
    slimmed = drop_argument(sliced, join.name, index)
    left = slimmed.node_by_name[join.name].inputs
    return bypass(slimmed, TensorRef(join.name), left[0]) if len(left) == 1 else slimmed


def without_channels_of(
    graph: LayerGraph, join: Node, index: int, *, resize: Resize = SLICE
) -> LayerGraph | NotApplicable:
    """The graph, its readers sliced, where a concatenation no longer yields one of its inputs."""
    if not isinstance(join.args[0], list | tuple) or len(join.args[0]) != len(join.inputs):
        return NotApplicable(f"{join.name!r} does not read a list of tensors")
    axis = concatenation_axis(graph, join)
    sizes = [graph.spec(ref).shape[axis] for ref in join.inputs]
    if any(size is None for size in sizes):
        return NotApplicable(f"{join.name!r} joins along an axis of unknown size")
    others = [place for place in range(len(sizes)) if place != index]
    if len(others) == 1:  # which stands for the whole then
        alone = list(graph.spec(join.inputs[others[0]]).shape)
        whole = list(join.outputs[0].shape)
        alone[axis] = whole[axis]
        if alone != whole:
            return NotApplicable(f"{join.name!r} joins tensors of unknown size")
    keep = [place != index for place, size in enumerate(sizes) for _ in range(size or 0)]
    return propagate(graph, {TensorRef(join.name): ChannelMap.keeping(axis, keep)}, resize=resize)


def _without_repeated_relu(graph: LayerGraph, ref: TensorRef) -> LayerGraph:
    """relu(relu(x)) is relu(x): drops the rectifiers that a removal left behind another one."""
    if not _is_rectified(graph, ref):
        return graph
    for reader in graph.consumers.get(ref, ()):
        layer, after = graph.layer_of(reader), TensorRef(reader.name)
        alone = layer.class_name in ACTIVATIONS and not layer.weights
        if alone and layer.name not in graph.protected and _is_rectified(graph, after):
            graph = bypass(graph, after, ref)
    return graph


def _is_rectified(graph: LayerGraph, ref: TensorRef) -> bool:
    """Whether a tensor comes straight from a plain ReLU, fused into its layer or not."""
    layer = graph.layer_of(graph.node_by_name[ref.node])
    plain = layer.class_name == "ReLU" and not any(
        layer.config.get(name) for name in ("negative_slope", "threshold", "max_value")
    )
    fused = layer.class_name in NARROWABLE | {"Activation"}
    return plain or (fused and layer.config.get("activation") == "relu")
