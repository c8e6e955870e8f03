"""A model's outputs do not depend on how, and in which batches, they are asked for."""

import keras
import numpy as np
import pytest
from keras import layers

from prune_mi.data import fit_scaling
from prune_mi.keras_io.forward.forward_pass import eager_forward
from prune_mi.measure.predictor import Predictor, predict

pytestmark = pytest.mark.slow
NUM = 300  # enough to be compiled for


def _model(data_format: str) -> keras.Model:
    inputs = keras.Input((4, 6, 6))
    axis = 1 if data_format == "channels_first" else -1
    x = layers.Conv2D(3, 3, data_format=data_format)(inputs)
    x = layers.Dropout(0.5)(layers.BatchNormalization(axis=axis)(x))
    model = keras.Model(inputs, layers.Dense(5)(layers.Flatten()(x)))
    norm = next(each for each in model.layers if isinstance(each, layers.BatchNormalization))
    norm.set_weights([np.full(3, value, "float32") for value in (2.0, 0.5, 0.3, 4.0)])
    return model


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_batches_and_compiling_change_nothing(data_format: str) -> None:
    images = np.random.default_rng(0).normal(size=(NUM, 4, 6, 6)).astype(np.float32)
    scaling, model = fit_scaling("none", images), _model(data_format)
    expected = np.asarray(eager_forward(model)(images))
    assert expected.shape == (NUM, 5) and expected.std() > 0.1
    answers = Predictor(model)
    for batch_size in (NUM, 128):
        found = answers(images, scaling, batch_size=batch_size)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    few = answers(images[:21], scaling, batch_size=8)
    np.testing.assert_allclose(few, expected[:21], atol=1e-5)
    model.layers[-1].set_weights([np.zeros_like(w) for w in model.layers[-1].get_weights()])
    assert not answers(images, scaling).any()  # with the weights that it has now


class _Asking(layers.Layer):
    """A layer that asks for the value of a tensor: TensorFlow cannot compile it."""

    def compute_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape

    def call(self, inputs: object) -> object:
        return 2 * inputs if keras.ops.mean(inputs) > 0 else inputs


def test_a_model_that_cannot_be_compiled_is_asked_eagerly() -> None:
    inputs = keras.Input((3,))
    model = keras.Model(inputs, _Asking()(inputs))
    images = np.ones((NUM, 3), np.float32)
    found = predict(model, images, fit_scaling("none", images))
    np.testing.assert_array_equal(found, 2 * images)
