"""What a step of training costs, before anyone has measured it.

A wide layer behind few channels has few multiply-accumulates and large maps, which every
normalisation, activation and sum has to read and write.
"""

import math

from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph

# On one core with AVX-512, a value of a map took as long as 40 to 50 multiply-accumulates, forwards
# and backwards: 256 channels of 32 x 32 behind a convolution of three, against residual blocks.
_MACS_A_VALUE = 50


def training_work(graph: LayerGraph) -> float:
    """Work of one sample in multiply-accumulates; axes of unknown size count as 1."""
    values = sum(
        math.prod(axis or 1 for axis in spec.shape[1:])
        for node in graph.nodes
        for spec in node.outputs
    )
    return graph_cost(graph).macs + _MACS_A_VALUE * values
