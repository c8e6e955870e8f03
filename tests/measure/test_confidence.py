"""Whether a classifier is as right as it is sure of itself."""

import numpy as np
import pytest

from prune_mi.measure.confidence import (
    best_assignment,
    confidence,
    is_clearly_better,
    is_saturated,
    is_useful,
)


def _answers(
    rng: np.random.Generator, *, right: float, sure: float, num_classes: int, num: int = 512
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities whose largest is `sure`, at the label as often as `right` says, and labels."""
    labels = rng.integers(num_classes, size=num)
    is_right = rng.permutation(num) < round(right * num)
    answers = np.where(is_right, labels, (labels + rng.integers(1, num_classes, num)) % num_classes)
    outputs = np.full((num, num_classes), (1 - sure) / (num_classes - 1), np.float32)
    outputs[np.arange(num), answers] = sure
    return outputs, labels


@pytest.mark.parametrize(
    ("right", "sure", "num_classes", "doubtful", "refuted"),
    [
        (0.55, 0.6, 10, False, False),  # honest and weak
        (0.55, 0.6, 2, False, False),
        (0.3, 0.33, 100, False, False),
        (0.95, 0.99, 10, False, False),
        (0.87, 0.95, 10, False, False),  # overconfident, and right
        (0.7, 0.98, 10, True, False),  # three tenths of the labels are wrong
        (0.7, 0.98, 2, True, False),
        (0.6, 0.97, 10, True, False),
        (0.5, 0.8, 100, True, False),
        (0.167, 1.0, 12, True, True),  # classes in another order
        (0.256, 0.95, 12, True, True),
        (0.1, 0.7, 100, True, True),
        (0.55, 0.99, 2, True, True),
        (0.02, 0.98, 2, True, True),  # two classes swapped
    ],
)
def test_only_a_large_gap_refutes(
    rng: np.random.Generator,
    right: float,
    sure: float,
    num_classes: int,
    doubtful: bool,
    refuted: bool,
) -> None:
    outputs, labels = _answers(rng, right=right, sure=sure, num_classes=num_classes)
    found = confidence(outputs, labels)
    assert found.accuracy == pytest.approx(right, abs=2e-3)
    assert found.probability == pytest.approx(sure, abs=1e-5)
    assert (found.is_doubtful, found.is_refuted) == (doubtful, refuted)


def test_few_images_refute_nothing(rng: np.random.Generator) -> None:
    outputs, labels = _answers(rng, right=0.6, sure=0.9, num_classes=2, num=10)
    assert not confidence(outputs, labels).is_doubtful


def test_logits_are_as_sure_as_their_softmax(rng: np.random.Generator) -> None:
    logits = 5 * rng.standard_normal((200, 4)).astype(np.float32)
    powers = np.exp(logits)
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    labels = rng.integers(4, size=200)
    expected = confidence(probabilities, labels).probability
    assert confidence(logits, labels).probability == pytest.approx(expected, rel=1e-5)
    assert confidence(1000 * logits, labels).probability == pytest.approx(1, abs=1e-3)


def test_saturation(rng: np.random.Generator) -> None:
    logits = rng.standard_normal((50, 3)).astype(np.float32)
    assert is_saturated(logits * 1e4)
    assert not is_saturated(logits * 5)


def test_clearly_better_asks_for_significance_and_use() -> None:
    old = np.arange(1000) % 2 == 0
    assert is_clearly_better(np.ones(1000, bool), old)
    assert not is_clearly_better(old, old)
    hair = old.copy()
    hair[1:60:2] = True  # 0.03 better, and surely so
    assert not is_clearly_better(hair, old)
    assert is_clearly_better(hair, old, least=0.0)
    assert not is_clearly_better(np.array([True] * 10), np.array([True] * 9 + [False]))


def test_useful_is_clearly_above_chance(rng: np.random.Generator) -> None:
    assert is_useful(confidence(*_answers(rng, right=0.6, sure=0.7, num_classes=3)))
    assert not is_useful(confidence(*_answers(rng, right=0.36, sure=0.7, num_classes=3)))


def test_outputs_are_assigned_to_the_classes_they_see(rng: np.random.Generator) -> None:
    labels = rng.integers(4, size=300)
    places = (2, 0, 3, 1)  # output k stands for class places[k]
    answers = np.argsort(places)[labels]
    answers[:30] = rng.integers(4, size=30)
    assert best_assignment(answers, labels, 4) == places
    assert best_assignment(labels, labels, 6) == (0, 1, 2, 3, 4, 5)  # two classes are not there
