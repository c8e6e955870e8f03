import re

import numpy as np
import pytest

from prune_mi.data import Dataset, check_against_model
from prune_mi.data.fit_to_model import require_two_classes
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


def _dataset(
    labels: list[int], names: tuple[str, ...] = (), test: list[int] | None = None
) -> Dataset:
    y, other = np.array(labels), np.array(test or labels)
    x, more = np.zeros((len(y), 4, 4, 1), np.uint8), np.zeros((len(other), 4, 4, 1), np.uint8)
    return Dataset(x, y, more, other, None, None, names, "mine", ())


def _check(data: Dataset, *, linear: bool = False) -> None:
    require_two_classes(data, what="the model's output 'y' is one unit", linear=linear)


@pytest.mark.parametrize("linear", [False, True])
def test_two_classes_will_do(linear: bool) -> None:
    _check(_dataset([0, 1, 1]), linear=linear)
    _check(_dataset([0, 1, 1], test=[1]), linear=linear)
    _check(_dataset([0, 1], ("cat", "dog")), linear=linear)


@pytest.mark.parametrize(
    ("data", "linear", "message"),
    [
        (
            _dataset([0, 1, 2], ("ant", "bee", "cat")),
            False,
            r"mine has 3 classes \(ant, bee, cat\), but the model's output 'y' is one unit, which "
            "is for two classes; expected two: leave the others out, or train",
        ),
        (_dataset([0, 1, 2]), False, r"are 0, 1, 2, but .*is for two classes; expected 0 and"),
        (
            _dataset(list(range(10))),
            True,
            r"0, 1, 2, 3, 4, 5 and 4 more, and .*: that is regression",
        ),
        (
            _dataset([0, 1], test=[3]),
            True,
            r"are 0, 1, 3, and .*The closest supported models have two",
        ),
        (_dataset([1, 2]), True, r"are 1, 2, but .*expected 0 and 1: write 0 for 1 and 1 for 2"),
        (_dataset([0, 255]), False, r"write 0 for 0 and 1 for 255"),
        (_dataset([1, 1, 1], test=[0, 1]), False, r"all 3 training labels of mine are 1; expected"),
    ],
)
def test_other_labels_are_named(data: Dataset, linear: bool, message: str) -> None:
    with pytest.raises(DataError, match=message):
        _check(data, linear=linear)
