"""A Sequential model stays one, masks included; what has become a graph is written as a graph."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from zoo import ZOO

from prune_mi.graph.edit import insert_after
from prune_mi.graph.ir import TensorRef
from prune_mi.graph.new_layers import stock_layer
from prune_mi.graph.units.discovery import removable_units
from prune_mi.graph.units.removal import remove_unit
from prune_mi.keras_io.loading.load import load_model
from prune_mi.keras_io.model_graph.build import as_sequential, build_written
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.keras_io.saving.save import h5_can_hold, save_verified

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]
STEPS = 4


def _words() -> list[Any]:
    return [
        keras.Input((STEPS,)),
        layers.Embedding(20, 6, mask_zero=True),
        layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
        layers.LSTM(6, return_sequences=True, name="middle"),
        layers.LSTM(4),
        layers.Dense(3, activation="softmax"),
    ]


def _series() -> list[Any]:
    return [
        keras.Input((STEPS, 2)),
        layers.Masking(0.0),
        layers.GRU(5, return_sequences=True),
        layers.TimeDistributed(layers.Dense(5)),
        layers.LayerNormalization(),
        layers.SimpleRNN(4, return_sequences=True),
        layers.GlobalAveragePooling1D(),
        layers.Dense(3, activation="softmax"),
    ]


def _labelled_words() -> list[Any]:
    """The mask reaches the loss."""
    return [
        keras.Input((STEPS,)),
        layers.Embedding(20, 6, mask_zero=True),
        layers.GRU(4, return_sequences=True),
        layers.TimeDistributed(layers.Dense(3, activation="softmax")),
    ]


def _images() -> list[Any]:
    return [
        keras.Input((8, 8, 1)),
        layers.Rescaling(1 / 255),
        layers.Conv2D(4, 3, activation="relu"),
        layers.BatchNormalization(trainable=False),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    ]


CHAINS = {each.__name__: each for each in (_words, _series, _labelled_words, _images)}


def _padded(model: keras.Model, rng: np.random.Generator) -> np.ndarray:
    """Inputs whose last steps are to be masked: three in the first row, then two, one, none."""
    shape = model.inputs[0].shape[1:]
    found = rng.integers(1, 20, (4, *shape)).astype("float32")
    if shape[0] == STEPS:
        for row in range(4):
            found[row, STEPS - 3 + row :] = 0
    return found


def _require_equal(found: keras.Model, wanted: keras.Model, images: np.ndarray) -> None:
    one, other = (np.asarray(each(images, training=False)) for each in (found, wanted))
    np.testing.assert_array_equal(one, other)


def _class_in_file(path: Path) -> str:
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            return str(json.loads(file.attrs["model_config"])["class_name"])
    with zipfile.ZipFile(path) as archive:
        return str(json.loads(archive.read("config.json"))["class_name"])


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_stays_sequential(name: str, tmp_path: Path, rng: np.random.Generator) -> None:
    model = keras.Sequential(CHAINS[name](), name="mine")
    model.save(tmp_path / "model.h5")
    original = load_model(tmp_path / "model.h5").model
    written = build_written(trace_model(original))
    assert [each.name for each in written.layers] == [each.name for each in model.layers]
    images = _padded(model, rng)
    for path in (tmp_path / "best.keras", tmp_path / "best.h5"):
        save_verified(written, path, images)
        assert _class_in_file(path) == "Sequential"
        loaded = load_model(path).model
        assert loaded.name == "mine"
        np.testing.assert_array_equal(
            np.asarray(loaded(images)), np.asarray(model(images)), err_msg=path.suffix
        )
    _require_equal_training(model, written, images)


def _require_equal_training(wanted: keras.Model, found: keras.Model, images: np.ndarray) -> None:
    """One step from the same weights ends at the same weights; masked steps count for neither."""
    start = wanted.get_weights()
    labels = np.arange(len(images)) % 3
    if len(wanted.outputs[0].shape) == 3:
        labels = np.tile(labels[:, None], (1, STEPS))
    losses = []
    for model in (wanted, found):
        model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
        losses.append(float(model.train_on_batch(images, labels)))
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    for one, other in zip(wanted.get_weights(), found.get_weights(), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-7)
    wanted.set_weights(start)


def test_a_recurrent_layer_goes_and_the_masks_stay(rng: np.random.Generator) -> None:
    model = keras.Sequential(_words())
    graph = trace_model(model)
    units = {unit.name: unit for unit in removable_units(graph)}
    written = build_written(remove_unit(graph, units["middle"]))
    assert isinstance(written, keras.Sequential) and h5_can_hold(written)
    later = insert_after(graph, TensorRef("middle"), (stock_layer("Dropout", "noise", rate=0.1),))
    noisy = build_written(later)
    assert isinstance(noisy, keras.Sequential) and noisy.layers[-3].name == "noise"
    alone = keras.Sequential([each for each in model.layers if each.name != "middle"])
    images = _padded(model, rng)
    _require_equal(written, alone, images)


def test_a_functional_model_with_masks_stays_functional(rng: np.random.Generator) -> None:
    inputs, *rest = _words()
    x = inputs
    for layer in rest:
        x = layer(x)
    model = keras.Model(inputs, x)
    written = build_written(trace_model(model))
    assert type(written) is type(model) and not h5_can_hold(written)
    images = _padded(model, rng)
    _require_equal(written, model, images)
    _require_equal_training(model, written, images)


def _with_branch(x: Any) -> Any:
    return layers.Add()([x, layers.Conv2D(2, 3, padding="same")(x)])


def _with_operation(x: Any) -> Any:
    return keras.ops.relu(x)


def _always_noisy(x: Any) -> Any:
    return layers.GaussianDropout(0.5)(x, training=True)


def _called_twice(x: Any) -> Any:
    layer = layers.Conv2D(2, 3, padding="same")
    return layer(layer(x))


@pytest.mark.parametrize("inner", [_with_branch, _with_operation, _always_noisy, _called_twice])
def test_what_no_sequential_model_can_say_is_functional(
    inner: Callable[[Any], Any], rng: np.random.Generator
) -> None:
    inputs = keras.Input((8, 8, 2))
    body = keras.Model(inputs, inner(inputs))
    model = keras.Sequential([keras.Input((8, 8, 2)), body, layers.Flatten(), layers.Dense(3)])
    written = build_written(trace_model(model))
    assert not isinstance(written, keras.Sequential)
    images = _padded(model, rng)
    _require_equal(written, model, images)


def test_a_rebuilt_model_becomes_sequential_where_it_can() -> None:
    chain = ZOO["chain"]()
    assert isinstance(as_sequential(chain), keras.Sequential)
    residual = ZOO["residual"]()
    assert as_sequential(residual) is residual
