import re

import numpy as np
import pytest

from prune_mi.data import Dataset, check_against_model
from prune_mi.errors import DataError


def make_dataset(
    shape: tuple[int, ...], labels: tuple[int, ...] = (0, 1, 2), names: tuple[str, ...] = ()
) -> Dataset:
    images = np.arange(len(labels) * np.prod(shape)).reshape(-1, *shape).astype(np.float32)
    y = np.array(labels)
    return Dataset(images, y, images, y, images, y, names, "mine", ())


@pytest.mark.parametrize("input_shape", [(4, 5, 3), (None, None, 3), (4, None, None)])
def test_a_fitting_dataset_is_returned_as_it_is(input_shape: tuple[int | None, ...]) -> None:
    dataset = make_dataset((4, 5, 3))
    assert check_against_model(dataset, input_shape=input_shape, num_classes=3) is dataset


@pytest.mark.parametrize(
    ("shape", "input_shape"), [((4, 5), (4, 5, 1)), ((4, 5, 1), (4, 5)), ((4, 5), (None, None, 1))]
)
def test_a_channel_axis_comes_and_goes(
    shape: tuple[int, ...], input_shape: tuple[int | None, ...]
) -> None:
    dataset = make_dataset(shape)
    fitted = check_against_model(dataset, input_shape=input_shape, num_classes=3)
    for (_, before, _), (_, after, _) in zip(dataset.splits(), fitted.splits(), strict=True):
        assert after.ndim == len(input_shape) + 1
        assert after.ravel().tolist() == before.ravel().tolist()


@pytest.mark.parametrize(
    ("shape", "input_shape", "message"),
    [
        (
            (4, 5, 3),
            (8, 8, 3),
            "mine has samples of the shape (4, 5, 3), the model takes (8, 8, 3)",
        ),
        ((4, 5, 3), (8, 8, 3), "resize the images"),
        ((4, 5, 3), (None, None, 1), "the model takes (any, any, 1); convert the images"),
        ((4, 5, 3), (3, 4, 5), "channels first"),
        ((4, 5, 3), (60,), "pass the data that the model was trained on"),
    ],
)
def test_other_shapes_are_refused_with_both_said(
    shape: tuple[int, ...], input_shape: tuple[int | None, ...], message: str
) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        check_against_model(make_dataset(shape), input_shape=input_shape, num_classes=3)


@pytest.mark.parametrize(
    ("labels", "names", "num_classes", "message"),
    [
        (
            (0, 1, 5),
            (),
            3,
            r"out of range: they reach 5.* the model has 3; expected labels in 0\.\.2",
        ),
        ((1, 2, 3), (), 3, r"count from 1: subtract 1"),
        (
            (0, 1, 2),
            (),
            4,
            r"mine has 3 classes \(counted.*the model has 4; expected equal",
        ),
        ((0, 1, 9), ("a", "b", "c"), 3, r"out of range: they reach 9"),
        ((1, 2, 3), ("a", "b", "c"), 3, r"count from 1: subtract 1"),
        ((0, 1, 1), ("a", "b", "c"), 2, r"mine has 3 classes \(named\), but the model has 2"),
    ],
)
def test_other_classes_are_refused(
    labels: tuple[int, ...], names: tuple[str, ...], num_classes: int, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        check_against_model(
            make_dataset((4, 5, 3), labels, names),
            input_shape=(4, 5, 3),
            num_classes=num_classes,
        )


def test_named_classes_may_be_absent_from_the_labels() -> None:
    dataset = make_dataset((4, 5, 3), (0, 1, 1), ("a", "b", "c"))
    assert check_against_model(dataset, input_shape=(4, 5, 3), num_classes=3) is dataset
