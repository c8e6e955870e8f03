"""Ensembles of real models: built, saved, loaded, and compared with the mean of their members."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from zoo import ZOO

from prune_mi.graph.construction.ensemble import ensemble_graph
from prune_mi.graph.cost import graph_cost
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.keras_io.saving.save import save_verified

pytestmark = pytest.mark.slow
# What is fed with (8, 8, 2) and yields three classes: shared layers, models inside, operations.
MEMBERS = ("residual", "shared", "nested", "with_operations", "attention", "squeeze_excite")


def _named_alike(activation: str) -> keras.Model:
    """A network that scales its pixels and whose layers bear the same names in every copy."""
    inputs = keras.Input((8, 8, 2), name="image")
    x = layers.Rescaling(1 / 4, offset=-0.5, name="scale")(inputs)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, layers.Dense(3, activation=activation, name="classes")(x))


def _half_precision() -> keras.Model:
    """Logits in bfloat16, which the softmax of the ensemble takes in whole precision."""
    inputs = keras.Input((8, 8, 2))
    x = layers.Conv2D(4, 3, dtype="mixed_bfloat16")(inputs)
    x = layers.GlobalAveragePooling2D(dtype="mixed_bfloat16")(x)
    return keras.Model(inputs, layers.Dense(3, dtype="mixed_bfloat16")(x))


def _answers(model: keras.Model, images: np.ndarray) -> np.ndarray:
    return np.asarray(keras.ops.cast(model(images, training=False), "float32"))


def _are_logits(outputs: np.ndarray) -> bool:
    return not np.allclose(outputs.sum(axis=1), 1.0, atol=1e-3) or bool(outputs.min() < 0)


def _probabilities(outputs: np.ndarray) -> np.ndarray:
    if not _are_logits(outputs):
        return outputs
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _require_mean(models: list[keras.Model], tmp_path: Path) -> None:
    images = np.random.default_rng(0).normal(size=(5, 8, 8, 2)).astype("float32")
    answers = [_answers(each, images) for each in models]
    graphs = [trace_model(each) for each in models]
    ensemble = ensemble_graph(graphs, from_logits=[_are_logits(each) for each in answers])
    built = build_model(ensemble)
    expected = np.mean([_probabilities(each) for each in answers], axis=0)
    received = np.asarray(built(images, training=False))
    np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-6)
    assert built.count_params() == sum(each.count_params() for each in models)
    again = trace_model(built)
    assert graph_cost(again) == graph_cost(ensemble)
    assert {each.name: each.outputs for each in again.nodes} == {
        each.name: each.outputs for each in ensemble.nodes
    }
    save_verified(built, tmp_path / "ensemble.keras", images)
    loaded = keras.models.load_model(tmp_path / "ensemble.keras", compile=False)
    np.testing.assert_array_equal(np.asarray(loaded(images, training=False)), received)


@pytest.mark.parametrize("name", MEMBERS)
def test_one_member_answers_as_it_did(name: str, tmp_path: Path) -> None:
    _require_mean([ZOO[name]()], tmp_path)


@pytest.mark.parametrize("first", MEMBERS[:3])
def test_two_members(first: str, tmp_path: Path) -> None:
    second = MEMBERS[MEMBERS.index(first) + 3]
    _require_mean([ZOO[first](), ZOO[second]()], tmp_path)


@pytest.mark.parametrize(
    "make",
    [lambda: _named_alike("softmax"), lambda: _named_alike("linear"), ZOO["shared"]],
    ids=["same names", "same names, logits", "a shared layer"],
)
def test_four_members_of_one_architecture(make: Callable[[], keras.Model], tmp_path: Path) -> None:
    _require_mean([make() for _ in range(4)], tmp_path)


def test_logits_and_probabilities_together(tmp_path: Path) -> None:
    models = [_named_alike("softmax"), _named_alike("linear"), _half_precision()]
    _require_mean(models, tmp_path)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_an_ensemble_goes_into_hdf5_too(tmp_path: Path) -> None:
    members = [trace_model(_named_alike("linear")) for _ in range(2)]
    images = np.random.default_rng(0).normal(size=(5, 8, 8, 2)).astype("float32")
    model = build_model(ensemble_graph(members, from_logits=[True, True]))
    assert save_verified(model, tmp_path / "ensemble.h5", images) > 0
