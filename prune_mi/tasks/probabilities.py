"""Probabilities and their logarithms; arithmetic that knows no Keras."""

import numpy as np

TINY = 1e-7  # the least probability that has a logarithm here


def log_probabilities(outputs: np.ndarray, *, from_logits: bool) -> np.ndarray:
    """Turns a classifier's outputs `(n, num_classes)` into log-probabilities."""
    if from_logits:
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
    return np.asarray(np.log(np.clip(outputs, TINY, 1.0)))
