"""Models that a process keeps: what they answer is what a new one would answer."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from prune_mi.data import fit_scaling
from prune_mi.execution.kept import architecture_digest, kept_predictor
from prune_mi.graph.edit import with_weights
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.measure.predictor import predict

pytestmark = pytest.mark.slow
IMAGES = np.random.default_rng(0).normal(size=(300, 4, 4, 1)).astype(np.float32)
SCALING = fit_scaling("none", IMAGES)


def _graph(factor: float = 2.0, *, normalization: bool = False) -> LayerGraph:
    inputs = keras.Input((4, 4, 1), name="image")
    x = layers.Normalization(name="first")(inputs) if normalization else inputs
    x = layers.Conv2D(3, 3, name="conv")(x) * factor
    x = layers.BatchNormalization(name="norm")(x)
    outputs = layers.Dense(2, name="head")(layers.Flatten(name="flat")(x))
    return trace_model(keras.Model(inputs, outputs, name="kept"))


def _varied(graph: LayerGraph, seed: int) -> LayerGraph:
    rng = np.random.default_rng(seed)
    weights = {
        name: tuple(rng.uniform(0.5, 1.5, w.shape).astype(w.dtype) for w in layer.weights)
        for name, layer in graph.layers.items()
        if layer.weights
    }
    return with_weights(graph, weights)


def _assert_right(graph: LayerGraph) -> None:
    expected = predict(build_model(graph), IMAGES, SCALING)
    np.testing.assert_allclose(kept_predictor(graph)(IMAGES, SCALING), expected, rtol=1e-5)


def test_one_architecture_is_built_once_and_answers_with_the_weights_given() -> None:
    graph = _graph()
    first = kept_predictor(graph)
    for seed in range(3):
        varied = _varied(graph, seed)
        _assert_right(varied)
        assert kept_predictor(varied) is first
    _assert_right(graph)


def test_others_are_built_anew() -> None:
    graph, other = _graph(2.0), _graph(3.0)
    assert architecture_digest(graph) != architecture_digest(other)
    assert architecture_digest(graph) == architecture_digest(_varied(graph, 0))
    assert kept_predictor(graph) is not kept_predictor(other)
    _assert_right(_varied(graph, 1))
    _assert_right(_varied(other, 1))


def test_the_oldest_goes_when_there_are_too_many() -> None:
    graphs = [_graph(float(factor)) for factor in range(4, 8)]
    first = kept_predictor(graphs[0])
    for graph in graphs[1:]:
        kept_predictor(graph)
    assert kept_predictor(graphs[0]) is not first


def test_layers_that_compute_with_more_than_their_weights_are_not_kept() -> None:
    graph = _graph(normalization=True)
    assert kept_predictor(graph) is not kept_predictor(graph)
    norm = graph.layers["first"]
    for mean in (1.0, 2.0):
        weights = tuple(np.full_like(w, mean) for w in norm.weights[:2]) + norm.weights[2:]
        _assert_right(with_weights(graph, {"first": weights}))


def test_names_and_frozen_layers_do_not_matter_to_answers() -> None:
    graph = _graph()
    frozen = replace(graph, frozen=frozenset(["conv"]))
    assert kept_predictor(frozen) is kept_predictor(graph)
