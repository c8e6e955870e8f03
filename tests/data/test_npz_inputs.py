from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prune_mi.data import ModelInput, load_dataset
from prune_mi.errors import DataError

INPUTS = (ModelInput("image", (4, 4, 1)), ModelInput("facts", (3,)), ModelInput("age", ()))


def make_arrays(**changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {}
    for split, count in (("train", 6), ("test", 3)):
        arrays[f"x_{split}_image"] = rng.integers(0, 256, (count, 4, 4, 1), dtype=np.uint8)
        arrays[f"x_{split}_facts"] = rng.normal(size=(count, 3))
        arrays[f"x_{split}_age"] = rng.integers(0, 900, count)
        arrays[f"y_{split}"] = np.arange(count) % 3
    return {name: array for name, array in (arrays | changes).items() if array is not None}


def save(folder: Path, **changes: Any) -> str:
    path = folder / "mine.npz"
    np.savez(path, **make_arrays(**changes))
    return str(path)


def test_inputs_lie_side_by_side(tmp_path: Path) -> None:
    arrays, dataset = make_arrays(), load_dataset(save(tmp_path), inputs=INPUTS)
    assert dataset.x_train.shape == (6, 20)
    assert dataset.x_train.dtype == np.float32
    assert dataset.input_shapes == ((4, 4, 1), (3,), ())
    np.testing.assert_array_equal(dataset.x_test[:, :16], arrays["x_test_image"].reshape(3, -1))
    np.testing.assert_allclose(dataset.x_test[:, 16:19], arrays["x_test_facts"], rtol=1e-6)
    np.testing.assert_array_equal(dataset.x_test[:, 19], arrays["x_test_age"])
    assert dataset.x_val is None
    assert dataset.num_classes == 3


def test_validation_arrays_and_arrays_of_other_names(tmp_path: Path) -> None:
    val = {f"x_val_{each.name}": make_arrays()[f"x_test_{each.name}"] for each in INPUTS}
    dataset = load_dataset(save(tmp_path, **val, y_val=[2, 1, 0], notes=np.ones(1)), inputs=INPUTS)
    assert dataset.x_val is not None and dataset.y_val is not None
    np.testing.assert_array_equal(dataset.x_val, dataset.x_test)
    assert dataset.y_val.tolist() == [2, 1, 0]


def test_a_channel_axis_may_be_left_out_and_sizes_be_open(tmp_path: Path) -> None:
    inputs = (ModelInput("image", (None, None, 1)), *INPUTS[1:])
    arrays = make_arrays()
    flat = {f"x_{split}_image": arrays[f"x_{split}_image"][..., 0] for split in ("train", "test")}
    dataset = load_dataset(save(tmp_path, **flat), inputs=inputs)
    assert dataset.input_shapes == ((4, 4, 1), (3,), ())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"x_test_facts": None},
            r"lacks x_test_facts; it holds x_train_image, .*; the model's inputs are image "
            r"\(4, 4, 1\), facts \(3\), age \(\): expected x_train_image, .*, y_train, y_test",
        ),
        ({"x_train": np.zeros((6, 4))}, "has x_train, but the model has no input of that name"),
        ({"x_val_age": np.zeros(3)}, "lacks x_val_image, x_val_facts, y_val"),
        ({"y_test": None}, "lacks y_test"),
        ({"x_test_age": np.zeros(2)}, r"different lengths: x_test_image 3, .*x_test_age 2"),
        ({"y_test": np.zeros(2, int)}, r"3 images but labels of the shape \(2,\)"),
        ({"x_test_facts": np.zeros((3, 4))}, r"shape \(3, 4\); the model's input 'facts' takes"),
        ({"x_test_facts": np.full((3, 3), np.nan)}, "x_test_facts of .* NaN"),
        ({"x_test_facts": np.full((3, 3), "a")}, "x_test_facts of .* holds <U1 values"),
        ({"x_test_age": np.full(3, 2**24 + 1)}, "reaches 16777217; expected whole numbers up to"),
        ({"x_test_age": np.float64(3)}, r"x_test_age of .* has the shape \(\)"),
    ],
)
def test_every_fault_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset(save(tmp_path, **changes), inputs=INPUTS)


def test_splits_of_other_sizes_are_refused(tmp_path: Path) -> None:
    inputs = (ModelInput("image", (None, None, 1)), *INPUTS[1:])
    changes = {"x_test_image": np.zeros((3, 5, 5, 1))}
    with pytest.raises(DataError, match=r"test split .* \(5, 5, 1\), .* train split \(4, 4, 1\)"):
        load_dataset(save(tmp_path, **changes), inputs=inputs)


@pytest.mark.parametrize("spec", ["digits", ".", "nowhere.npz"])
def test_only_an_npz_has_several_inputs(spec: str) -> None:
    with pytest.raises(DataError, match=r"the model has 3 inputs \(image .*x_train_image"):
        load_dataset(spec, inputs=INPUTS)
