"""What a network costs, from the shapes of tensors and weights: weights, layers and MACs.

Counted as multiply-accumulates are products with learnt kernels and products of tensors (attention,
`matmul`); normalisation, activations, pooling and additions count as none, as is usual for the
published figures of convolutional networks. Axes of unknown size count as 1.
"""

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from prune_mi.graph.ir import LayerDef, LayerGraph, Node, Shape
from prune_mi.graph.traits import RECURRENT
from prune_mi.records import Cost

# On one core with AVX-512, a value of a map took as long as 40 to 50 multiply-accumulates, forwards
# and backwards: 256 channels of 32 x 32 behind a convolution of three, against residual blocks.
_MACS_A_VALUE = 50


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


def training_step_cost(graph: LayerGraph) -> float:
    """What a step of training costs for one sample, in MACs, before anyone has measured it.

    A wide layer behind few channels has few multiply-accumulates and large maps, which every
    normalisation, activation and sum has to read and write.
    """
    values = sum(_size(spec.shape[1:]) for node in graph.nodes for spec in node.outputs)
    return graph_cost(graph).macs + _MACS_A_VALUE * values


def node_macs(graph: LayerGraph, node: Node) -> int:
    """Multiply-accumulates of one call on one sample.

    A convolution multiplies every kernel element once an output position (a transposed one once
    an input position); a dense layer every kernel element once a row; a recurrent one once a step.
    """
    if not node.inputs:
        return 0
    layer = graph.layer_of(node)
    special = _SPECIAL.get(layer.class_name)
    if special is not None:
        return special(graph, node)
    kernels = _kernels(layer)
    return sum(each.size for each in kernels) * _positions(graph, layer, node) if kernels else 0


def _kernels(layer: LayerDef) -> list[np.ndarray]:
    return [weight for name, weight in layer.named_weights if name.endswith("kernel")]


def _positions(graph: LayerGraph, layer: LayerDef, node: Node) -> int:
    kind = layer.class_name
    of_input = kind.endswith("Transpose") or kind in RECURRENT
    axes: Shape = (graph.spec(node.inputs[0]).shape if of_input else node.outputs[0].shape)[1:]
    if layer.config.get("data_format") == "channels_first" and "Conv" in kind:
        return _size(axes[:1] if "LSTM" in kind else ()) * _size(axes[2 if "LSTM" in kind else 1 :])
    return _size(axes[:-1])


def _einsum_dense(graph: LayerGraph, node: Node) -> int:
    """Every kernel element once for each output position that the kernel does not span."""
    layer = graph.layer_of(node)
    equation = str(layer.config.get("equation", "")).replace(" ", "")
    kernel, _, output = equation.partition(",")[2].partition("->")
    sizes = _labelled(output, node.outputs[0].shape)
    free = [size for label, size in sizes.items() if label not in kernel]
    size = sum(each.size for each in _kernels(layer))
    return size * _size(free[1:])  # the first is the batch


def _attention(graph: LayerGraph, node: Node) -> int:
    """Projections of queries, keys, values and outputs, and the two products between them."""
    queries = _size(graph.spec(node.inputs[0]).shape[1:-1])
    keys = _size(graph.spec(node.inputs[min(1, len(node.inputs) - 1)]).shape[1:-1])
    query, key, value, output = _kernels(graph.layer_of(node))
    per_query = query.size // query.shape[0]  # heads times the width of one
    per_value = output.size // output.shape[-1]
    projections = (query.size + output.size) * queries + (key.size + value.size) * keys
    return int(projections + queries * keys * (per_query + per_value))


def _dot_product_attention(graph: LayerGraph, node: Node) -> int:
    """Scores and their product with the values: `Attention` reads query, value and perhaps key."""
    query, value, *rest = (graph.spec(ref).shape for ref in node.inputs)
    key = rest[0] if rest else value
    pairs = _size(query[1:-1]) * _size(value[1:-1])
    return pairs * (_size(key[-1:]) + _size(value[-1:]))


def _matmul(graph: LayerGraph, node: Node) -> int:
    contracted = graph.spec(node.inputs[0]).shape[-1:]
    return _size(node.outputs[0].shape[1:]) * _size(contracted)


def _dot(graph: LayerGraph, node: Node) -> int:
    axes = graph.layer_of(node).config.get("axes", -1)
    axis = axes[0] if isinstance(axes, list | tuple) else axes
    shape = graph.spec(node.inputs[0]).shape
    return _size(node.outputs[0].shape[1:]) * _size((shape[int(axis) % len(shape)],))


def _einsum(graph: LayerGraph, node: Node) -> int:
    """One multiplication for every combination of values of all labels."""
    equation = graph.layer_of(node).config.get("subscripts")
    if equation is None:
        equation = next((arg for arg in node.args if isinstance(arg, str)), "")
    operands, _, _ = str(equation).replace(" ", "").partition("->")
    sizes: dict[str, int | None] = {}
    for labels, ref in zip(operands.split(","), node.inputs, strict=False):
        for label, size in _labelled(labels, graph.spec(ref).shape).items():
            sizes[label] = sizes.get(label) or size
    return _size(sizes.values()) if len(node.inputs) > 1 else 0


def _labelled(labels: str, shape: Shape) -> dict[str, int | None]:
    """The size of each label's axis; the axes of an ellipsis are numbered."""
    before, dots, after = labels.partition("...")
    hidden = len(shape) - len(before) - len(after) if dots else 0
    names = [*before, *(str(number) for number in range(hidden)), *after]
    return dict(zip(names, shape, strict=False))


def _size(axes: Iterable[int | None]) -> int:
    return math.prod(axis or 1 for axis in axes)


_SPECIAL: Mapping[str, Callable[[LayerGraph, Node], int]] = {
    "EinsumDense": _einsum_dense,
    "MultiHeadAttention": _attention,
    "GroupQueryAttention": _attention,
    "Attention": _dot_product_attention,
    "AdditiveAttention": _dot_product_attention,
    "Matmul": _matmul,
    "Dot": _dot,
    "Einsum": _einsum,
}
