"""Data that are loaded for a model, and what is said of them."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from prune_mi.config import make_settings
from prune_mi.records import SilentObserver
from prune_mi.stages.loading import load_fitting_data
from prune_mi.stages.note_taker import NoteTaker
from prune_mi.stages.search_data import load_data_for_search

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
    load_fitting_data(keras.Model(inputs, x), make_settings({"data": data}), notes)
    assert any("is flattered by them" in each for each in notes.said) == flattered
    searching = NoteTaker(SilentObserver())
    load_data_for_search(data, searching)
    assert not any("flattered" in each for each in searching.said)


@pytest.mark.parametrize(
    ("activation", "told"),
    [
        ("sigmoid", "one sigmoid unit: it is read as the probability of class 1 (dog) against cl"),
        ("tanh", "one tanh unit: it is read as class 1 (dog) above 0, class 0 (cat) below."),
        (
            None,
            "one linear unit, and the labels are 0 and 1 alone: it is read as the logit of class 1 "
            "(dog) against class 0 (cat), class 1 (dog) where it is above 0.",
        ),
    ],
)
def test_how_one_unit_is_read_is_said(tmp_path: Path, activation: str | None, told: str) -> None:
    data = _images(tmp_path, "train", "test")
    inputs = keras.Input((8, 8, 3))
    x = layers.Dense(1, activation=activation, name="pet")(layers.Flatten()(inputs))
    notes = NoteTaker(SilentObserver())
    loaded = load_fitting_data(keras.Model(inputs, x), make_settings({"data": data}), notes)
    assert loaded.num_classes == 2
    assert any(f"The output pet is {told}" in each for each in notes.said)
