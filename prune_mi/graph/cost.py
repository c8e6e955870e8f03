"""Multiply-accumulates, weights and layers of a graph, counted from weight and tensor shapes.

Only layers that multiply by a learnt kernel have MACs; normalisation, activations, pooling and
additions count as none, as is usual for the published figures of convolutional networks.
"""

import math

from prune_mi.graph.ir import LayerDef, LayerGraph, Node, Shape
from prune_mi.records import Cost


def graph_cost(graph: LayerGraph) -> Cost:
    """Counts a whole graph; a shared layer's weights count once, its MACs once a call.

    Layers that only pack several inputs or outputs into one are not the model's and do not count.
    """
    return Cost(
        num_params=sum(layer.num_params for layer in graph.layers.values()),
        macs=sum(node_macs(graph, node) for node in graph.nodes),
        num_layers=len(graph.layers) - len(graph.packing),
    )


def objective_cost(cost: Cost, objective: str) -> int:
    """The figure that `objective` makes small; for `accuracy` that is the MACs, as a tie-break."""
    return cost.num_params if objective == "params" else cost.macs


def node_macs(graph: LayerGraph, node: Node) -> int:
    """Multiply-accumulates of one call on one sample.

    A convolution multiplies every kernel element once an output position (a transposed one once
    an input position); a dense layer every kernel element once a row.
    """
    layer = graph.layer_of(node)
    kernels = [
        weight.size
        for weight, name in zip(layer.weights, layer.weight_names, strict=True)
        if name.endswith("kernel")
    ]
    if not kernels or not node.inputs:
        return 0
    transposed = layer.class_name.endswith("Transpose")
    shape = graph.spec(node.inputs[0]).shape if transposed else node.outputs[0].shape
    return sum(kernels) * _positions(layer, shape)


def _positions(layer: LayerDef, shape: Shape) -> int:
    axes = shape[1:]
    if layer.config.get("data_format") == "channels_first" and "Conv" in layer.class_name:
        axes = axes[1:]
    else:
        axes = axes[:-1]
    return math.prod(axis or 1 for axis in axes)
