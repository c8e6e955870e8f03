"""How a model wants its images, found out on models of every kind that must be understood."""

import keras
import numpy as np
import pytest
from keras import layers

from prune_mi.config import make_settings
from prune_mi.data import Dataset
from prune_mi.errors import ModelError
from prune_mi.records import SilentObserver
from prune_mi.stages.prepare import Understanding, understand

pytestmark = pytest.mark.slow


@pytest.fixture
def data(rng: np.random.Generator) -> Dataset:
    """Two classes, told apart by the brightness of the left half."""
    labels = np.arange(400) % 2
    images = rng.integers(0, 100, (400, 8, 8, 1)).astype("uint8")
    images[labels == 1, :, :4] += 100
    return Dataset(images, labels, images, labels, None, None, (), "made", ())


def _head(inputs: keras.KerasTensor, x: keras.KerasTensor, activation: str | None) -> keras.Model:
    x = layers.AveragePooling2D((8, 4))(x)
    x = layers.Dense(2, activation=activation, name="classes")(layers.Flatten()(x))
    model = keras.Model(inputs, x)
    # Class 1 where the left half is brighter than the middle of its range.
    kernel = np.array([[-1, 1], [0, 0]], "float32")
    model.get_layer("classes").set_weights([kernel, np.array([99, -99], "float32")])
    return model


def _understand(model: keras.Model, data: Dataset, **settings: object) -> Understanding:
    return understand(model, data, make_settings({"data": "made", **settings}), SilentObserver())


@pytest.mark.parametrize(("activation", "logits"), [("softmax", False), (None, True)])
def test_probabilities_and_logits_are_told_apart(
    data: Dataset, activation: str | None, logits: bool
) -> None:
    inputs = keras.Input((8, 8, 1))
    understood = _understand(_head(inputs, inputs, activation), data)
    assert understood.from_logits is logits
    assert understood.scaling.kind == "none"
    assert understood.num_classes == 2


def test_a_sigmoid_a_class_is_refused(data: Dataset) -> None:
    inputs = keras.Input((8, 8, 1))
    with pytest.raises(ModelError, match="ends in a sigmoid"):
        _understand(_head(inputs, inputs, "sigmoid"), data)


def test_flips_that_hurt_the_original_are_not_used(data: Dataset) -> None:
    inputs = keras.Input((8, 8, 1))
    understood = _understand(_head(inputs, inputs, "softmax"), data)
    assert not understood.augmentation.flip


def test_an_adapted_normalization_is_rebuilt_with_its_statistics(data: Dataset) -> None:
    inputs = keras.Input((8, 8, 1))
    normalization = layers.Normalization()
    normalization.adapt(data.x_train.astype("float32"))
    x = layers.Rescaling(50.0, offset=100.0)(normalization(inputs))
    understood = _understand(_head(inputs, x, "softmax"), data)
    assert understood.scaling.kind == "none"


def test_a_model_of_any_image_size_is_fixed_to_the_data(data: Dataset) -> None:
    inputs = keras.Input((None, None, 1))
    x = layers.Conv2D(2, 3, padding="same")(inputs)
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(data.x_train / 255.0, data.y_train, epochs=30, verbose=0)
    graph = _understand(model, data, scaling="unit").graph
    assert graph.spec(graph.inputs[0]).shape == (None, 8, 8, 1)
