"""The loss against its closed form."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from prune_mi.graph.interface.binary_output import two_columns
from prune_mi.tasks.probabilities import log_probabilities
from prune_mi.tasks.targets import packed_targets
from prune_mi.training.distillation import DistillationLoss
from prune_mi.training.plan import LossPlan
from tests.judges import of_classes

pytestmark = pytest.mark.slow
LABELS = np.array([0, 2])
TEACHER = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], "float32")
CHILD = np.array([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]], "float32")


def _targets(
    labels: np.ndarray,
    teacher: np.ndarray,
    *,
    from_logits: bool = False,
    others: np.ndarray | None = None,
) -> np.ndarray:
    judge = of_classes(teacher.shape[1], from_logits=from_logits)
    return packed_targets(judge.task, judge.head, labels, teacher=teacher, others=others)


def _loss(
    *, weight: float, temperature: float = 2.0, from_logits: bool, others: tuple[int, ...] = ()
) -> DistillationLoss:
    plan = LossPlan(from_logits=from_logits, other_outputs=others)
    return DistillationLoss(plan, weight=weight, temperature=temperature)


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
    loss = _loss(weight=weight, temperature=temperature, from_logits=from_logits)
    targets = _targets(LABELS, TEACHER)
    predicted = np.log(CHILD) + 5.0 if from_logits else CHILD
    assert float(loss(targets, predicted)) == pytest.approx(expected, rel=1e-5)


def test_a_child_equal_to_its_teacher_loses_nothing() -> None:
    loss = _loss(weight=1.0, from_logits=False)
    targets = _targets(LABELS, TEACHER)
    assert float(loss(targets, TEACHER)) == pytest.approx(0.0, abs=1e-6)


def test_log_probabilities_of_logits_and_of_probabilities_agree() -> None:
    from_logits = log_probabilities(np.log(TEACHER) - 7.0, from_logits=True)
    from_probabilities = log_probabilities(TEACHER, from_logits=False)
    np.testing.assert_allclose(from_logits, from_probabilities, atol=1e-5)


def _with_others(predicted: np.ndarray, others: np.ndarray, scale: float = 1.0) -> float:
    """The loss of equal classes and of other outputs, of 1 and 3 columns."""
    loss = _loss(weight=1.0, from_logits=False, others=(1, 3))
    targets = _targets(LABELS, TEACHER, others=scale * others)
    assert targets.shape == (2, 10)
    return float(loss(targets, np.concatenate([TEACHER, scale * predicted], axis=1)))


def test_other_outputs_add_what_they_do_not_explain() -> None:
    others = np.array([[1.0, 0.0, 2.0, 4.0], [3.0, 2.0, 2.0, 0.0]], "float32")
    predicted = others + np.array([[0.5, 0.0, 0.0, 0.0], [0.0, 0.3, 0.0, 0.6]], "float32")
    first = np.mean([0.5**2, 0.0]) / np.var(others[:, 0])
    second = np.mean([0.0, (0.3**2 + 0.6**2) / 3]) / np.var(others[:, 1:], axis=0).mean()
    expected = first + second
    assert _with_others(predicted, others) == pytest.approx(expected, rel=1e-3)
    assert _with_others(predicted, others, 1000.0) == pytest.approx(expected, rel=1e-3)
    assert _with_others(others, others) == pytest.approx(0.0, abs=1e-6)


def test_an_output_that_does_not_vary_stays_finite() -> None:
    constant = np.full((2, 4), 7.0, "float32")
    assert np.isfinite(_with_others(constant, np.zeros_like(constant)))
    off_by_a_percent = _with_others(constant * 1.01, constant)
    assert off_by_a_percent == pytest.approx(2.0, rel=1e-2)


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_one_units_loss_has_the_gradient_of_its_logit(weight: float) -> None:
    """Also where the probability is rounded: 1 - p has few digits left at a logit of 12."""
    logits = tf.constant([[-12.0], [-6.0], [-1.0], [0.0], [2.0], [6.0], [12.0]])
    teacher = two_columns(np.linspace(-4, 4, 7, dtype="float32"), "logit")
    for label in (0, 1):
        targets = _targets(np.full(7, label), teacher, from_logits=True)
        gradients = []
        for from_logits in (True, False):
            loss = _loss(weight=weight, from_logits=from_logits)
            with tf.GradientTape() as tape:
                tape.watch(logits)
                p = keras.ops.sigmoid(logits)
                columns = [logits * 0, logits] if from_logits else [1 - p, p]
                value = loss(targets, keras.ops.concatenate(columns, axis=1))
            gradients.append(np.asarray(tape.gradient(value, logits)))
        np.testing.assert_allclose(gradients[1], gradients[0], rtol=0.05, atol=1e-5)
        assert np.isfinite(gradients[1]).all()


def test_a_saturated_unit_stays_finite() -> None:
    units = np.array([0.0, 1.0, 1e-12, 1.0 - 6e-8], "float32")
    for label in (0, 1):
        targets = _targets(np.full(4, label), two_columns(units, "sigmoid"))
        loss = _loss(weight=0.5, from_logits=False)
        columns = tf.constant(two_columns(units, "sigmoid"))
        with tf.GradientTape() as tape:
            tape.watch(columns)
            value = loss(targets, columns)
        assert np.isfinite(float(value))
        assert np.isfinite(np.asarray(tape.gradient(value, columns))).all()
