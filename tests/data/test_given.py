"""Arrays that are handed over from Python: every form of them, what is refused, nothing copied."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prune_mi.config import Given, dump_settings, make_settings
from prune_mi.data import Dataset, data_setting, load_dataset
from prune_mi.data.fit_to_model import ModelInput
from prune_mi.errors import ConfigError, DataError
from prune_mi.records import is_in_memory

X = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4, 1)
Y = np.array([0, 1, 2, 0, 1, 2])


def loaded(data: object, *inputs: ModelInput) -> Dataset:
    return load_dataset(data_setting(data), inputs=inputs)


@pytest.mark.parametrize(
    "data",
    [
        (X, Y, X[:3], Y[:3]),
        [X, Y, X[:3], Y[:3]],
        ((X, Y), (X[:3], Y[:3])),
        {"x_train": X, "y_train": Y, "x_test": X[:3], "y_test": Y[:3]},
        {"x_train": X, "y_train": Y, "x_test": X[:3], "y_test": Y[:3], "x_val": None},
        (X, np.eye(3)[Y], X[:3], Y[:3].tolist(), None, None),
    ],
)
def test_forms(data: Any) -> None:
    found = loaded(data)
    np.testing.assert_array_equal(found.x_train, X)
    np.testing.assert_array_equal(found.y_train, Y)
    np.testing.assert_array_equal(found.y_test, [0, 1, 2])
    assert found.x_val is None
    assert found.source == "arrays (in memory)" and not found.order_known


def test_validation_arrays_stand_behind() -> None:
    found = loaded((X, Y, X[:3], Y[:3], X[3:], Y[3:]))
    assert found.x_val is not None and found.y_val is not None
    np.testing.assert_array_equal(found.x_val, X[3:])
    np.testing.assert_array_equal(found.y_val, Y[3:])


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_pixels_are_not_copied_and_not_written(dtype: type) -> None:
    pixels = X.astype(dtype)
    found = loaded((pixels, Y, pixels, Y))
    assert np.shares_memory(found.x_train, pixels)
    assert pixels.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        found.x_train[0] = 0


def test_what_is_like_an_array_is_read() -> None:
    class Tensor:
        shape = X.shape

        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return X

    np.testing.assert_array_equal(loaded((Tensor(), Y, X, Y)).x_train, X)


@pytest.mark.parametrize(
    "x",
    [
        {"x_train": {"left": X, "right": X[..., 0]}, "x_test": {"left": X, "right": X[..., 0]}},
        {"x_train": [X, X[..., 0]], "x_test": (X, X[..., 0])},
        {
            "x_train_left": X,
            "x_train_right": X[..., 0],
            "x_test_left": X,
            "x_test_right": X[..., 0],
        },
    ],
)
def test_several_inputs(x: dict[str, Any]) -> None:
    inputs = ModelInput("left", (4, 4, 1)), ModelInput("right", (4, 4))
    found = loaded({**x, "y_train": Y, "y_test": Y}, *inputs)
    assert found.input_shapes == ((4, 4, 1), (4, 4))
    np.testing.assert_array_equal(found.x_train[:, :16], X.reshape(6, 16))


def test_one_array_for_two_inputs_is_refused() -> None:
    inputs = ModelInput("left", (4, 4, 1)), ModelInput("right", (4, 4))
    with pytest.raises(DataError, match=r"arrays \(in memory\) lacks x_train_left, .*has x_train"):
        loaded((X, Y, X, Y), *inputs)
    with pytest.raises(DataError, match="x_train has the parts left, right, but there is one"):
        loaded(({"left": X, "right": X}, Y, X, Y), inputs[0])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X, Y), "the data are a tuple of 2 parts; expected .*x_train, y_train, x_test, y_test"),
        (5, "the data are of the type int"),
        ({"x_train": X, "y_train": Y}, "the data lack x_test, y_test"),
        ((X, Y, X, Y, X, None), "the data lack y_val"),
        ({"X": X}, "the data lack x_train, .* and have X, which is no name that is known"),
        ((X, Y[:5], X, Y), r"train split of arrays \(in memory\) has 6 images but labels"),
        ((np.array(["a"] * 6), Y, X, Y), r"x_train of arrays \(in memory\) holds <U1 values"),
        (([[1, 2], [3]], Y, X, Y), "x_train of the type list cannot be read as an array"),
        ((X, Y + 0.5, X, Y), "y_train of arrays"),
    ],
)
def test_what_is_refused(data: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        loaded(data)


def test_a_data_set_is_taken_as_it_is() -> None:
    given = loaded((X, Y, X, Y))
    assert loaded(given) is given


def test_paths_stay_texts() -> None:
    assert data_setting(Path("flowers.npz")) == "flowers.npz"
    assert data_setting("digits") == "digits"


def test_settings_are_written_without_arrays() -> None:
    settings = make_settings({"data": data_setting((X, Y, X, Y))})
    assert isinstance(settings.data, Given)
    told = settings.model_dump(mode="json")["data"]
    assert is_in_memory(told) and "data: arrays (in memory)" in dump_settings(settings)
    with pytest.raises(ConfigError, match="`data` is 5; expected a data set's name or the path"):
        make_settings({"data": 5})
