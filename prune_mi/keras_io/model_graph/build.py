"""Graph to model: a new Keras model with the graph's structure, and its weights or fresh ones.

Models that take inputs of any size are made for one size, so that what they cost can be counted.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from prune_mi.errors import GraphError, ModelError
from prune_mi.graph.edit import with_config, with_weights
from prune_mi.graph.ir import LayerGraph, TensorRef, nested
from prune_mi.keras_io.model_graph.trace import read_weights, trace_model


def build_model(graph: LayerGraph) -> keras.Model:
    """Builds a Functional model; layer names, frozen flags and dtype policies are the graph's.

    Raises:
        GraphError: If Keras refuses the graph, or a built weight has another shape than the
            graph's.
    """
    model = _build_untrained(graph)
    set_weights({operation.name: operation for operation in model.operations}, graph)
    return model


def build_written(graph: LayerGraph) -> keras.Model:
    """Builds a model to write: Sequential where the graph was one's and has stayed a chain.

    Keras lays the masks of a Sequential model out as operations (`NotEqual`, `Any`) once it is read
    as a graph. A Functional model of that graph holds them, and HDF5 files cannot; a Sequential
    model makes them anew from its layers.

    Raises:
        GraphError: As `build_model` does.
    """
    return (_build_sequential(graph) if graph.sequential else None) or build_model(graph)


def as_sequential(model: keras.Model) -> keras.Model:
    """A Functional model as the Sequential one that it can be; else the model itself."""
    return _build_sequential(trace_model(model)) or model


def with_fresh_weights(graph: LayerGraph, *, rng: np.random.Generator) -> LayerGraph:
    """Draws the weights of all layers that learn, as their own initializers say.

    It is what retraining from scratch begins with.

    An initializer with a seed of its own in the model draws what it always draws. Frozen layers
    keep their weights, and so do those that have none to learn, such as `Normalization` with its
    statistics. Batch norms begin with mean 0 and variance 1.

    Args:
        graph: The network.
        rng: One number is taken from it to seed Keras's generators, which are global: weights, and
            whatever else Keras draws after this call, depend on it alone.

    Raises:
        GraphError: If Keras refuses the graph.
    """
    keras.utils.set_random_seed(int(rng.integers(2**31)))
    model = _build_untrained(graph)
    learning = {
        layer.name
        for layer in model.layers
        if layer.trainable_weights and layer.name not in graph.frozen
    }
    drawn = read_weights(model, graph)
    return with_weights(graph, {name: drawn[name] for name in drawn if name in learning})


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


def _build_untrained(graph: LayerGraph) -> keras.Model:
    """A model whose weights are drawn by the layers' own initializers."""
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
    inputs, outputs = (
        [[*call_index[ref.node], ref.index] for ref in refs]
        for refs in (graph.inputs, graph.outputs)
    )
    return {
        "name": graph.name,
        "trainable": True,
        "layers": entries,
        "input_layers": nested(graph.input_structure, inputs),
        "output_layers": nested(graph.output_structure, outputs),
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


def _build_sequential(graph: LayerGraph) -> keras.Sequential | None:
    """The Sequential model whose graph is this one; None where there is none."""
    names = _chain(graph)
    if names is None:
        return None
    built = [  # some of Keras's own classes change the configuration they are made from
        keras.saving.deserialize_keras_object(deepcopy(dict(graph.layers[name].serialized)))
        for name in names
    ]
    if not all(isinstance(each, keras.layers.Layer) for each in built):
        return None
    try:
        model = keras.Sequential(built, name=graph.name)
    except ValueError:  # a layer wants what only its call in the graph says
        return None
    # It makes masks and other arguments of calls by itself: they have to come out the same.
    if _calls(trace_model(model), names) != _calls(graph, names):
        return None
    set_weights(dict(zip(names, built, strict=True)), graph)
    return model


def _calls(graph: LayerGraph, own: Sequence[str]) -> str:
    """A digest of how layers and operations are called.

    What `own` layers are is left out: they are made from the same descriptions, which new ones have
    without defaults. So is `training=False`, which Keras writes at some calls and goes by at none:
    what the model is called with stands above it, and where that says nothing it is the default.
    """
    layers = {
        name: replace(layer, serialized={"config": {"is": name}}, weights=(), weight_names=())
        if name in own
        else layer
        for name, layer in graph.layers.items()
    }
    nodes = tuple(
        replace(node, kwargs={k: v for k, v in node.kwargs.items() if k != "training" or v})
        for node in graph.nodes
    )
    return replace(graph, layers=layers, nodes=nodes).structural_hash()


def _chain(graph: LayerGraph) -> list[str] | None:
    """The layers of which each reads the one before it, the input's first."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        return None
    names: list[str] = []
    ref: TensorRef | None = graph.outputs[0]
    while ref is not None:
        node = graph.node_by_name[ref.node]
        if ref.index or graph.calls_of(node.layer) > 1:
            return None
        names.append(node.layer)
        if not node.inputs:
            return names[::-1] if ref == graph.inputs[0] else None
        alone = len(node.args) == 1 and node.data_inputs == node.args
        ref = node.args[0] if alone else None
    return None


def unknown_axes(graph: LayerGraph) -> int:
    """The most axes of unknown size that an input has, the batch left out."""
    return max((graph.spec(ref).shape[1:].count(None) for ref in graph.inputs), default=0)


def with_input_size(graph: LayerGraph, sizes: Sequence[int]) -> LayerGraph:
    """The graph for inputs of one size, with the shapes of all its tensors known.

    Args:
        graph: A graph with inputs of unknown size.
        sizes: For the unknown axes of each input, in order, such as (224, 224).

    Raises:
        ModelError: If there are fewer or more unknown axes, or the model cannot be built for
            inputs of this size.
    """
    if unknown_axes(graph) != len(sizes):
        taken = ", ".join(_text(graph.spec(ref).shape[1:]) for ref in graph.inputs)
        raise ModelError(
            f"received the input size {_text(sizes)}, but the model takes {taken}; expected a "
            f"size for each unknown axis (?), of which there are {unknown_axes(graph)}"
        )
    shapes = []
    for ref in graph.inputs:
        left = iter(sizes)
        shapes.append([next(left) if axis is None else axis for axis in graph.spec(ref).shape[1:]])
    return with_input_shapes(graph, shapes)


def with_input_shapes(graph: LayerGraph, shapes: Sequence[Sequence[int]]) -> LayerGraph:
    """The graph for inputs of these shapes, the batch left out, in order."""
    changes = {
        graph.node_by_name[ref.node].layer: {"batch_shape": [None, *shape]}
        for ref, shape in zip(graph.inputs, shapes, strict=True)
    }
    traced = trace_model(build_model(with_config(graph, changes)))
    return replace(traced, sequential=graph.sequential)


def _text(shape: Iterable[int | None]) -> str:
    return "x".join("?" if axis is None else str(axis) for axis in shape)
