"""What is kept: accuracy, or the mean of the classes' accuracies."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from prune_mi.measure.metric import chance_level, image_weights, quality

LABELS = np.array([0] * 6 + [1] * 3 + [2])
PREDICTED = np.array([0, 0, 0, 0, 0, 1, 1, 0, 0, 2])


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("accuracy", accuracy_score), ("balanced", balanced_accuracy_score)],
)
def test_it_is_what_scikit_learn_calls_so(metric: str, expected: object) -> None:
    found = quality(PREDICTED == LABELS, LABELS, metric)  # type: ignore[arg-type]
    assert found == pytest.approx(expected(LABELS, PREDICTED))  # type: ignore[operator]


@pytest.mark.parametrize("metric", ["accuracy", "balanced"])
def test_weights_sum_to_one(metric: str) -> None:
    weights = image_weights(LABELS, metric)  # type: ignore[arg-type]
    assert weights.sum() == pytest.approx(1)
    assert (weights > 0).all()


def test_guessing_gets_the_commonest_class() -> None:
    assert chance_level(LABELS, "accuracy") == 0.6
    assert chance_level(LABELS, "balanced") == pytest.approx(1 / 3)
