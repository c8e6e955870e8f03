"""What is kept: a metric as a weighted mean of what each sample scores.

Means of right answers are such by themselves. A metric f of the means m of some statistics s_i is
one to first order (the influence function; Hampel et al., Robust Statistics, 1986, chapter 2):

    score_i = f(m) + grad f(m) . (s_i - m),

whose mean is f(m). So drops from one model to another are told sample by sample for every metric,
with their errors (the delta method) and by the bootstrap.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from prune_mi.tasks.head import Head

Scores = Callable[[np.ndarray, np.ndarray, Head], np.ndarray]
"""From answers, truth and head to what each sample scores, bool or float `(n,)`."""


def even(truth: np.ndarray) -> np.ndarray | None:
    """All samples weigh alike."""
    return None


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric; 1 is perfect, more is better.

    Attributes:
        name: As `--metric` has it.
        words: For people, in a sentence.
        scores: What each sample scores; of an error, the error.
        chance: What the best constant answer gets, from the truth and the number of classes.
        weights: What each sample weighs, float64 `(n,)` with the sum 1; None: all alike.
        is_error: Whether it is an error in the unit of what is foretold, such as a mean absolute
            error. Inside it is counted as a share: 1 without any error, 0 at chance.
        is_mean: Whether each sample scores by itself; else scores are linearised, as above.
    """

    name: str
    words: str
    scores: Scores
    chance: Callable[[np.ndarray, int], float]
    weights: Callable[[np.ndarray], np.ndarray | None] = even
    is_error: bool = False
    is_mean: bool = True


def ratio_scores(parts: np.ndarray, wholes: np.ndarray) -> np.ndarray:
    """Scores of the mean over columns of ratios, sum of parts over sum of wholes.

    For a column f = p / w of the means p and w: score_i = f + (p_i - f w_i) / w.

    Args:
        parts: float `(n, columns)`.
        wholes: float `(n, columns)`; a column of zeros has no ratio and is left out.

    Returns:
        float64 `(n,)`, zeros where no column has a ratio.
    """
    whole = wholes.mean(axis=0)
    there = whole > 0
    if not there.any():
        return np.zeros(len(parts))
    parts, wholes, whole = parts[:, there], wholes[:, there], whole[there]
    ratios = parts.mean(axis=0) / whole
    return np.asarray((ratios + (parts - ratios * wholes) / whole).mean(axis=1))


def zero_at_chance(truth: np.ndarray, num_classes: int) -> float:
    """Of metrics that compare with the best constant answer, such as R²."""
    return 0.0


def commonest_share(labels: np.ndarray, num_classes: int) -> float:
    """What always naming the commonest class gets."""
    _, counts = np.unique(labels, return_counts=True)
    return float(counts.max() / labels.size)
