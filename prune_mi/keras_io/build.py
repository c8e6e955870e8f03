"""Graph to model: a fresh Keras model with the graph's structure and weights."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import keras

from prune_mi.errors import GraphError
from prune_mi.graph.ir import LayerGraph, TensorRef


def build_model(graph: LayerGraph) -> keras.Model:
    """Builds a Functional model; layer names, frozen flags and dtype policies are the graph's.

    Raises:
        GraphError: If Keras refuses the graph, or a built weight has another shape than the
            graph's.
    """
    model = build_untrained(graph)
    set_weights({operation.name: operation for operation in model.operations}, graph)
    return model


def set_weights(built: Mapping[str, Any], graph: LayerGraph) -> None:
    """Gives layers, by name, the graph's weights.

    Raises:
        GraphError: If a built weight has another shape than the graph's.
    """
    for name, layer in graph.layers.items():
        if layer.weights:
            try:
                built[name].set_weights(list(layer.weights))
                if hasattr(built[name], "finalize_state"):
                    built[name].finalize_state()  # Normalization computes with what it finds here
            except ValueError as error:
                raise GraphError(f"the weights of layer {name!r} do not fit: {error}") from error


def build_untrained(graph: LayerGraph) -> keras.Model:
    """Builds a model whose weights are drawn by the layers' own initializers.

    Raises:
        GraphError: If Keras refuses the graph.
    """
    try:
        return keras.Model.from_config(_to_config(graph))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise GraphError(f"Keras cannot build the graph {graph.name!r}: {error}") from error


def _to_config(graph: LayerGraph) -> dict[str, Any]:
    call_index: dict[str, tuple[str, int]] = {}
    inbound: dict[str, list[dict[str, Any]]] = {name: [] for name in graph.layers}
    order: list[str] = []
    for node in graph.nodes:
        if node.layer not in order:
            order.append(node.layer)
        if not node.inputs:
            call_index[node.name] = (node.layer, 0)
            continue
        call_index[node.name] = (node.layer, len(inbound[node.layer]))
        inbound[node.layer].append(
            {
                "args": [_to_keras(arg, graph, call_index) for arg in node.args],
                "kwargs": {k: _to_keras(v, graph, call_index) for k, v in node.kwargs.items()},
            }
        )
    # Some of Keras's own classes change the configuration they are made from: each gets a copy.
    entries = [
        {
            **deepcopy(dict(graph.layers[name].serialized)),
            "name": name,
            "inbound_nodes": inbound[name],
        }
        for name in order
    ]
    return {
        "name": graph.name,
        "trainable": True,
        "layers": entries,
        "input_layers": _nest(graph.input_structure, graph.inputs, call_index),
        "output_layers": _nest(graph.output_structure, graph.outputs, call_index),
    }


def _to_keras(value: Any, graph: LayerGraph, calls: Mapping[str, tuple[str, int]]) -> Any:
    if isinstance(value, TensorRef):
        layer, call = calls[value.node]
        spec = graph.spec(value)
        return {
            "class_name": "__keras_tensor__",
            "config": {
                "shape": spec.shape,
                "dtype": spec.dtype,
                "keras_history": [layer, call, value.index],
            },
        }
    if isinstance(value, Mapping):
        return {key: _to_keras(item, graph, calls) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_keras(item, graph, calls) for item in value]
    return value


def _nest(structure: Any, refs: tuple[TensorRef, ...], calls: Mapping[str, tuple[str, int]]) -> Any:
    if isinstance(structure, Mapping):
        return {key: _nest(item, refs, calls) for key, item in structure.items()}
    if isinstance(structure, int):
        ref = refs[structure]
        return [*calls[ref.node], ref.index]
    if structure is None:
        return [[*calls[ref.node], ref.index] for ref in refs]
    return [_nest(item, refs, calls) for item in structure]
