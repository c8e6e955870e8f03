"""What is kept while a model becomes smaller: accuracy, or its mean over the classes.

Both are weighted means of right answers, sum of w_i [answer i is right] with weights that sum to 1:

    accuracy   w_i = 1 / n
    balanced   w_i = 1 / (C n_c),  n_c the images of the class c of image i, C the classes present

so whatever is said of the one by weights holds for the other. Of outputs that nobody judges it is
told how far they have moved.
"""

import math

import numpy as np

from prune_mi.config import Metric
from prune_mi.measure.bounds import DEVIATIONS, accuracy_interval

_TINY = 1e-12  # variance of an output that does not vary


def image_weights(labels: np.ndarray, metric: Metric) -> np.ndarray:
    """What each image weighs in a metric.

    Args:
        labels: int `(n,)`, at least one.
        metric: `accuracy`, or `balanced`, the mean of the classes' accuracies.

    Returns:
        float64 `(n,)`, above 0; they sum to 1.
    """
    if metric == "accuracy":
        return np.full(len(labels), 1 / len(labels))
    _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray(1 / (len(counts) * counts[places]))


def quality(correct: np.ndarray, labels: np.ndarray, metric: Metric) -> float:
    """The metric of some answers, in [0, 1].

    Args:
        correct: bool `(n,)`, whether each answer is right.
        labels: int `(n,)`.
        metric: See `image_weights`.
    """
    if metric == "accuracy":
        return float(np.mean(correct))
    return float(image_weights(labels, metric) @ correct)


def quality_interval(
    correct: np.ndarray, labels: np.ndarray, metric: Metric
) -> tuple[float, float]:
    """The range that holds the metric on all images of the kind, at 95 % confidence.

    Of accuracy Wilson's score interval; of the mean over classes the normal one, with one answer
    more that is wrong where it weighs most, so that it is no point where all are right.

    Args:
        correct: bool `(n,)`, whether each answer is right.
        labels: int `(n,)`.
        metric: See `image_weights`.
    """
    if metric == "accuracy":
        return accuracy_interval(float(np.mean(correct)), len(correct))
    weights = image_weights(labels, metric)
    _, places = np.unique(labels, return_inverse=True)
    counts = np.bincount(places)
    means = np.bincount(places, weights=correct) / counts
    squares = np.square(weights)
    variance = float(squares @ np.square(correct - means[places]) + squares.max())
    value, reach = float(weights @ correct), DEVIATIONS * math.sqrt(variance)
    return max(0.0, value - reach), min(1.0, value + reach)


def chance_level(labels: np.ndarray, metric: Metric) -> float:
    """What always naming the commonest class gets: its share, or one of the classes present.

    Args:
        labels: int `(n,)`.
        metric: See `image_weights`.
    """
    _, counts = np.unique(labels, return_counts=True)
    return 1 / len(counts) if metric == "balanced" else float(counts.max() / len(labels))


def unexplained_shares(
    original: np.ndarray, received: np.ndarray, sizes: tuple[int, ...]
) -> list[float]:
    """The share of each output's variance that the received output does not explain, 1 - R^2.

    Args:
        original: The original's outputs side by side, `(n, columns)`.
        received: Another model's, on the same samples.
        sizes: Columns of each output.

    Returns:
        The mean squared difference over the original's variance about the mean of each column: 0
        where nothing moved, 1 where the mean would have done as well, and more where it is worse.
        An output that does not vary is measured against its mean square.
    """
    shares = []
    bounds = np.cumsum(sizes)[:-1]
    for expected, got in zip(
        np.split(original.astype(np.float64), bounds, axis=1),
        np.split(received.astype(np.float64), bounds, axis=1),
        strict=True,
    ):
        scale = float(expected.var(axis=0).mean()) or float(np.square(expected).mean())
        shares.append(float(np.square(got - expected).mean() / max(scale, _TINY)))
    return shares
