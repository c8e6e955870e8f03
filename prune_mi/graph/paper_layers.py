"""Layers as DEIM 2019 A3-4 counts them.

Its seed of input, convolution, activation, dense and output layer has five: the input, and every
call of a convolution, dense, pooling, activation, dropout or batch norm layer. An activation that
is part of its layer counts as part of it, as the softmax of the output layer does. What only passes
tensors on is not counted: flattening, rescaling, additions, concatenations, padding.
"""

from prune_mi.graph.ir import LayerDef, LayerGraph
from prune_mi.graph.traits import ACTIVATIONS, NOISES, NORMALIZATIONS, POOLINGS, has_kernel

_COUNTED = ACTIVATIONS | NOISES | NORMALIZATIONS | POOLINGS


def num_paper_layers(graph: LayerGraph) -> int:
    """How many layers the paper would say a network has."""
    inputs = {ref.node for ref in graph.inputs}
    return len(inputs) + sum(
        node.name not in inputs and _counts(graph.layer_of(node)) for node in graph.nodes
    )


def _counts(layer: LayerDef) -> bool:
    return layer.class_name in _COUNTED or has_kernel(layer)
