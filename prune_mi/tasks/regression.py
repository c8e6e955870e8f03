"""Numbers for each sample.

    r2    mean over numbers of R^2 = 1 - E[(y - p)^2] / Var[y]
    mae   mean absolute error, the mean over numbers, in their unit

With e_i the squared error of sample i, t_i its squared distance from the mean, and m and v their
means, R^2 = 1 - m / v is linearised as score_i = R^2 - (e_i - m) / v + m (t_i - v) / v^2.
"""

import numpy as np

from prune_mi.tasks.head import Head
from prune_mi.tasks.metric import Metric, zero_at_chance
from prune_mi.tasks.task import Part, Task

_TINY = 1e-12  # variance of numbers that do not vary


def _errors(answers: np.ndarray, truth: np.ndarray, head: Head) -> np.ndarray:
    errors = np.abs(head.of(answers).astype(np.float64) - truth)
    return np.asarray(errors.mean(axis=1))


def _columns_of_r2(answers: np.ndarray, truth: np.ndarray, head: Head) -> np.ndarray:
    """Scores of each number by itself, float64 `(n, numbers)`."""
    wanted = truth.astype(np.float64)
    error = np.square(head.of(answers) - wanted)
    apart = np.square(wanted - wanted.mean(axis=0))
    mean, variance = error.mean(axis=0), np.maximum(apart.mean(axis=0), _TINY)
    scores = 1 - mean / variance
    return np.asarray(scores - (error - mean) / variance + mean * (apart / variance - 1) / variance)


def _r2(answers: np.ndarray, truth: np.ndarray, head: Head) -> np.ndarray:
    return np.asarray(_columns_of_r2(answers, truth, head).mean(axis=1))


def _error_of_median(truth: np.ndarray, num_numbers: int) -> float:
    return float(np.abs(truth - np.median(truth, axis=0)).mean())


def _divergence(known: np.ndarray, left: np.ndarray, head: Head) -> np.ndarray:
    """KL of normal distributions about the answers: (p - q)^2 / 2 v, v their variance, in bits."""
    before, after = (head.of(each).astype(np.float64) for each in (known, left))
    variance = np.maximum(before.var(axis=0), _TINY)
    return np.asarray((np.square(before - after) / variance).sum(axis=1) / 2 / np.log(2))


def _targets(truth: np.ndarray, teacher: np.ndarray | None, head: Head) -> np.ndarray:
    """The numbers and the original's, float32 `(n, 2 numbers)`."""
    known = np.zeros_like(truth) if teacher is None else head.of(teacher)
    return np.concatenate([truth, known], axis=1, dtype=np.float32)


def _parts(answers: np.ndarray, truth: np.ndarray, head: Head) -> list[Part]:
    scores, everyone = _columns_of_r2(answers, truth, head), np.ones(len(truth), bool)
    return [Part(place, everyone, scores[:, place]) for place in range(truth.shape[1])]


TASK = Task(
    name="regression",
    form="numbers",
    metrics=(
        Metric("r2", "R²", _r2, zero_at_chance, is_mean=False),
        Metric("mae", "mean absolute error", _errors, _error_of_median, is_error=True),
    ),
    loss="numbers",
    divergence=_divergence,
    targets=_targets,
    parts=_parts,
    part="number",
    by_part="R² by number",
    decisions=None,
)
