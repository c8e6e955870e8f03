"""What a network is trained towards, see `DistillationLoss`; arithmetic that knows no Keras."""

import numpy as np

TINY = 1e-7  # the least probability that has a logarithm here


def distillation_targets(
    labels: np.ndarray,
    teacher: np.ndarray | None,
    *,
    num_classes: int,
    others: np.ndarray | None = None,
) -> np.ndarray:
    """Packs labels and the original's log-probabilities for `DistillationLoss`.

    Args:
        labels: int `(n,)`.
        teacher: Log-probabilities float `(n, num_classes)`, or None where they are not used.
        num_classes: Number of classes.
        others: The original's other outputs side by side, float `(n, rest)`, or None.

    Returns:
        float32 `(n, 2 * num_classes + rest)`.
    """
    one_hot = np.eye(num_classes, dtype=np.float32)[labels]
    if teacher is None:
        teacher = np.zeros_like(one_hot)
    parts = [one_hot, teacher, *([] if others is None else [others])]
    return np.concatenate(parts, axis=1, dtype=np.float32)


def log_probabilities(outputs: np.ndarray, *, from_logits: bool) -> np.ndarray:
    """Turns a classifier's outputs `(n, num_classes)` into log-probabilities."""
    if from_logits:
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
    return np.asarray(np.log(np.clip(outputs, TINY, 1.0)))
