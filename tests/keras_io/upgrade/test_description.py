"""Descriptions of Keras 2 models: the order of leaves, and names of a flattened model."""

import numpy as np

from prune_mi.graph.ir import TensorSpec
from prune_mi.keras_io.upgrade.description import (
    CallEntry,
    GraphEntry,
    LayerEntry,
    OldModel,
    TensorKey,
    layer_names,
    leaves,
)

SPEC = TensorSpec((None, 4), "float32")


def _layer(name: str, graph: GraphEntry | None = None) -> LayerEntry:
    return LayerEntry(name, "Dense", "float32", True, None, {}, (), graph)


def _graph(name: str, start: int, *layers: int) -> GraphEntry:
    calls = tuple(CallEntry(layer, 0, (TensorKey(start, 0, 0),), {}) for layer in layers)
    return GraphEntry(name, calls, TensorKey(start, 0, 0), TensorKey(layers[-1], 0, 0), (SPEC,))


def _old(graph: GraphEntry, *layers: LayerEntry) -> OldModel:
    probe = (np.zeros((1, 4)),)
    return OldModel(graph, layers, probe, probe, repeatable=True, sensitivity=0.0)


def test_the_outer_models_names_go_first() -> None:
    inner = _graph("inner", 3, 4, 5)
    layers = [_layer("in"), _layer("inner", inner), _layer("conv")]
    layers += [_layer("in"), _layer("conv"), _layer("act/relu")]
    names = layer_names(_old(_graph("outer", 0, 1, 2), *layers))
    assert names == {0: "in", 2: "conv", 4: "inner_conv", 5: "act_relu"}


def test_names_that_collide_twice_are_counted() -> None:
    first, second = _graph("inner", 3, 4), _graph("inner", 5, 6)
    layers = [_layer("conv"), _layer("a", first), _layer("b", second)]
    layers += [_layer("in"), _layer("conv"), _layer("in"), _layer("conv")]
    names = layer_names(_old(_graph("outer", 0, 1, 2), *layers))
    assert [names[4], names[6]] == ["inner_conv", "inner_conv_2"]


def test_a_shared_layer_has_one_name() -> None:
    layers = [_layer("in"), _layer("conv")]
    assert layer_names(_old(_graph("m", 0, 1, 1), *layers)) == {0: "in", 1: "conv"}


def test_leaves_of_dicts_come_in_the_order_of_their_keys() -> None:
    structure = {"b": 1, "a": [2, (3,)]}
    assert list(leaves(structure)) == [2, 3, 1]
