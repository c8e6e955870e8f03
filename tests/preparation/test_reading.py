"""In which order of classes a model is right."""

import numpy as np
import pytest

from prune_mi.data import Dataset, InputScaling, fit_scaling
from prune_mi.preparation.reading import find_order, gather

pytestmark = pytest.mark.slow

_NAMES = (*(f"a{place:02}" for place in range(46)), "plate10", "plate2")  # sorted as strings


def _data(num: int = 1920) -> Dataset:
    """Samples that hold their own label."""
    labels = np.arange(num) % len(_NAMES)
    rows = labels[:, None].astype(np.float32)
    return Dataset(rows, labels, rows, labels, None, None, _NAMES, "made", (), order_known=False)


def test_an_order_that_differs_in_two_of_many_classes_is_found() -> None:
    data = _data()
    outputs = np.eye(48, dtype=np.float32)[[*range(46), 47, 46]]  # plate2 comes first

    def ask(rows: np.ndarray, _: InputScaling) -> np.ndarray:
        return np.asarray(outputs[rows[:, 0].astype(int)])

    evidence = gather(ask, (fit_scaling("none", data.x_train),), data, np.arange(960), 48)
    notes: list[str] = []
    assert find_order(evidence, notes).places == (*range(46), 47, 46)
    assert "Class order found: sorted by the numbers in their names" in notes[0]


def test_answers_of_two_classes_that_say_nothing_leave_the_order() -> None:
    data = _data()

    def ask(rows: np.ndarray, _: InputScaling) -> np.ndarray:
        labels = rows[:, 0].astype(int)
        guessed = 46 + np.random.default_rng(0).integers(2, size=len(labels))
        return np.eye(48, dtype=np.float32)[np.where(labels < 46, labels, guessed)]

    evidence = gather(ask, (fit_scaling("none", data.x_train),), data, np.arange(960), 48)
    notes: list[str] = []
    assert find_order(evidence, notes).is_as_loaded and notes == []
