"""How often answers are right."""

import numpy as np

NO_ANSWER = -1  # in place of a class, where outputs are not finite


def accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    """The fraction of rows whose largest output is at the label."""
    return float(np.mean(outputs.argmax(axis=1) == labels))


def answers_of(outputs: np.ndarray, num_classes: int) -> np.ndarray:
    """The class that each row answers, int `(n,)`; `NO_ANSWER` where it holds NaN or infinity.

    Args:
        outputs: float `(n, columns)`.
        num_classes: How many of the columns, the first ones, are of classes.
    """
    classes = outputs[:, :num_classes]
    return np.where(np.isfinite(classes).all(axis=1), classes.argmax(axis=1), NO_ANSWER)


def is_probabilities(outputs: np.ndarray) -> bool:
    """Whether rows are distributions over classes; otherwise they are taken for logits."""
    return bool(outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1.0, atol=2e-2))
