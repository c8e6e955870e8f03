"""Where in a network a tensor lies, in words that hold for every network.

What is learned about places in one network is then of use in its children, whose layers have other
names and other depths.
"""

from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.traits import (
    ACTIVATIONS,
    CONCATENATIONS,
    JOINS,
    NOISES,
    NORMALIZATIONS,
    POOLINGS,
    has_kernel,
)
from prune_mi.records import Place

THIRDS = (0, 1, 2)
_CLASSES = {
    "norm": NORMALIZATIONS,
    "activation": ACTIVATIONS,
    "pooling": POOLINGS,
    "noise": NOISES,
    "join": JOINS | CONCATENATIONS,
}
BEHIND_KINDS = ("input", "kernel", *_CLASSES, "other")


def location_of(graph: LayerGraph, ref: TensorRef) -> Place:
    """The place of a tensor of the graph."""
    third = len(THIRDS) * graph.position[ref.node] // len(graph.nodes)
    return Place(third, _behind(graph, ref))


def _behind(graph: LayerGraph, ref: TensorRef) -> str:
    if ref in graph.inputs:
        return "input"
    layer = graph.layer_of(graph.node_by_name[ref.node])
    if has_kernel(layer):
        return "kernel"
    found = (name for name, classes in _CLASSES.items() if layer.class_name in classes)
    return next(found, "other")
