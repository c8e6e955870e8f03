"""Multiply-accumulates, weights and layers of a whole graph."""

from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.macs import node_macs
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
