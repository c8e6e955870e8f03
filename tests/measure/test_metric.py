"""How sure a metric is of all samples."""

import numpy as np
import pytest

from prune_mi.measure.bounds import accuracy_interval
from prune_mi.measure.metric import quality_interval
from tests.judges import of_classes

LABELS = np.array([0] * 600 + [1] * 300 + [2] * 100)


def test_shares_of_right_answers_have_wilsons_interval() -> None:
    right = np.arange(1000) < 900
    assert quality_interval(right, None) == accuracy_interval(0.9, 1000)


@pytest.mark.parametrize("kind", ["balanced", "numbers"])
def test_as_many_intervals_hold_as_are_told(kind: str) -> None:
    rng = np.random.default_rng(0)
    weights = of_classes(3, metric="balanced").weights(LABELS) if kind == "balanced" else None
    held = 0
    for _ in range(400):
        if kind == "balanced":
            scores, expected = rng.random(1000) < np.array([0.9, 0.8, 0.6])[LABELS], 2.3 / 3
        else:
            scores, expected = rng.beta(4, 1, 1000).astype(np.float32), 0.8
        low, high = quality_interval(scores, weights)
        held += low <= expected <= high
    assert 0.92 <= held / 400 <= 0.98


def test_an_interval_is_no_point_and_stays_in_range() -> None:
    weights = of_classes(3, metric="balanced").weights(LABELS)
    low, high = quality_interval(np.ones(1000, bool), weights)
    assert 0.9 < low < high == 1.0
    low, high = quality_interval(np.array([-3.0, 0.5, 1.0, 1.0], np.float32), None)
    assert low < 0 < high <= 1.0  # an error may be worse than chance
