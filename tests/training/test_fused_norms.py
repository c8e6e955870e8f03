"""A model built for training learns what the same model, built as it is, learns."""

import keras
import numpy as np
import pytest
from keras import layers

from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import read_weights, trace_model
from prune_mi.training.fused_norms import FusedBatchNormalization, build_for_training

pytestmark = pytest.mark.slow


def _images() -> keras.Model:
    inputs = keras.Input((6, 5, 3))
    x = layers.BatchNormalization(momentum=0.7, epsilon=0.01, name="first")(
        layers.Conv2D(4, 3)(inputs)
    )
    shared = layers.BatchNormalization(scale=False)
    x = layers.ReLU()(shared(x))
    x = shared(layers.Conv2D(4, 1)(x))
    x = layers.BatchNormalization(center=False, axis=3, name="frozen")(x)
    x = layers.BatchNormalization(axis=1)(x)
    x = layers.BatchNormalization()(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def _trained(model: keras.Model, graph: LayerGraph, *, steps: int) -> dict[str, list[np.ndarray]]:
    rng = np.random.default_rng(1)
    model.get_layer("frozen").trainable = False
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="categorical_crossentropy")
    for _ in range(steps):
        images = rng.normal(2.0, 3.0, (16, 6, 5, 3)).astype("float32")
        model.train_on_batch(images, np.eye(3, dtype="float32")[rng.integers(0, 3, 16)])
    return {name: list(weights) for name, weights in read_weights(model, graph).items()}


def test_steps_are_those_of_keras() -> None:
    keras.utils.set_random_seed(0)
    graph = trace_model(_images())
    plain = _trained(build_model(graph), graph, steps=5)
    model = build_for_training(graph)
    fused = [each for each in model.layers if isinstance(each, FusedBatchNormalization)]
    assert len(fused) == 3  # not those over rows, or over what is no image
    found = _trained(model, graph, steps=5)
    assert plain.keys() == found.keys()
    for name, weights in plain.items():
        for weight, other in zip(weights, found[name], strict=True):
            np.testing.assert_allclose(weight, other, rtol=1e-4, atol=2e-5, err_msg=name)
    started = {name: list(layer.weights) for name, layer in graph.layers.items()}
    assert np.abs(found["first"][2] - started["first"][2]).max() > 0.1


def test_a_single_value_for_each_channel_varies_by_nothing() -> None:
    inputs = keras.Input((1, 1, 2))
    graph = trace_model(keras.Model(inputs, layers.BatchNormalization(momentum=0.5)(inputs)))
    model = build_for_training(graph)
    model.compile(optimizer="sgd", loss="mse")
    model.train_on_batch(np.full((1, 1, 1, 2), 4.0), np.zeros((1, 1, 1, 2)))
    *_, mean, variance = model.layers[-1].get_weights()
    np.testing.assert_allclose(mean, [2.0, 2.0])
    np.testing.assert_allclose(variance, [0.5, 0.5])


def test_half_precision_is_left_to_keras() -> None:
    inputs = keras.Input((4, 4, 3))
    norm = layers.BatchNormalization(dtype="mixed_bfloat16")
    graph = trace_model(keras.Model(inputs, norm(inputs)))
    model = build_for_training(graph)
    assert not any(isinstance(each, FusedBatchNormalization) for each in model.layers)
