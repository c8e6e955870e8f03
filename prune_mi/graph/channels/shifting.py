"""What keeps the mean of channels that go: a bias, or a batch norm's statistics."""

from prune_mi.graph.ir import LayerGraph, Node, TensorRef
from prune_mi.graph.new_layers import is_identity_norm
from prune_mi.graph.traits import NARROWABLE


def may_be_shifted(graph: LayerGraph, node: Node) -> bool:
    """Whether a call is of a layer with kernels and a bias that repair may set."""
    layer = graph.layer_of(node)
    return (
        layer.class_name in NARROWABLE
        and layer.weight_names[-1:] == ("bias",)
        and _may_change(graph, node)
    )


def may_be_recalibrated(graph: LayerGraph, node: Node) -> bool:
    """Whether a call is of a batch norm whose statistics repair may set."""
    layer = graph.layer_of(node)
    return (
        layer.class_name == "BatchNormalization"
        and not is_identity_norm(layer)
        and _may_change(graph, node)
    )


def takes_up_mean(graph: LayerGraph, node: Node) -> bool:
    """Whether repair makes up for another mean of what a layer with a kernel reads."""
    if may_be_shifted(graph, node):
        return True
    readers = graph.consumers.get(TensorRef(node.name), ())
    is_linear = graph.layer_of(node).config.get("activation") in (None, "linear")
    norms = (may_be_recalibrated(graph, each) for each in readers)
    return is_linear and bool(readers) and all(norms)


def _may_change(graph: LayerGraph, node: Node) -> bool:
    """A layer that is called again must answer the other calls, too."""
    return node.layer not in graph.frozen and graph.calls_of(node.layer) == 1
