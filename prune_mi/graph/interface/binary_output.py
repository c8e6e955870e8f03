"""One output unit that tells two classes apart, read as the columns of two classes.

    sigmoid  p    [1 - p, p]                     probabilities
    tanh     t    [(1 - t) / 2, (1 + t) / 2]     probabilities, as tanh(z) is 2 sigmoid(2 z) - 1
    logit    z    [0, z]                         logits: softmax([0, z])[1] is sigmoid(z)

Each column is a multiple of the unit plus a constant. Class 1 is what the unit speaks for.
"""

import re
from collections.abc import Mapping
from typing import Literal

import numpy as np

from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef, num_values
from prune_mi.graph.traits import ACTIVATIONS, NARROWABLE, NOISES

UnitReading = Literal["sigmoid", "tanh", "logit"]

# Factor and constant of each column.
COLUMNS: Mapping[UnitReading, tuple[tuple[float, float], tuple[float, float]]] = {
    "sigmoid": ((-1.0, 1.0), (1.0, 0.0)),
    "tanh": ((-0.5, 0.5), (0.5, 0.5)),
    "logit": ((0.0, 0.0), (1.0, 0.0)),
}
DESCRIPTIONS: Mapping[UnitReading, str] = {
    "sigmoid": "one sigmoid unit",
    "tanh": "one tanh unit",
    "logit": "one linear unit",
}
_READINGS: Mapping[str, UnitReading] = {
    **dict.fromkeys(("sigmoid", "hard_sigmoid", "sparse_sigmoid"), "sigmoid"),
    "tanh": "tanh",
    "linear": "logit",
}
_PASSING = NOISES | {"Identity", "Cast"}
_OF_ONE_VALUE = frozenset({"Flatten", "Reshape", "Squeeze", "ExpandDims", "GetItem"})


def is_one_unit(graph: LayerGraph, ref: TensorRef) -> bool:
    """Whether a tensor is one number a sample: `(batch,)`, `(batch, 1)` or `(batch, 1, ...)`."""
    return num_values(graph.spec(ref).shape) == 1


def unit_reading(graph: LayerGraph, ref: TensorRef) -> UnitReading | None:
    """How a tensor of one unit is read; None where it ends in another activation."""
    found = last_activations(graph, ref)
    return _READINGS.get(next(iter(found))) if len(found) == 1 else None


def last_activations(graph: LayerGraph, ref: TensorRef) -> set[str]:
    """The activations that an output comes from, `linear` where there is none; one if all is well.

    Layers that leave values as they are, such as a change of type, and averages are passed.
    """
    _, deciding = _walk_up(graph, ref)
    return {
        "hard_sigmoid" if _hard_rescaling(graph, node) else _activation(graph.layer_of(node))
        for node in deciding
    }


def yielding_layers(graph: LayerGraph, ref: TensorRef) -> set[str]:
    """The layers that make an output what it is read as: its activation, and all behind that."""
    passed, deciding = _walk_up(graph, ref)
    rescalings = [found for node in deciding if (found := _hard_rescaling(graph, node))]
    return {node.layer for node in (*passed, *deciding, *rescalings)}


def two_columns(outputs: np.ndarray, reading: UnitReading) -> np.ndarray:
    """What a unit yields, `(n,)` or `(n, 1)`, as the columns of two classes, float32 `(n, 2)`."""
    unit = outputs.astype(np.float32).reshape(len(outputs), 1)
    columns = [unit * np.float32(scale) + np.float32(offset) for scale, offset in COLUMNS[reading]]
    return np.concatenate(columns, axis=1)


def _walk_up(graph: LayerGraph, ref: TensorRef) -> tuple[list[Node], list[Node]]:
    """The calls that an output is passed on by, and those that its values come from."""
    passed: list[Node] = []
    deciding: list[Node] = []
    waiting = [ref.node]
    while waiting:
        node = graph.node_by_name[waiting.pop()]
        if node.inputs and _passes(graph, node):
            passed.append(node)
            waiting.extend(each.node for each in node.inputs)
        else:
            deciding.append(node)
    return passed, deciding


def _hard_rescaling(graph: LayerGraph, node: Node) -> Node | None:
    """The first of the two layers that a `hard_sigmoid` of Keras 2 was upgraded to.

    It is 0.2 x + 0.5, a rescaling, cut off at 0 and 1, a ReLU; None where the call is no such ReLU.
    """
    layer = graph.layer_of(node)
    is_cut = layer.class_name == "ReLU" and layer.config.get("max_value") == 1
    if not is_cut or layer.config.get("negative_slope") or layer.config.get("threshold"):
        return None
    before = graph.node_by_name[node.inputs[0].node]
    config = graph.layer_of(before).config
    is_rescaling = graph.layer_of(before).class_name == "Rescaling"
    is_hard = is_rescaling and (config.get("scale"), config.get("offset")) == (0.2, 0.5)
    return before if is_hard else None


def _passes(graph: LayerGraph, node: Node) -> bool:
    layer = graph.layer_of(node)
    if layer.class_name == "Activation":
        return _activation(layer) == "linear"
    if layer.class_name in _OF_ONE_VALUE:
        return len(node.inputs) == 1 and is_one_unit(graph, node.inputs[0])
    return layer.class_name in _PASSING | {"Average"}


def _activation(layer: LayerDef) -> str:
    """The name of what a layer does last to each value, as `keras.activations` names it."""
    kind = layer.class_name
    if kind in ACTIVATIONS - {"Activation"}:
        return "relu" if kind == "ReLU" else _snake_case(kind)
    if kind not in NARROWABLE | {"Activation", "EinsumDense"}:
        return "linear"
    written = layer.config.get("activation")
    if isinstance(written, Mapping):
        is_function = written.get("class_name") == "function"
        return str(written["config"]) if is_function else _snake_case(str(written["class_name"]))
    return str(written or "linear")


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
