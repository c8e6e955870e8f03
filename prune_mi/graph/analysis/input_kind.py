"""What a model's one input is, told by its shape and by the layers that work on it.

Only images are mirrored and shifted, and only numbers that are no names are scaled. Where one
sample has

- three axes, it is an image, unless the first is stepped through as time;
- two axes, it is an image without a channel axis, unless layers work along one axis alone
  (`Conv1D`, recurrent ones, attention) and none along two: then it is a sequence;
- any other number of axes, it is no image.

Whole numbers that an embedding looks up are the names of things, such as words.
"""

from typing import Literal

from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.traits import RECURRENT

InputKind = Literal["image", "values", "ids"]

_STEPPING = frozenset({"TimeDistributed", "ConvLSTM1D"})
_SEQUENTIAL = _STEPPING | {
    *(RECURRENT - {"ConvLSTM2D", "ConvLSTM3D"}),
    *("MultiHeadAttention", "GroupQueryAttention", "Attention", "AdditiveAttention"),
}


def input_kind(graph: LayerGraph) -> InputKind:
    """The kind of a graph's first input."""
    spec = graph.spec(graph.inputs[0])
    axes = len(spec.shape) - 1
    classes = {layer.class_name for layer in graph.layers.values()}
    if _is_looked_up(graph) or ("float" not in spec.dtype and axes not in (2, 3)):
        return "ids"
    if axes == 3:
        return "values" if classes & _STEPPING else "image"
    if axes == 2:
        plane = any("2D" in name for name in classes)
        line = any("1D" in name for name in classes) or bool(classes & _SEQUENTIAL)
        return "image" if plane or not line else "values"
    return "values"


def has_channels(graph: LayerGraph) -> bool:
    """Whether the last axis of a graph's first input holds channels or features."""
    return len(graph.spec(graph.inputs[0]).shape) != 3 or input_kind(graph) != "image"


def _is_looked_up(graph: LayerGraph) -> bool:
    """Whether an embedding reads the input, directly or behind layers without weights."""
    reached = {graph.inputs[0]}
    for node in graph.nodes:
        if not reached.intersection(node.inputs):
            continue
        layer = graph.layer_of(node)
        if layer.class_name == "Embedding":
            return True
        if not layer.weights:
            reached.update(TensorRef(node.name, i) for i in range(len(node.outputs)))
    return False
