from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from prune_mi.data.dataset import Dataset, validate_dataset
from prune_mi.data.labels import LabelForm
from prune_mi.errors import DataError


def make_dataset(**changes: Any) -> Dataset:
    rng = np.random.default_rng(0)
    dataset = Dataset(
        x_train=rng.integers(0, 256, (6, 4, 5, 3), dtype=np.uint8),
        y_train=np.array([0, 1, 2, 0, 1, 2]),
        x_test=rng.random((3, 4, 5, 3), dtype=np.float32),
        y_test=np.array([0, 1, 2]),
        x_val=None,
        y_val=None,
        class_names=(),
        source="mine.npz",
        notes=(),
    )
    return replace(dataset, **changes)


def test_a_good_dataset_passes() -> None:
    dataset = make_dataset()
    validate_dataset(dataset)
    assert dataset.num_classes == 3
    assert dataset.image_shape == (4, 5, 3)
    assert [name for name, _, _ in dataset.splits()] == ["train", "test"]
    with_val = replace(dataset, x_val=dataset.x_test, y_val=dataset.y_test)
    validate_dataset(with_val)
    assert [name for name, _, _ in with_val.splits()] == ["train", "test", "val"]
    assert replace(dataset, class_names=("a", "b", "c", "d")).num_classes == 4


@pytest.mark.parametrize("shape", [(60,), (20, 3), (4, 4, 4, 1)])
def test_samples_need_not_be_images(shape: tuple[int, ...]) -> None:
    train, test = np.zeros((6, *shape), np.uint8), np.zeros((3, *shape), np.float32)
    validate_dataset(make_dataset(x_train=train, x_test=test))


@pytest.mark.parametrize(
    ("form", "labels", "num_classes"),
    [
        ("flags", np.ones((6, 4), np.uint8), 4),
        ("numbers", np.ones((6, 2), np.float32), 2),
        ("masks", np.ones((6, 4, 5), np.uint8), 2),
        ("none", np.zeros(6, np.int64), 0),
    ],
)
def test_labels_of_every_form_pass(form: LabelForm, labels: np.ndarray, num_classes: int) -> None:
    dataset = make_dataset(form=form, y_train=labels, y_test=labels[:3])
    validate_dataset(dataset)
    assert dataset.num_classes == num_classes
    with pytest.raises(DataError, match="3 images but labels of the shape"):
        validate_dataset(replace(dataset, y_test=labels[:2]))
    if labels.ndim > 1:
        with pytest.raises(DataError, match=r"test split .*those of the train split .*equal shap"):
            validate_dataset(replace(dataset, y_test=labels[:3, :1]))
        with pytest.raises(DataError, match=r"are <U\d+; expected .*: convert"):
            validate_dataset(replace(dataset, y_test=labels[:3].astype(str)))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(5, np.float32), r"shape \(5,\); expected one number for each of the 6 training"),
        (np.array([1, 1, -1, 1, 1, 1], np.float32), r"hold -1\.0 in row 2; expected finite"),
        (np.zeros(6, np.float32), r"all sample weights of mine\.npz are 0"),
    ],
)
def test_sample_weights_are_checked(weights: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        validate_dataset(make_dataset(w_train=weights))


def image_with(value: float) -> np.ndarray:
    images = np.zeros((3, 4, 5, 3), np.float32)
    images[2, 1, 1, 1] = value
    return images


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"x_test": np.zeros((0, 4, 5, 3), np.uint8), "y_test": np.zeros(0, np.int64)},
            r"the test split of mine\.npz is empty.*expected at least one image: add",
        ),
        ({"x_test": image_with(np.nan)}, r"test split.*NaN or infinite pixels, first in image 2"),
        ({"x_test": image_with(np.inf)}, r"NaN or infinite pixels.*remove or repair"),
        ({"y_test": np.array([0.0, 1.0, 2.0])}, r"test split.*non-integer \(float64\); expected"),
        ({"y_test": np.array([0, -3, 1])}, r"negative values, the lowest -3; expected classes"),
        ({"y_test": np.array([0, 1])}, r"3 images but labels of the shape \(2,\); expected one"),
        ({"y_test": np.zeros((3, 2), np.int64)}, r"labels of the shape \(3, 2\)"),
        (
            {"x_test": np.zeros((3, 5, 4, 3), np.uint8)},
            r"\(5, 4, 3\), those of the train split \(4, 5, 3\); expected equal shapes: resize",
        ),
        ({"x_test": np.zeros((3, 4, 5, 3))}, r"are float64; expected uint8 or float32: convert"),
        ({"x_test": np.zeros(3, np.uint8)}, r"shape \(3,\); expected \(N, height"),
        ({"class_names": ("a", "b")}, r"reach 2, but there are 2 class names; expected .*0\.\.1"),
        ({"x_val": image_with(0)}, r"has x_val but no y_val; expected both or neither"),
        ({"y_val": np.array([0, 1, 2])}, r"has y_val but no x_val"),
    ],
)
def test_every_fault_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        validate_dataset(make_dataset(**changes))


def test_faults_of_the_val_split_are_found_too() -> None:
    changes = {"x_val": image_with(np.nan), "y_val": np.array([0, 1, 2])}
    with pytest.raises(DataError, match="val split of mine"):
        validate_dataset(make_dataset(**changes))
