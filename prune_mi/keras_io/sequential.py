"""A model as it is to be written: Sequential where the original was and no branch has come.

Keras lays the masks of a Sequential model out as operations (`NotEqual`, `Any`) once it is read as
a graph. A Functional model of that graph holds them, and HDF5 files cannot; a Sequential model
makes them anew from its layers.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import keras

from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.keras_io.build import build_model, set_weights
from prune_mi.keras_io.trace import trace_model


def build_written(graph: LayerGraph) -> keras.Model:
    """Builds a Sequential model where the graph is one's and has stayed a chain, else as always.

    Raises:
        GraphError: As `build_model` does.
    """
    return (_build_sequential(graph) if graph.sequential else None) or build_model(graph)


def as_sequential(model: keras.Model) -> keras.Model:
    """A Functional model as the Sequential one that it can be; else the model itself."""
    return _build_sequential(trace_model(model)) or model


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
