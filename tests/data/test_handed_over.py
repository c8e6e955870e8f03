"""Data handed over from Python: a setting that holds objects, and is written without them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prune_mi.config import HandedOver, dump_settings, make_settings
from prune_mi.data import data_setting, load_dataset
from prune_mi.errors import ConfigError, DataError
from prune_mi.records import is_in_memory

X = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4, 1)
Y = np.array([0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ((X, Y, X[:3], Y[:3]), "arrays (in memory)"),
        ((X, Y, X[:3], Y[:3].tolist()), "arrays (in memory)"),
        (((X, Y), (X[:3], Y[:3])), "arrays (in memory)"),
        ({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y}, "arrays (in memory)"),
        ((iter([(X, Y)]), iter([(X[:3], Y[:3])])), "data (in memory)"),
    ],
)
def test_objects_are_loaded_and_told(data: Any, told: str) -> None:
    setting = data_setting(data)
    assert isinstance(setting, HandedOver) and str(setting) == told and is_in_memory(told)
    found = load_dataset(setting)
    np.testing.assert_array_equal(found.x_train, X)
    np.testing.assert_array_equal(found.y_train, Y)
    assert found.source == told
    assert load_dataset(data_setting(found)) is found


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_pixels_are_not_copied(dtype: type) -> None:
    pixels = X.astype(dtype)
    assert np.shares_memory(load_dataset(data_setting((pixels, Y, pixels, Y))).x_train, pixels)


@pytest.mark.parametrize("data", [5, None, (X, Y), {"X": X}])
def test_what_is_no_data(data: Any) -> None:
    with pytest.raises(DataError, match=r"\(in memory\)"):
        load_dataset(data_setting(data))


def test_names_and_paths_stay_texts() -> None:
    assert data_setting(Path("flowers.npz")) == "flowers.npz"
    assert data_setting("digits") == "digits"


def test_settings_are_written_without_objects() -> None:
    settings = make_settings({"data": data_setting((X, Y, X, Y))})
    assert isinstance(settings.data, HandedOver)
    assert settings.model_dump(mode="json")["data"] == "arrays (in memory)"
    assert "data: arrays (in memory)\n" in dump_settings(settings)
    with pytest.raises(ConfigError, match="`data` is 5; expected a data set's name or the path"):
        make_settings({"data": 5})
