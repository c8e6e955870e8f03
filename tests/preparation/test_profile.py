"""How a model wants its images, found out on models of every kind that must be understood."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from prune_mi.config import make_settings
from prune_mi.data import Dataset
from prune_mi.errors import ConfigError, ModelError
from prune_mi.graph.ir import TensorRef
from prune_mi.preparation.find_profile import profile_of
from prune_mi.preparation.profile import Profile
from prune_mi.records import SilentObserver

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


def _understand(model: keras.Model, data: Dataset, **settings: object) -> Profile:
    return profile_of(model, data, make_settings({"data": "made", **settings}), SilentObserver())


@pytest.mark.parametrize(("activation", "logits"), [("softmax", False), (None, True)])
def test_probabilities_and_logits_are_told_apart(
    data: Dataset, activation: str | None, logits: bool
) -> None:
    inputs = keras.Input((8, 8, 1))
    understood = _understand(_head(inputs, inputs, activation), data)
    assert understood.head.from_logits is logits
    assert understood.scaling.kind == "none"
    assert understood.head.shape == (2,)


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


@pytest.mark.parametrize(("activation", "logits"), [("softmax", False), (None, True)])
def test_the_judged_output_of_several_is_understood(
    data: Dataset, activation: str | None, logits: bool
) -> None:
    inputs = keras.Input((8, 8, 1))
    model = _head(inputs, inputs, activation)
    other = layers.Dense(5, activation="softmax", name="other")(layers.Flatten()(inputs))
    both = keras.Model(inputs, [other, model.output])
    understood = _understand(both, data, output="classes")
    assert understood.head.from_logits is logits
    assert understood.scaling.kind == "none"
    assert (understood.head.shape, understood.others) == ((2,), ("other",))
    assert understood.packing.other_sizes == (5,)
    assert understood.graph.spec(understood.graph.outputs[0]).shape == (None, 7)


def test_several_inputs_of_any_size_are_fixed_to_the_data(data: Dataset) -> None:
    image, unread = keras.Input((None, 8, 1), name="image"), keras.Input((1,), name="mark")
    x = layers.GlobalAveragePooling2D()(layers.Cropping2D(((0, 0), (0, 4)))(image))
    x = layers.Concatenate()([x, layers.Rescaling(0.0)(unread)])
    model = keras.Model([image, unread], layers.Dense(2, activation="softmax", name="classes")(x))
    kernel = np.array([[-1, 1], [0, 0]], "float32")
    model.get_layer("classes").set_weights([kernel, np.array([99, -99], "float32")])
    rows = data.x_train.reshape(len(data.x_train), -1).astype("float32")
    rows = np.concatenate([rows, rows[:, :1]], axis=1)
    packed = replace(data, x_train=rows, x_test=rows, input_shapes=((8, 8, 1), (1,)))
    understood = _understand(model, packed)
    assert understood.packing.original.spec(TensorRef("image")).shape == (None, 8, 8, 1)
    assert understood.scaling.kind == "none"
    assert understood.augmentation.name == understood.calibration.name == "none"
    with pytest.raises(ConfigError, match="`scaling` is 'unit', but the model has 2 inputs"):
        _understand(model, packed, scaling="unit")


def test_flips_of_what_is_no_image_are_refused(data: Dataset) -> None:
    inputs = keras.Input((64,))
    x = layers.Dense(2, activation="softmax", name="classes")(inputs)
    model = keras.Model(inputs, x)
    kernel = np.zeros((8, 8, 2), "float32")
    kernel[:, :4] = [-1 / 32, 1 / 32]
    bias = np.array([99, -99], "float32")
    model.get_layer("classes").set_weights([kernel.reshape(64, 2), bias])
    rows = data.x_train.reshape(-1, 64)
    vectors = replace(data, x_train=rows, x_test=rows)
    assert _understand(model, vectors).augmentation.name == "none"
    with pytest.raises(ConfigError, match=r"`training.augmentation` is 'flip', but the model's in"):
        _understand(model, vectors, training={"augmentation": "flip"})
