"""Shortcuts in Keras: that they keep what a network computes, can learn, and can be saved."""

import keras
import numpy as np
import pytest
from keras import layers

from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.keras_io.model_graph.build import build_model, set_weights
from prune_mi.keras_io.model_graph.trace import read_weights, trace_model
from tests.morphed import NO_SKIP_SITE, morphed, outcome_of

pytestmark = pytest.mark.slow


def _shrinking(name: str) -> keras.Model:
    """Networks that make images smaller in one way or another, or have none."""
    if name == "flat":
        inputs = x = keras.Input((7,))
        for units in (6, 6, 5, 5):
            x = layers.Dense(units, activation="relu")(x)
        return keras.Model(inputs, layers.Dense(3)(x))
    inputs = keras.Input((13, 10, 2))
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    settings = {"strides": 2, "padding": "same"} if name == "strided" else {"padding": "valid"}
    x = layers.Conv2D(4, 3, **settings)(layers.ReLU()(layers.BatchNormalization()(x)))
    x = layers.Conv2D(5, 3, padding="same")(layers.ReLU()(x))
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    return keras.Model(inputs, layers.Dense(3)(layers.Dense(4, activation="relu")(x)))


_ADAPTERS = {
    "strided": {"skip_pool", "skip_scale", "skip_conv", "skip_add", "skip_concat"},
    "valid": {"skip_pool", "skip_scale", "skip_conv", "skip_add", "skip_concat"},
    "flat": {"skip_scale", "skip_conv", "skip_add", "skip_concat"},
}


@pytest.mark.parametrize("name", _ADAPTERS)
def test_shortcuts_keep_the_outputs_and_learn(name: str, rng: np.random.Generator) -> None:
    graph, stems = trace_model(_shrinking(name)), set()
    images = rng.normal(size=(16, *graph.spec(graph.inputs[0]).shape[1:])).astype("float32")
    targets, whole = rng.normal(size=(16, 3)), build_model(graph)
    for seed in range(8):
        outcome = morphed(("skip-add", "skip-concat")[seed % 2], graph, seed)
        stems |= {layer.rpartition("_")[0] for layer in outcome.record.layers}
        model = build_model(outcome.graph)
        for training in (False, True):
            # Training mode moves the statistics of batch norms, which inference then reads.
            expected = np.asarray(whole(images, training=training))
            received = np.asarray(model(images, training=training))
            np.testing.assert_allclose(received, expected, atol=2e-6)
            set_weights({each.name: each for each in whole.operations}, graph)
        model.compile(keras.optimizers.SGD(0.1), keras.losses.MeanSquaredError(), run_eagerly=True)
        model.fit(images, targets, batch_size=16, verbose=0)
        assert _nought_no_more(outcome.graph, read_weights(model, outcome.graph))
    assert stems == _ADAPTERS[name]


def _nought_no_more(graph: LayerGraph, trained: dict[str, tuple[np.ndarray, ...]]) -> bool:
    """Whether scales and rows that were 0 before training are something else now."""
    starts, ends = [], []
    for name, layer in graph.layers.items():
        for place, weight_name in enumerate(layer.weight_names):
            if weight_name in ("gamma", "kernel"):
                rows = layer.weights[place].reshape(-1, layer.weights[place].shape[-1])
                nought = (rows == 0).all(axis=1)
                starts.append(nought.sum())
                ends.append(np.abs(trained[name][place].reshape(rows.shape)[nought]).sum())
    return sum(starts) > 0 and sum(ends) > 0


def test_images_of_unknown_size_have_a_site_where_they_are_flat() -> None:
    inputs = keras.Input((None, None, 2))
    x = layers.Conv2D(5, 3)(layers.ReLU()(layers.Conv2D(4, 3)(inputs)))
    x = layers.GlobalAveragePooling2D()(x)
    graph = trace_model(keras.Model(inputs, layers.Dense(3)(x)))
    assert outcome_of("skip-add", graph) == NotApplicable(NO_SKIP_SITE)
    assert outcome_of("skip-concat", graph) == NotApplicable(NO_SKIP_SITE)


def test_a_skip_is_saved_and_loaded(tmp_path: object) -> None:
    graph = trace_model(_shrinking("strided"))
    for seed in range(4):
        graph = morphed(("skip-add", "skip-concat")[seed % 2], graph, seed).graph
    model = build_model(graph)
    path = f"{tmp_path}/skips.keras"
    model.save(path)
    images = np.random.default_rng(0).normal(size=(2, 13, 10, 2)).astype("float32")
    np.testing.assert_array_equal(
        np.asarray(keras.models.load_model(path)(images)), np.asarray(model(images))
    )
