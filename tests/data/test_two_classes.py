"""Labels for one output unit: 0 and 1, or what they are and how to mend them."""

import numpy as np
import pytest

from prune_mi.data import Dataset
from prune_mi.data.fit_to_model import require_two_classes
from prune_mi.errors import DataError


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
