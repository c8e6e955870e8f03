"""The loss of a child: its labels, and the original model's outputs.

    L = (1 - d) CE(y, p) + d T^2 KL(q_T || p_T),   q_T = softmax(log q / T)

with d the weight of distillation, q the original's class probabilities and p the child's. Softmax
is invariant to a shift of its argument, so log-probabilities serve in place of logits.

Source: Hinton, Vinyals, Dean (2015), Distilling the Knowledge in a Neural Network.
"""

import keras
import numpy as np
from keras import ops

_TINY = 1e-7


class DistillationLoss(keras.losses.Loss):
    """Cross-entropy and distillation in one.

    `y_true` is float `(batch, 2 * num_classes)`: the one-hot label beside the original's
    log-probabilities. `y_pred` is `(batch, num_classes)`, probabilities or logits.
    """

    def __init__(self, *, weight: float, temperature: float, from_logits: bool) -> None:
        super().__init__(name="distillation")
        self._weight = weight
        self._temperature = temperature
        self._from_logits = from_logits

    def call(self, y_true: object, y_pred: object) -> object:
        """The loss of each sample, `(batch,)`."""
        one_hot, teacher = ops.split(y_true, 2, axis=-1)
        predicted = ops.cast(y_pred, "float32")
        log_p = (
            ops.log_softmax(predicted)
            if self._from_logits
            else ops.log(ops.clip(predicted, _TINY, 1.0))
        )
        hard = -ops.sum(one_hot * log_p, axis=-1)
        if self._weight == 0:
            return hard
        soft_teacher = ops.log_softmax(teacher / self._temperature)
        soft_child = ops.log_softmax(log_p / self._temperature)
        divergence = ops.sum(ops.exp(soft_teacher) * (soft_teacher - soft_child), axis=-1)
        return (1 - self._weight) * hard + self._weight * self._temperature**2 * divergence


def distillation_targets(
    labels: np.ndarray, teacher: np.ndarray | None, *, num_classes: int
) -> np.ndarray:
    """Packs labels and the original's log-probabilities for `DistillationLoss`.

    Args:
        labels: int `(n,)`.
        teacher: Log-probabilities float `(n, num_classes)`, or None where they are not used.
        num_classes: Number of classes.

    Returns:
        float32 `(n, 2 * num_classes)`.
    """
    one_hot = np.eye(num_classes, dtype=np.float32)[labels]
    if teacher is None:
        teacher = np.zeros_like(one_hot)
    return np.concatenate([one_hot, teacher.astype(np.float32)], axis=1)


def log_probabilities(outputs: np.ndarray, *, from_logits: bool) -> np.ndarray:
    """Turns a classifier's outputs `(n, num_classes)` into log-probabilities."""
    if from_logits:
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
    return np.asarray(np.log(np.clip(outputs, _TINY, 1.0)))
