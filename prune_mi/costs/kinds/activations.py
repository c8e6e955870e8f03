"""Values of all tensors that layers yield, for one sample: what a network writes to memory.

Where arithmetic is cheap, time goes by what is written and read back, which MACs do not see: a
normalisation or an activation alone has none, and its whole map to write. (Dollár, Singh, Girshick
2021, Fast and Accurate Model Scaling, section 3: activations go with runtime on accelerators, where
FLOPs do not.) Axes of unknown size count as 1; inputs are not written.
"""

from prune_mi.costs.kind import CostKind
from prune_mi.graph.ir import LayerGraph, Node, tensor_size


def num_activations(graph: LayerGraph, node: Node) -> int:
    """Values that one call yields; what stands for an input of a packed graph writes none."""
    read = (graph.node_by_name[ref.node].layer for ref in node.inputs)
    if all(layer in graph.packing for layer in read):
        return 0
    return sum(tensor_size(spec.shape[1:]) for spec in node.outputs)


COST = CostKind(
    name="activations",
    label="activations",
    words="values of all tensors that layers yield, for one sample",
    of_call=num_activations,
)
