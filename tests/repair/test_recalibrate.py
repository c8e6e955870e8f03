"""Recalibrated statistics are those of all calibration images together."""

import keras
import numpy as np
import pytest
from keras import layers

from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.repair.recalibrate import recalibrate

pytestmark = pytest.mark.slow


def _network() -> keras.Model:
    inputs = keras.Input((6, 6, 3))
    x = layers.Conv2D(4, 3)(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Dropout(0.9)(layers.ReLU()(x))
    x = layers.BatchNormalization(name="later")(layers.Conv2D(5, 3)(x))
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x))


def test_statistics_equal_those_of_all_images_at_once(rng: np.random.Generator) -> None:
    model = _network()
    images = rng.normal(2.0, 3.0, size=(40, 6, 6, 3)).astype("float32")
    images[20:] += 5.0  # batches whose means differ
    graph = recalibrate(trace_model(model), [images[:20], images[20:]])
    features = np.asarray(model.layers[1](images))
    _, _, mean, variance = graph.layers["norm"].weights
    np.testing.assert_allclose(mean, features.mean(axis=(0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(variance, features.var(axis=(0, 1, 2)), rtol=1e-4)


def test_a_layer_called_twice_gets_the_statistics_of_both_calls(rng: np.random.Generator) -> None:
    inputs = keras.Input((5,))
    norm = layers.BatchNormalization(name="norm")
    x = layers.Concatenate()([norm(inputs), norm(layers.Rescaling(3.0, 1.0)(inputs))])
    rows = rng.normal(size=(60, 5)).astype("float32")
    graph = trace_model(keras.Model(inputs, x))
    _, _, mean, variance = recalibrate(graph, [rows[:30], rows[30:]]).layers["norm"].weights
    both = np.concatenate([rows, 3 * rows + 1])
    np.testing.assert_allclose(mean, both.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(variance, both.var(axis=0), rtol=1e-4)


def test_dropout_stays_off_and_other_weights_stay(rng: np.random.Generator) -> None:
    model = _network()
    graph = trace_model(model)
    images = rng.normal(size=(16, 6, 6, 3)).astype("float32")
    first, second = recalibrate(graph, [images]), recalibrate(graph, [images])
    for name in graph.layers:
        for a, b in zip(first.layers[name].weights, second.layers[name].weights, strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(first.layers["norm"].weights[0], graph.layers["norm"].weights[0])


def test_recalibration_restores_a_network_whose_statistics_were_lost(
    rng: np.random.Generator,
) -> None:
    images = rng.normal(size=(64, 6, 6, 3)).astype("float32")
    good = recalibrate(trace_model(_network()), [images])
    model = build_model(good)
    expected = np.asarray(model(images, training=False))
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.moving_mean.assign(layer.moving_mean + 3.0)
            layer.moving_variance.assign(layer.moving_variance * 9.0)
    damaged = trace_model(model)
    assert np.abs(np.asarray(model(images, training=False)) - expected).max() > 0.1
    repaired = build_model(recalibrate(damaged, [images]))
    np.testing.assert_allclose(np.asarray(repaired(images, training=False)), expected, atol=1e-4)


def test_frozen_norms_are_recalibrated_and_stay_frozen(rng: np.random.Generator) -> None:
    model = _network()
    model.get_layer("norm").trainable = False
    images = rng.normal(4.0, 1.0, size=(16, 6, 6, 3)).astype("float32")
    graph = recalibrate(trace_model(model), [images])
    assert np.abs(graph.layers["norm"].weights[2]).max() > 0.1
    assert build_model(graph).get_layer("norm").trainable is False


def test_no_batches_is_an_error() -> None:
    with pytest.raises(ValueError, match="no batches"):
        recalibrate(trace_model(_network()), [])


@pytest.mark.parametrize("wrapped", [False, True])
def test_dropout_inside_a_recurrent_layer_stays_off(
    rng: np.random.Generator, wrapped: bool
) -> None:
    inputs = keras.Input((7, 3))
    recurrent = layers.LSTM(4, dropout=0.5, recurrent_dropout=0.5, return_sequences=True)
    x = layers.Bidirectional(recurrent)(inputs) if wrapped else recurrent(inputs)
    model = keras.Model(inputs, x)
    graph = trace_model(keras.Model(inputs, layers.BatchNormalization(name="norm")(x)))
    rows = rng.normal(size=(32, 7, 3)).astype("float32")
    _, _, mean, variance = recalibrate(graph, [rows]).layers["norm"].weights
    yields = np.asarray(model(rows, training=False))
    np.testing.assert_allclose(mean, yields.mean(axis=(0, 1)), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(variance, yields.var(axis=(0, 1)), rtol=1e-3)
