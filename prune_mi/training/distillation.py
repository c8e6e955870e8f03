"""The loss of a child: its labels, and the original model's outputs.

    L = (1 - d) CE(y, p) + d T^2 KL(q_T || p_T),   q_T = softmax(log q / T)

with d the weight of distillation, q the original's class probabilities and p the child's. Softmax
is invariant to a shift of its argument, so log-probabilities serve in place of logits.

Each output o beside the classifier's is to follow the original's, whatever its scale: it adds

    E[(p_o - q_o)^2] / (Var[q_o] + e)

over the batch, 1 - R^2 of the one for the other, with weight 1. The small e keeps an output that
hardly varies from weighing without bound.

Source: Hinton, Vinyals, Dean (2015), Distilling the Knowledge in a Neural Network.
"""

from typing import Any

import keras
from keras import ops

from prune_mi.training.targets import TINY

_OF_MEAN_SQUARE = 1e-4


class DistillationLoss(keras.losses.Loss):
    """Cross-entropy and distillation in one.

    `y_true` is float `(batch, 2 * num_classes + rest)`: the one-hot label, the original's
    log-probabilities and its other outputs. `y_pred` is `(batch, num_classes + rest)`:
    probabilities or logits, and the other outputs.

    Args:
        weight: Of distillation; the labels have the rest.
        temperature: Softens both in the distillation term.
        from_logits: Whether the first columns of `y_pred` are logits.
        other_outputs: Columns of each output beside the classifier's.
    """

    def __init__(
        self,
        *,
        weight: float,
        temperature: float,
        from_logits: bool,
        other_outputs: tuple[int, ...] = (),
    ) -> None:
        super().__init__(name="distillation")
        self._other_outputs = other_outputs
        self._weight = weight
        self._temperature = temperature
        self._from_logits = from_logits

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each sample, `(batch,)`."""
        rest = sum(self._other_outputs)
        num_classes = y_pred.shape[-1] - rest
        y_pred = ops.cast(y_pred, "float32")
        classes = self._of_classes(y_true[:, : 2 * num_classes], y_pred[:, :num_classes])
        if not rest:
            return classes
        return classes + self._of_others(y_true[:, 2 * num_classes :], y_pred[:, num_classes:])

    def _of_classes(self, y_true: Any, predicted: Any) -> Any:
        one_hot, teacher = ops.split(y_true, 2, axis=-1)
        log_p = (
            ops.log_softmax(predicted)
            if self._from_logits
            else ops.log(ops.clip(predicted, TINY, 1.0))
        )
        hard = -ops.sum(one_hot * log_p, axis=-1)
        if self._weight == 0:
            return hard
        soft_teacher = ops.log_softmax(teacher / self._temperature)
        soft_child = ops.log_softmax(log_p / self._temperature)
        divergence = ops.sum(ops.exp(soft_teacher) * (soft_teacher - soft_child), axis=-1)
        return (1 - self._weight) * hard + self._weight * self._temperature**2 * divergence

    def _of_others(self, original: Any, predicted: Any) -> Any:
        total, start = 0.0, 0
        for size in self._other_outputs:
            wanted = original[:, start : start + size]
            apart = ops.mean(ops.square(predicted[:, start : start + size] - wanted), axis=-1)
            variance = ops.mean(ops.var(wanted, axis=0))
            least = _OF_MEAN_SQUARE * ops.mean(ops.square(wanted)) + TINY
            total, start = total + apart / (variance + least), start + size
        return total
