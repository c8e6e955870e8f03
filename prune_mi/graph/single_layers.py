"""One layer at a time: what DEIM 2019 A3-4 removes.

Convolution, pooling, activation, dropout and batch norm may go where the rest still fits: a layer
that keeps its input's shape is passed by, and what is behind a pooling follows the size before it.
Input and dense layers stay. Unlike the units of `graph.unit_discovery`, a convolution goes without
the batch norm and the activation behind it: what is left is trained from fresh weights in the
paper.
"""

from dataclasses import dataclass

from prune_mi.graph.ir import LayerGraph, Node, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.removal import remove_unit
from prune_mi.graph.spatial_resizing import without_pooling
from prune_mi.graph.traits import ACTIVATIONS, DROPOUTS, LOCAL_POOLINGS
from prune_mi.graph.unit import Unit, make_unit
from prune_mi.graph.unit_discovery import reader_objection, removable_units

_CONVOLUTIONS = frozenset({*(f"Conv{rank}D" for rank in (1, 2, 3)), "DepthwiseConv2D"})
_REMOVABLE = ACTIVATIONS | DROPOUTS | LOCAL_POOLINGS | _CONVOLUTIONS | {"BatchNormalization"}


@dataclass(frozen=True, slots=True, eq=False)
class SingleLayer:
    """A layer that can go.

    Attributes:
        unit: Its call, with the tensors before and behind it; these differ in shape for a pooling.
        class_name: Its class.
        without: The graph without it, all other weights as they were or, where sizes follow a
            pooling, adapted.
    """

    unit: Unit
    class_name: str
    without: LayerGraph


def single_layers(graph: LayerGraph) -> tuple[SingleLayer, ...]:
    """The layers of a graph that can go by themselves, in order."""
    alone = {unit.nodes[0]: unit for unit in removable_units(graph) if len(unit.nodes) == 1}
    found = []
    for node in graph.nodes:
        kind = graph.layer_of(node).class_name
        if kind not in _REMOVABLE or graph.calls_of(node.layer) > 1 or not _may_go(graph, node):
            continue
        before, after = node.inputs[0], TensorRef(node.name)
        unit = alone.get(node.name) or make_unit(
            graph, node.name, "layer", (node.name,), before, after, None
        )
        slimmed: LayerGraph | NotApplicable
        if node.name in alone or graph.spec(before) == node.outputs[0]:
            slimmed = remove_unit(graph, unit)
        else:
            slimmed = without_pooling(graph, node)
        if isinstance(slimmed, LayerGraph):
            found.append(SingleLayer(unit, kind, slimmed))
    return tuple(found)


def _may_go(graph: LayerGraph, node: Node) -> bool:
    """Whether nothing speaks against it: it reads one tensor, is free, and is not the output."""
    ends = any(ref.node == node.name for ref in (*graph.outputs, *graph.inputs))
    stays = node.layer in graph.protected or node.layer in graph.kept
    if ends or stays or len(node.data_inputs) != 1:
        return False
    if reader_objection(graph, node.inputs[0], TensorRef(node.name)) is not None:
        return False
    pooling = graph.layer_of(node).class_name in LOCAL_POOLINGS
    return pooling or graph.spec(node.inputs[0]) == node.outputs[0]
