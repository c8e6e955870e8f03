"""Removing a unit: edits that leave a sound graph with all other weights as they were."""

from prune_mi.errors import GraphError
from prune_mi.graph.channels import ChannelMask, Unsliceable, concatenation_axis, drop_channels
from prune_mi.graph.edit import bypass, drop_argument
from prune_mi.graph.ir import LayerGraph, Node, TensorRef
from prune_mi.graph.traits import ACTIVATIONS
from prune_mi.graph.unit import Unit

__all__ = ["Unsliceable", "is_rectified", "remove_unit", "without_part"]


def remove_unit(graph: LayerGraph, unit: Unit) -> LayerGraph:
    """The graph without the unit.

    A branch whose last unit goes is gone as a whole: x + f(x) becomes x, not x + x. What reads a
    concatenation that a part goes from loses the weights for it.

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
        if isinstance(outcome, Unsliceable):
            raise GraphError(f"{unit.name} cannot go: {outcome.reason}")
        return outcome
    if unit.position is not None and len(join.inputs) > 2:
        return drop_argument(graph, join.name, unit.position)
    for node in graph.consumers.get(unit.after, ()):
        if graph.layer_of(node).class_name == "Add" and unit.before in node.inputs:
            if len(node.inputs) == 2:
                graph = bypass(graph, TensorRef(node.name), unit.before)
            else:
                graph = drop_argument(graph, node.name, node.inputs.index(unit.after))
    if unit.after.node in graph.node_by_name:
        graph = bypass(graph, unit.after, unit.before)
    return _without_repeated_relu(graph, unit.before)


def without_part(graph: LayerGraph, join: Node, index: int) -> LayerGraph | Unsliceable:
    """The graph without one input of a concatenation, its readers sliced; or why that cannot be."""
    if not isinstance(join.args[0], list | tuple) or len(join.args[0]) != len(join.inputs):
        return Unsliceable(f"{join.name!r} does not read a list of tensors")
    axis = concatenation_axis(graph, join)
    sizes = [graph.spec(ref).shape[axis] for ref in join.inputs]
    if any(size is None for size in sizes):
        return Unsliceable(f"{join.name!r} joins along an axis of unknown size")
    keep = [place != index for place, size in enumerate(sizes) for _ in range(size or 0)]
    mask = ChannelMask.of(axis, keep)
    sliced = drop_channels(graph, {TensorRef(join.name): mask})
    if isinstance(sliced, Unsliceable):
        return sliced
    slimmed = drop_argument(sliced, join.name, index)
    left = slimmed.node_by_name[join.name].inputs
    return bypass(slimmed, TensorRef(join.name), left[0]) if len(left) == 1 else slimmed


def _without_repeated_relu(graph: LayerGraph, ref: TensorRef) -> LayerGraph:
    """relu(relu(x)) is relu(x): drops the rectifiers that a removal left behind another one."""
    if not is_rectified(graph, ref):
        return graph
    for reader in graph.consumers.get(ref, ()):
        layer = graph.layer_of(reader)
        alone = layer.class_name in ACTIVATIONS and not layer.weights
        if (
            alone
            and layer.name not in graph.protected
            and is_rectified(graph, TensorRef(reader.name))
        ):
            graph = bypass(graph, TensorRef(reader.name), ref)
    return graph


def is_rectified(graph: LayerGraph, ref: TensorRef) -> bool:
    """Whether a tensor comes straight from a plain ReLU, fused into its layer or not."""
    layer = graph.layer_of(graph.node_by_name[ref.node])
    plain = layer.class_name == "ReLU" and not any(
        layer.config.get(name) for name in ("negative_slope", "threshold", "max_value")
    )
    return layer.config.get("activation") == "relu" or plain
