"""Gates where what is kept is not the accuracy of classes."""

import numpy as np
import pytest

from prune_mi.comparison.gates import Rivals, changed_decisions, judge
from prune_mi.config import Gates
from prune_mi.errors import ConfigError
from prune_mi.records import GateResult
from prune_mi.tasks.judge import Judge
from tests.judges import judge_for

NUM = 1000


def _rivals(judging: Judge, before: np.ndarray, after: np.ndarray, truth: np.ndarray) -> Rivals:
    names = tuple(f"part{place}" for place in range(max(judging.head.shape[-1], 2)))
    return Rivals(judging, before, after, truth, names, (2, 1), (2, 1), (2, 1), 1)


def _judged(given: Rivals, **gates: object) -> GateResult:
    (found,) = judge(Gates.model_validate(gates), given)
    return found


def _labels(changed: int) -> Rivals:
    """Four labels, the last of which is told wrong on some images."""
    truth = (np.arange(4 * NUM).reshape(NUM, 4) % 3 == 0).astype(np.uint8)
    before = truth.astype(np.float32)
    after = before.copy()
    after[:changed, 3] = 1 - after[:changed, 3]
    return _rivals(judge_for("multi-label", 4), before, after, truth)


def test_labels_are_decisions_of_their_own() -> None:
    given = _labels(40)
    found = _judged(given, max_accuracy_drop=0.02)
    assert found.decision == "passed" and found.value == pytest.approx(0.01)
    assert "mean label accuracy changed by -0.0100 on 1,000 test images" in found.text
    found = _judged(given, max_flips=0.02)
    assert found.decision == "passed" and found.value == pytest.approx(0.01)
    assert "40 of 4,000, 40 from right to wrong" in found.text
    found = _judged(given, max_class_drop=0.02)
    assert found.decision == "failed" and found.value == pytest.approx(0.04)
    assert "of 4 labels part3 is judged worst: its score changed by -0.0400" in found.text


def _numbers(metric: str, noise: float) -> Rivals:
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 10, (NUM, 2)).astype(np.float32)
    before = truth + rng.normal(0, 1, truth.shape).astype(np.float32)
    after = before + rng.normal(0, noise, truth.shape).astype(np.float32)
    return _rivals(judge_for("regression", 2, metric=metric, truth=truth), before, after, truth)


@pytest.mark.parametrize(("noise", "decision"), [(0.0, "passed"), (0.3, "passed"), (3, "failed")])
def test_numbers_keep_what_they_explain(noise: float, decision: str) -> None:
    found = _judged(_numbers("r2", noise), max_accuracy_drop=0.01)
    assert found.decision == decision
    assert found.value == pytest.approx(noise**2 / 100, rel=0.1, abs=1e-3)
    assert "R² changed by" in found.text


def test_an_error_is_judged_in_its_unit() -> None:
    found = _judged(_numbers("mae", 1.0), max_accuracy_drop=0.5)
    expected = (np.sqrt(2) - 1) * np.sqrt(2 / np.pi)  # of normal errors
    assert found.decision == "passed" and found.limit == pytest.approx(0.5)
    assert found.value == pytest.approx(expected, abs=0.03)
    assert found.low is not None and found.high is not None
    assert found.low < found.value < found.high < 0.5
    assert f"mean absolute error changed by +{found.value:.4f}" in found.text
    assert f"the rise is {found.high:.4f} at most; allowed 0.5" in found.text
    assert _judged(_numbers("mae", 1.0), max_accuracy_drop=0.2).decision == "failed"


def test_numbers_have_no_answers_that_flip() -> None:
    given = _numbers("r2", 0.1)
    assert given.changed is None
    with pytest.raises(ConfigError, match=r"max-flips is 0\.1, but the task is regression"):
        _judged(given, max_flips=0.1)


def test_each_number_is_judged_by_itself() -> None:
    given = _numbers("r2", 0.0)
    given.after[:, 1] += 5.0
    found = _judged(given, max_class_drop=0.1)
    assert found.decision == "failed"
    assert "of 2 numbers part1 is judged worst" in found.text


def test_pixels_are_decisions_and_images_are_counted() -> None:
    truth = np.zeros((NUM, 4, 5), np.uint8)
    truth[:, :, 3:] = 1
    before = np.eye(3, dtype=np.float32)[truth]
    after = before.copy()
    after[:100, 0, 0] = [0, 0, 1]  # a class that is not there
    given = _rivals(judge_for("segmentation", 4, 5, 3), before, after, truth)
    found = _judged(given, max_flips=0.01)
    assert found.value == pytest.approx(100 / 20_000)
    assert "100 of 20,000, 100 from right to wrong" in found.text
    found = _judged(given, max_accuracy_drop=0.01)
    assert found.decision == "passed" and found.value == pytest.approx(0.005)
    told = given.judge.compact
    kept = changed_decisions(given.judge, told(before), told(after), truth)
    assert kept is not None and (kept.count, kept.total) == (100, 20_000)
