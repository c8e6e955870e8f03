"""Data that are loaded for a model, and what is said of them."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from prune_mi.config import make_settings
from prune_mi.data import Dataset, other_orders
from prune_mi.errors import DataError
from prune_mi.preparation.loading import load_fitting_data
from prune_mi.preparation.search_data import load_data_for_search
from prune_mi.records import SilentObserver
from prune_mi.runs.notes import NoteTaker
from tests.judges import loaded

pytestmark = pytest.mark.slow


def _images(folder: Path, *splits: str) -> str:
    rng = np.random.default_rng(0)
    for split in splits:
        for name in ("cat", "dog"):
            (folder / split / name).mkdir(parents=True)
            for index in range(20):
                pixels = rng.integers(256, size=(8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{index}.png")
    return str(folder)


@pytest.mark.parametrize(("splits", "flattered"), [(("",), True), (("train", "test"), False)])
def test_only_a_model_that_may_know_the_test_images_is_flattered(
    tmp_path: Path, splits: tuple[str, ...], flattered: bool
) -> None:
    data = _images(tmp_path, *splits)
    inputs = keras.Input((8, 8, 3))
    x = layers.Dense(2, activation="softmax")(layers.Flatten()(inputs))
    notes = NoteTaker(SilentObserver())
    load_fitting_data(loaded(keras.Model(inputs, x)), make_settings({"data": data}), notes)
    assert any("measured accuracy is too high" in each for each in notes.said) == flattered
    searching = NoteTaker(SilentObserver())
    load_data_for_search(data, searching)
    assert not any("too high" in each for each in searching.said)


@pytest.mark.parametrize(
    ("activation", "told"),
    [
        ("sigmoid", "one sigmoid unit: it is read as the probability of class 1 (dog) against cl"),
        ("tanh", "one tanh unit: it is read as class 1 (dog) above 0, class 0 (cat) below."),
        (
            None,
            "one linear unit, and all labels are 0 or 1: it is read as the logit of class 1 "
            "(dog) against class 0 (cat), class 1 (dog) where it is above 0.",
        ),
    ],
)
def test_how_one_unit_is_read_is_said(tmp_path: Path, activation: str | None, told: str) -> None:
    data = _images(tmp_path, "train", "test")
    inputs = keras.Input((8, 8, 3))
    x = layers.Dense(1, activation=activation, name="pet")(layers.Flatten()(inputs))
    notes = NoteTaker(SilentObserver())
    data = load_fitting_data(loaded(keras.Model(inputs, x)), make_settings({"data": data}), notes)
    assert data.num_classes == 2
    assert any(f"The output pet is {told}" in each for each in notes.said)


def _vectors(folder: Path, names: str | None, *, labels: int = 3) -> tuple[Dataset, list[str]]:
    """Labelled vectors as loaded for a model of three classes with a class file beside it."""
    rows = np.arange(12, dtype=np.float32)[:, None]
    y = np.arange(12) % labels
    np.savez(folder / "data.npz", x_train=rows, y_train=y, x_test=rows, y_test=y)
    if names is not None:
        (folder / "classes.json").write_text(names)
    inputs = keras.Input((1,))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(inputs))
    notes = NoteTaker(SilentObserver())
    settings = make_settings({"data": str(folder / "data.npz")})
    data = load_fitting_data(loaded(model), settings, notes, beside=folder / "model.keras")
    return data, list(notes.said)


def test_numbers_in_a_class_file_are_the_order_of_labels(tmp_path: Path) -> None:
    data, notes = _vectors(tmp_path, '{"classes": ["2", "0", "1"], "scaling": "none"}')
    assert data.class_names == ("2", "0", "1")
    assert data.y_train[:3].tolist() == [1, 2, 0]
    assert any("Classes are in the order of" in note for note in notes)
    assert other_orders(data) == ()


def test_names_in_a_class_file_are_those_of_labels_and_their_order(tmp_path: Path) -> None:
    data, _ = _vectors(tmp_path, '["Owl", "cat", "dog"]')
    assert (data.class_names, data.y_train[:3].tolist()) == (("Owl", "cat", "dog"), [0, 1, 2])
    assert other_orders(data) == ()


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ('["a", "b"]', "2 classes (a, b, ...) do not fit this model, which has 3 classes."),
        ('["1", "2", "3"]', "3 classes (1, 2, 3, ...) are numbers, but not the labels 0 to 2."),
    ],
)
def test_a_class_file_that_does_not_fit_is_ignored(tmp_path: Path, names: str, why: str) -> None:
    data, notes = _vectors(tmp_path, names)
    assert data.class_names == () and not data.order_known
    assert any(f"classes.json is ignored: its {why}" in note for note in notes)


def test_labels_that_a_class_file_does_not_have_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"labels of the train split .* they reach 3"):
        _vectors(tmp_path, '["2", "0", "1"]', labels=4)


def test_a_class_file_goes_before_the_order_of_a_named_data_set(tmp_path: Path) -> None:
    (tmp_path / "classes.json").write_text(json.dumps([1, 0, *range(2, 10)]))
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, layers.Dense(10, "softmax")(layers.Flatten()(inputs)))
    settings, beside = make_settings({"data": "digits"}), tmp_path / "model.keras"
    data = load_fitting_data(loaded(model), settings, SilentObserver(), beside=beside)
    plain = load_fitting_data(loaded(model), settings, SilentObserver())
    assert data.class_names[:3] == ("1", "0", "2")
    assert ((data.y_train == 0) == (plain.y_train == 1)).all()
