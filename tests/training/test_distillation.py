"""The loss against its closed form."""

import numpy as np
import pytest

from prune_mi.training.distillation import (
    DistillationLoss,
    distillation_targets,
    log_probabilities,
)

pytestmark = pytest.mark.slow
LABELS = np.array([0, 2])
TEACHER = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], "float32")
CHILD = np.array([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]], "float32")


def _softened(p: np.ndarray, temperature: float) -> np.ndarray:
    powered = p ** (1 / temperature)
    return powered / powered.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("from_logits", [False, True])
def test_the_loss_is_its_closed_form(weight: float, from_logits: bool) -> None:
    temperature = 3.0
    q, p = _softened(TEACHER, temperature), _softened(CHILD, temperature)
    hard = -np.log(CHILD[np.arange(2), LABELS])
    soft = (q * np.log(q / p)).sum(axis=1) * temperature**2
    expected = ((1 - weight) * hard + weight * soft).mean()
    loss = DistillationLoss(weight=weight, temperature=temperature, from_logits=from_logits)
    targets = distillation_targets(LABELS, np.log(TEACHER), num_classes=3)
    predicted = np.log(CHILD) + 5.0 if from_logits else CHILD
    assert float(loss(targets, predicted)) == pytest.approx(expected, rel=1e-5)


def test_a_child_equal_to_its_teacher_loses_nothing() -> None:
    loss = DistillationLoss(weight=1.0, temperature=2.0, from_logits=False)
    targets = distillation_targets(LABELS, np.log(TEACHER), num_classes=3)
    assert float(loss(targets, TEACHER)) == pytest.approx(0.0, abs=1e-6)


def test_log_probabilities_of_logits_and_of_probabilities_agree() -> None:
    from_logits = log_probabilities(np.log(TEACHER) - 7.0, from_logits=True)
    from_probabilities = log_probabilities(TEACHER, from_logits=False)
    np.testing.assert_allclose(from_logits, from_probabilities, atol=1e-5)
