"""The loss of a child: its labels, and the original model's outputs.

    L = (1 - d) hard(y, p) + d soft(q, p)

with d the weight of distillation, p what the child yields and q what the original did; both terms
are the task's, see `training.terms`. With weights each sample's loss counts as much as it weighs.

Each output o beside the judged one is to follow the original's, whatever its scale: it adds

    E[(p_o - q_o)^2] / (Var[q_o] + e)

over the batch, 1 - R^2 of the one for the other, with weight 1. The small e keeps an output that
hardly varies from weighing without bound.

Source: Hinton, Vinyals, Dean (2015), Distilling the Knowledge in a Neural Network.
"""

from typing import Any

import keras
from keras import ops

from prune_mi.tasks.probabilities import TINY
from prune_mi.training.own_loss import own_loss
from prune_mi.training.plan import LossPlan
from prune_mi.training.terms import TERMS

_OF_MEAN_SQUARE = 1e-4


class DistillationLoss(keras.losses.Loss):
    """A task's loss and distillation in one.

    `y_true` is what `tasks.packed_targets` makes: float `(batch, labels + teacher + rest)`, of
    masks `(batch, height, width, 1 + classes)`, and one channel more where samples are weighted.
    `y_pred` is what a packed graph yields: the judged output, and the others behind it.

    Args:
        plan: What is learned.
        weight: Of distillation; the labels have the rest.
        temperature: Softens both in the distillation term, where that has probabilities.
    """

    def __init__(self, plan: LossPlan, *, weight: float, temperature: float) -> None:
        super().__init__(name="distillation")
        self._plan = plan
        self._weight = weight
        self._terms = TERMS[plan.kind](plan, temperature)
        self._own = None if plan.own is None else own_loss(plan.own)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each sample, `(batch,)`."""
        plan = self._plan
        y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        weights = None
        if plan.weighted:
            weights, y_true = y_true[..., -1], y_true[..., :-1]
        rest = sum(plan.other_outputs)
        judged = y_pred[:, : y_pred.shape[-1] - rest] if rest else y_pred
        wanted = y_true[:, : y_true.shape[-1] - rest] if rest else y_true
        labels, teacher = self._terms.split(wanted, judged)
        found = self._of_judged(labels, teacher, judged)
        if weights is not None:
            axes = tuple(range(1, len(weights.shape)))
            found = found * (ops.mean(weights, axis=axes) if axes else weights)
        if not rest:
            return found
        return found + self._of_others(y_true[:, -rest:], y_pred[:, -rest:])

    def _of_judged(self, labels: Any, teacher: Any, judged: Any) -> Any:
        own, weight, read = self._own, self._weight, self._terms.read(judged)
        hard = self._terms.hard(labels, read) if own is None else own(labels, judged)
        if weight == 0:
            return hard
        return (1 - weight) * hard + weight * self._terms.soft(teacher, read)

    def _of_others(self, original: Any, predicted: Any) -> Any:
        total, start = 0.0, 0
        for size in self._plan.other_outputs:
            wanted = original[:, start : start + size]
            apart = ops.mean(ops.square(predicted[:, start : start + size] - wanted), axis=-1)
            variance = ops.mean(ops.var(wanted, axis=0))
            least = _OF_MEAN_SQUARE * ops.mean(ops.square(wanted)) + TINY
            total, start = total + apart / (variance + least), start + size
        return total
