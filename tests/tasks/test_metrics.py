"""Metrics against scikit-learn's, whatever the answers."""

from collections.abc import Callable, Mapping
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from prune_mi.errors import DataError
from prune_mi.tasks.judge import Judge
from tests.judges import judge_for, of_classes
from tests.tasks.answers import METRICS, NUMBERS, answered

Known = Callable[[np.ndarray, np.ndarray], float]


def _classes(outputs: np.ndarray) -> np.ndarray:
    return np.asarray(outputs.argmax(axis=-1))


KNOWN: Mapping[str, Known] = {
    "accuracy": lambda truth, outputs: metrics.accuracy_score(truth, _classes(outputs)),
    "balanced": lambda truth, outputs: metrics.balanced_accuracy_score(truth, _classes(outputs)),
    "top-5": lambda truth, outputs: metrics.top_k_accuracy_score(
        truth, outputs, k=5, labels=range(outputs.shape[1])
    ),
    "labels": lambda truth, outputs: metrics.accuracy_score(truth.ravel(), outputs.ravel() > 0),
    "macro-f1": lambda truth, outputs: metrics.f1_score(
        truth, outputs > 0, average="macro", zero_division=np.nan
    ),
    "r2": metrics.r2_score,
    "d2": lambda truth, outputs: np.mean(
        [
            metrics.d2_tweedie_score(*each, power=1)
            for each in zip(truth.T, np.maximum(outputs, 1e-3).T, strict=True)
        ]
    ),
    "mae": metrics.mean_absolute_error,
    "pixels": lambda truth, outputs: metrics.accuracy_score(
        truth.ravel(), _classes(outputs).ravel()
    ),
    "mean-iou": lambda truth, outputs: metrics.jaccard_score(
        truth.ravel(), _classes(outputs).ravel(), average="macro"
    ),
}


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.filterwarnings("ignore:A single label was found")
@pytest.mark.parametrize(("task", "metric"), METRICS)
@given(num=st.integers(8, 60), seed=st.integers(0, 2**32 - 1))
def test_the_mean_of_scores_is_what_scikit_learn_calls_so(
    task: str, metric: str, num: int, seed: int
) -> None:
    found = answered(task, metric, num=num, seed=seed)
    for outputs in (found.first, found.second, -found.first):
        expected = KNOWN[metric](found.truth, outputs)
        scores = found.judge.scores(outputs, found.truth)
        assert scores.shape == (num,) and scores.dtype in (bool, np.float32)
        quality = found.judge.quality(scores, found.truth)
        assert quality == pytest.approx(found.judge.weights(found.truth) @ scores, abs=1e-6)
        assert found.judge.measured(outputs, found.truth) == pytest.approx(
            expected, rel=1e-5, abs=1e-4
        )
        told = found.judge.all_metrics(outputs, found.truth)[metric]
        assert told == pytest.approx(expected, rel=1e-5, abs=1e-4)


@pytest.mark.parametrize(("task", "metric"), METRICS)
def test_weights_sum_to_one(task: str, metric: str) -> None:
    found = answered(task, metric)
    weights = found.judge.weights(found.truth)
    assert weights.sum() == pytest.approx(1)
    assert (weights > 0).all()


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("shape", [(6, 5, 1), (6, 5, 3)])
def test_one_channel_is_one_class_against_the_background(
    shape: tuple[int, ...], from_logits: bool
) -> None:
    found = answered("segmentation", "mean-iou", shape=shape, from_logits=from_logits)
    told = found.judge.compact(found.first)
    assert told.dtype == np.uint8 and told.shape == (300, 6, 5)
    expected = metrics.jaccard_score(found.truth.ravel(), told.ravel(), average="macro")
    for answers in (found.first, found.first.reshape(300, -1), told):
        assert found.judge.measured(answers, found.truth) == pytest.approx(expected)


def test_what_is_not_finite_is_never_right() -> None:
    for task in ("classification", "multi-label"):
        found = answered(task)
        outputs = found.first.copy()
        outputs[:3] = np.nan
        assert not found.judge.scores(outputs, found.truth)[:3].any()


def test_counts_are_never_negative() -> None:
    found = answered("counts")
    truth = found.truth - 1
    with pytest.raises(DataError, match=r"the labels hold -1; expected .* --task regression"):
        found.judge.scores(found.first, truth)


def _constants(task: str, metric: str, truth: np.ndarray) -> list[np.ndarray]:
    """Outputs of models that always answer the same."""
    if task in NUMBERS:
        middle = (np.median if metric == "mae" else np.mean)(truth, axis=0)
        return [np.broadcast_to(middle + by, truth.shape) for by in (-0.5, 0, 0.5)]
    if task == "multi-label":
        flags = product((-1.0, 1.0), repeat=truth.shape[1])
        return [np.broadcast_to(each, truth.shape) for each in flags]
    num_classes = int(truth.max()) + 1
    if metric == "top-5":  # all orders of the likeliest five
        left_out = product(range(num_classes), repeat=2)
        rows = [np.isin(np.arange(num_classes), each, invert=True) for each in left_out]
        rows = [row + 0.01 * np.arange(num_classes) for row in rows]
    else:
        rows = list(np.eye(num_classes))
    return [np.broadcast_to(row, (*truth.shape, num_classes)) for row in rows]


@pytest.mark.parametrize(("task", "metric"), METRICS)
def test_chance_is_what_the_best_constant_answer_gets(task: str, metric: str) -> None:
    found = answered(task, metric)
    judge: Judge = found.judge
    best = max(
        judge.quality(judge.scores(each, found.truth), found.truth)
        for each in _constants(task, metric, found.truth)
    )
    assert best == pytest.approx(judge.chance(found.truth), abs=1e-5)


def test_guessing_gets_the_commonest_class() -> None:
    labels = np.array([0] * 6 + [1] * 3 + [2])
    assert of_classes(3).chance(labels) == 0.6
    assert of_classes(3, metric="balanced").chance(labels) == pytest.approx(1 / 3)


def test_an_error_is_counted_as_a_share_of_what_chance_makes() -> None:
    found = answered("regression", "mae", num=500)
    judge = found.judge
    error = float(np.abs(found.first - found.truth).mean())
    chance = float(np.abs(found.truth - np.median(found.truth, axis=0)).mean())
    assert judge.scale == pytest.approx(chance)
    quality = judge.quality(judge.scores(found.first, found.truth), found.truth)
    assert quality == pytest.approx(1 - error / chance, abs=1e-6)
    assert judge.value(quality) == pytest.approx(error, abs=1e-5)
    assert judge.drop(0.1) == pytest.approx(0.1 / chance)
    # An allowed rise of the error is just as large a loss of quality.
    assert judge.value(quality - judge.drop(0.1)) == pytest.approx(error + 0.1, abs=1e-5)
    plain = answered("regression", "r2").judge
    assert (plain.value(0.7), plain.drop(0.1)) == (0.7, 0.1)


def test_an_error_of_what_does_not_vary_stays_finite() -> None:
    truth = np.full((20, 1), 5.0, np.float32)
    judge = judge_for("regression", 1, metric="mae", truth=truth)
    assert judge.quality(judge.scores(truth, truth), truth) == 1.0
    flat = judge_for("regression", 1)
    assert flat.quality(flat.scores(truth, truth), truth) == 1.0
