"""What a network costs, and what a step of its training does."""

from prune_mi.costs.catalog import counted_kinds
from prune_mi.graph.ir import LayerGraph, once_a_graph, tensor_size
from prune_mi.records import Cost

# On one core with AVX-512, a value of a map took as long as 40 to 50 multiply-accumulates, forwards
# and backwards: 256 channels of 32 x 32 behind a convolution of three, against residual blocks.
_MACS_A_VALUE = 50


@once_a_graph
def graph_cost(graph: LayerGraph) -> Cost:
    """Counts a whole graph, by every cost that follows from one.

    Layers that only pack several inputs or outputs into one are not the model's and do not count
    as layers.
    """
    counts = {kind.name: kind.count(graph) for kind in counted_kinds()}
    return Cost(
        num_params=counts.pop("params"),
        macs=counts.pop("macs"),
        num_layers=len(graph.layers) - len(graph.packing),
        others=counts,
    )


def training_step_cost(graph: LayerGraph) -> float:
    """What a step of training costs for one sample, in MACs, before anyone has measured it.

    A wide layer behind few channels has few multiply-accumulates and large maps, which every
    normalisation, activation and sum has to read and write.
    """
    values = sum(tensor_size(spec.shape[1:]) for node in graph.nodes for spec in node.outputs)
    return graph_cost(graph).macs + _MACS_A_VALUE * values
