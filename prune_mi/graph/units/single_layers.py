"""One layer at a time: what DEIM 2019 A3-4 removes.

Convolution, pooling, activation, dropout and batch norm may go where the rest still fits: a layer
that keeps its input's shape is passed by, and what is behind a pooling follows the size before it.
Input and dense layers stay. Unlike the units of `graph.units.discovery`, a convolution goes without
the batch norm and the activation behind it: what is left is trained from fresh weights in the
paper.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from prune_mi.graph.ir import LayerGraph, Node, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Edit, Site
from prune_mi.graph.spatial.resizing import without_pooling
from prune_mi.graph.traits import ACTIVATIONS, DROPOUTS, LOCAL_POOLINGS
from prune_mi.graph.units.discovery import reader_objection, removable_units
from prune_mi.graph.units.sites import unit_site
from prune_mi.graph.units.unit import make_unit

_CONVOLUTIONS = frozenset({*(f"Conv{rank}D" for rank in (1, 2, 3)), "DepthwiseConv2D"})
_REMOVABLE = ACTIVATIONS | DROPOUTS | LOCAL_POOLINGS | _CONVOLUTIONS | {"BatchNormalization"}


def single_layers(graph: LayerGraph) -> tuple[Site, ...]:
    """The sites of the layers of a graph that can go by themselves, in order.

    The tensors before and behind a pooling differ in shape; all weights stay as they were or, where
    sizes follow a pooling, are adapted.
    """
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
        site = unit_site(unit)
        if node.name not in alone and not _keeps_shape(graph, node):
            site = replace(site, edit=partial(remove_pooling, pooling=node))
            if isinstance(without_pooling(graph, node), NotApplicable):
                continue
        found.append(site)
    return tuple(found)


def remove_pooling(
    graph: LayerGraph, rng: np.random.Generator, *, pooling: Node
) -> Edit | NotApplicable:
    """The edit of a site, see `graph.resizing.without_pooling`."""
    slimmed = without_pooling(graph, pooling)
    return slimmed if isinstance(slimmed, NotApplicable) else Edit(slimmed)


def _may_go(graph: LayerGraph, node: Node) -> bool:
    """Whether nothing speaks against it: it reads one tensor, is free, and is not the output."""
    ends = any(ref.node == node.name for ref in (*graph.outputs, *graph.inputs))
    stays = node.layer in graph.protected or node.layer in graph.kept
    if ends or stays or len(node.data_inputs) != 1:
        return False
    if reader_objection(graph, node.inputs[0], TensorRef(node.name)) is not None:
        return False
    pooling = graph.layer_of(node).class_name in LOCAL_POOLINGS
    return _keeps_shape(graph, node) or pooling


def _keeps_shape(graph: LayerGraph, node: Node) -> bool:
    return graph.spec(node.inputs[0]) == node.outputs[0]
