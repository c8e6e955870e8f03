"""Multiply-accumulates of one forward pass of one sample, from the shapes of tensors and weights.

Products with learnt kernels and products of tensors (attention, `matmul`) count; normalisation,
activations, pooling and additions count as none, as is usual for the published figures of
convolutional networks. Axes of unknown size count as 1. A shared layer's count once a call.
"""

from collections.abc import Callable, Mapping

import numpy as np

from prune_mi.costs.kind import CostKind
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, Shape, tensor_size
from prune_mi.graph.traits import RECURRENT


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
        steps = tensor_size(axes[:1]) if "LSTM" in kind else 1
        return steps * tensor_size(axes[2 if "LSTM" in kind else 1 :])
    return tensor_size(axes[:-1])


def _einsum_dense(graph: LayerGraph, node: Node) -> int:
    """Every kernel element once for each output position that the kernel does not span."""
    layer = graph.layer_of(node)
    equation = str(layer.config.get("equation", "")).replace(" ", "")
    kernel, _, output = equation.partition(",")[2].partition("->")
    sizes = _labelled(output, node.outputs[0].shape)
    free = [size for label, size in sizes.items() if label not in kernel]
    size = sum(each.size for each in _kernels(layer))
    return size * tensor_size(free[1:])  # the first is the batch


def _attention(graph: LayerGraph, node: Node) -> int:
    """Projections of queries, keys, values and outputs, and the two products between them."""
    queries = tensor_size(graph.spec(node.inputs[0]).shape[1:-1])
    keys = tensor_size(graph.spec(node.inputs[min(1, len(node.inputs) - 1)]).shape[1:-1])
    query, key, *gates, value, output = _kernels(graph.layer_of(node))
    per_query = query.size // query.shape[0]  # heads times the width of one
    per_value = output.size // output.shape[-1]
    of_queries = query.size + output.size + sum(each.size for each in gates)
    projections = of_queries * queries + (key.size + value.size) * keys
    return int(projections + queries * keys * (per_query + per_value))


def _dot_product_attention(graph: LayerGraph, node: Node) -> int:
    """Scores and their product with the values: `Attention` reads query, value and perhaps key."""
    query, value, *rest = (graph.spec(ref).shape for ref in node.inputs)
    key = rest[0] if rest else value
    pairs = tensor_size(query[1:-1]) * tensor_size(value[1:-1])
    return pairs * (tensor_size(key[-1:]) + tensor_size(value[-1:]))


def _matmul(graph: LayerGraph, node: Node) -> int:
    contracted = graph.spec(node.inputs[0]).shape[-1:]
    return tensor_size(node.outputs[0].shape[1:]) * tensor_size(contracted)


def _dot(graph: LayerGraph, node: Node) -> int:
    axes = graph.layer_of(node).config.get("axes", -1)
    axis = axes[0] if isinstance(axes, list | tuple) else axes
    shape = graph.spec(node.inputs[0]).shape
    return tensor_size(node.outputs[0].shape[1:]) * tensor_size((shape[int(axis) % len(shape)],))


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
    return tensor_size(sizes.values()) if len(node.inputs) > 1 else 0


def _labelled(labels: str, shape: Shape) -> dict[str, int | None]:
    """The size of each label's axis; the axes of an ellipsis are numbered."""
    before, dots, after = labels.partition("...")
    hidden = len(shape) - len(before) - len(after) if dots else 0
    names = [*before, *(str(number) for number in range(hidden)), *after]
    return dict(zip(names, shape, strict=False))


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

COST = CostKind(
    name="macs",
    label="MACs",
    words="multiply-accumulates of one forward pass of one sample",
    of_call=node_macs,
)
