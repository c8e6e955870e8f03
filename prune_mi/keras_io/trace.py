"""Model to graph: a built Keras model as a `LayerGraph`.

The graph is read from the model's own configuration, which names every call with its arguments,
operations made by `a + b` or `keras.ops` included (`model.layers` hides those).
"""

import itertools
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from prune_mi.errors import ModelError
from prune_mi.graph.edit import read_only
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef, TensorSpec
from prune_mi.graph.validate import validate_graph


def trace_model(model: keras.Model) -> LayerGraph:
    """Reads a Functional or Sequential model.

    Raises:
        ModelError: If the model is not built, or is a subclass whose graph only its code knows.
    """
    functional = _as_functional(model)
    config = functional.get_config()
    operations = {operation.name: operation for operation in functional.operations}
    layers: dict[str, LayerDef] = {}
    calls: list[Node] = []
    for entry in config["layers"]:
        name = entry["name"]
        operation = operations[name]
        if isinstance(operation, keras.Model):
            raise ModelError(
                f"the model contains another model, {name!r}; expected a flat model. Rebuild it by "
                "calling the inner model's layers one by one"
            )
        layers[name] = _layer_def(name, entry, operation)
        inbound = entry["inbound_nodes"] or [{"args": [], "kwargs": {}}]
        for index, call in enumerate(inbound):
            outputs = _relevant_calls(functional, operation)[index].outputs
            calls.append(
                Node(
                    name=name if index == 0 else f"{name}:{index}",
                    layer=name,
                    args=tuple(_to_refs(call["args"])),
                    kwargs=_to_refs(call["kwargs"]),
                    outputs=tuple(TensorSpec(tuple(out.shape), str(out.dtype)) for out in outputs),
                )
            )
    graph = LayerGraph(
        name=functional.name,
        layers=layers,
        nodes=_in_topological_order(calls),
        inputs=tuple(_ref_list(config["input_layers"])),
        outputs=tuple(_ref_list(config["output_layers"])),
        input_structure=_structure(config["input_layers"]),
        output_structure=_structure(config["output_layers"]),
    )
    return validate_graph(graph)


def read_weights(model: keras.Model, graph: LayerGraph) -> dict[str, tuple[np.ndarray, ...]]:
    """The weights that a model built from `graph` has now, by layer name."""
    built = {operation.name: operation for operation in _as_functional(model).operations}
    return {
        name: tuple(np.asarray(weight) for weight in built[name].get_weights())
        for name, layer in graph.layers.items()
        if layer.weights
    }


def model_ends(model: keras.Model) -> tuple[list[Any], list[Any]]:
    """A model's symbolic inputs and outputs.

    Raises:
        ModelError: If it has none: it is not built, or only its code knows its graph.
    """
    try:
        inputs, outputs = model.inputs, model.outputs
    except (AttributeError, ValueError):
        inputs = outputs = None
    if not inputs or not outputs:
        raise ModelError(
            f"{model.name!r} is a {type(model).__name__} without a graph; expected a Functional or "
            "Sequential model with a known input shape"
        )
    return list(inputs), list(outputs)


def _as_functional(model: keras.Model) -> Any:
    model_ends(model)
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs, model.outputs, name=model.name)
    if not hasattr(model, "operations"):
        raise ModelError(
            f"{model.name!r} is a subclassed {type(model).__name__}: only its code knows its "
            "graph; expected a Functional or Sequential model"
        )
    return model


def _layer_def(name: str, entry: Mapping[str, Any], operation: Any) -> LayerDef:
    serialized = {
        key: value for key, value in entry.items() if key not in ("inbound_nodes", "name")
    }
    if "config" in serialized and "name" in serialized["config"]:
        serialized["config"] = {**serialized["config"], "name": name}
    weights = getattr(operation, "weights", [])
    return LayerDef(
        name=name,
        class_name=entry["class_name"],
        serialized=serialized,
        weights=tuple(read_only(np.asarray(weight)) for weight in weights),
        weight_names=tuple(weight.name for weight in weights),
    )


def _relevant_calls(functional: Any, operation: Any) -> list[Any]:
    nodes = {id(node) for depth in functional._nodes_by_depth.values() for node in depth}
    return [node for node in operation._inbound_nodes if id(node) in nodes]


def _in_topological_order(calls: list[Node]) -> tuple[Node, ...]:
    """Kahn's algorithm that keeps the given order wherever it can."""
    done: set[str] = set()
    ordered: list[Node] = []
    waiting = calls
    while waiting:
        later = []
        for node in waiting:
            if all(ref.node in done for ref in node.inputs):
                ordered.append(node)
                done.add(node.name)
            else:
                later.append(node)
        if len(later) == len(waiting):
            raise ModelError(f"the model's graph has a cycle through {later[0].name!r}")
        waiting = later
    return tuple(ordered)


def _to_refs(value: Any) -> Any:
    """Replaces Keras's serialized tensors by `TensorRef`s, and its wrapped tuples by tuples."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            return _ref(value["config"]["keras_history"])
        if value.get("class_name") == "__tuple__":
            return tuple(_to_refs(item) for item in value["items"])
        return {key: _to_refs(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_to_refs(item) for item in value)
    return value


def _ref(history: Any) -> TensorRef:
    layer, call, index = history[:3]
    return TensorRef(layer if call == 0 else f"{layer}:{call}", index)


def _ref_list(layers: Any) -> list[TensorRef]:
    if isinstance(layers, Mapping):
        return [ref for value in layers.values() for ref in _ref_list(value)]
    if layers and isinstance(layers[0], str):
        return [_ref(layers)]
    return [ref for value in layers for ref in _ref_list(value)]


def _structure(layers: Any) -> Any:
    """The nesting of inputs or outputs with indices into the flat list as its leaves.

    A list of one tensor is that tensor: Keras calls both alike, and warns of the list.
    """
    counter = itertools.count()

    def walk(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: walk(item) for key, item in value.items()}
        if value and isinstance(value[0], str):
            return next(counter)
        return [walk(item) for item in value]

    nested = walk(layers)
    return nested[0] if isinstance(nested, list) and len(nested) == 1 else nested
