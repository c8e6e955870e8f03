"""Widened layers in Keras: images of unknown size, and copies that training makes differ."""

import keras
import numpy as np
import pytest
from keras import layers

from prune_mi.graph.channels.widening import widen
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import read_weights, trace_model
from tests.morphed import morphed

pytestmark = pytest.mark.slow


def test_images_of_unknown_size() -> None:
    inputs = keras.Input((None, None, 2))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3)(inputs)))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(5, 3, padding="same")(x))
    graph = trace_model(keras.Model(inputs, layers.Dense(3)(x)))
    images = np.random.default_rng(0).normal(size=(2, 9, 7, 2)).astype("float32")
    for seed in range(3):
        outcome = morphed("widen-conv", graph, seed)
        np.testing.assert_allclose(
            np.asarray(build_model(outcome.graph)(images)),
            np.asarray(build_model(graph)(images)),
            atol=1e-6,
        )


def test_training_makes_copies_differ(rng: np.random.Generator) -> None:
    """Also by Adam, which divides the length of a gradient out."""
    inputs = keras.Input((6, 6, 2))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, name="wider")(inputs)))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3, activation="relu")(x))
    graph = trace_model(keras.Model(inputs, layers.Dense(3)(x)))
    wider = widen(graph, ["wider"], times=2, rng=rng)
    assert isinstance(wider, LayerGraph)
    model = build_model(wider)
    model.compile(keras.optimizers.Adam(1e-2), keras.losses.MeanSquaredError())
    images = rng.normal(size=(64, 6, 6, 2)).astype("float32")
    model.fit(images, rng.normal(size=(64, 3)), batch_size=16, epochs=3, verbose=0)
    kernel = read_weights(model, wider)["wider"][0].reshape(-1, 4, 2)
    moved = np.abs(kernel[..., 0] - graph.layers["wider"].weights[0].reshape(-1, 4)).mean(axis=0)
    apart = np.abs(kernel[..., 0] - kernel[..., 1]).mean(axis=0)
    assert (apart > 0.02 * moved).all()
    assert apart.max() > 0.2 * moved.max()
