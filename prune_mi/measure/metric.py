"""How sure a metric is of all samples, and how far outputs that nobody judges have moved."""

import math

import numpy as np

from prune_mi.measure.bounds import DEVIATIONS, accuracy_interval

_TINY = 1e-12  # variance of an output that does not vary


def quality_interval(scores: np.ndarray, weights: np.ndarray | None) -> tuple[float, float]:
    """The range that holds the metric on all samples of the kind, at 95 % confidence.

    Of a share of right answers Wilson's score interval; of other weighted means the normal one,
    with one sample more that is off where it weighs most, so that it is no point.

    Args:
        scores: What each sample scores, bool or float `(n,)`; 1 at most on average.
        weights: What each weighs, float64 `(n,)` with the sum 1; None: all alike.
    """
    if weights is None:
        if scores.dtype == bool:
            return accuracy_interval(float(np.mean(scores)), len(scores))
        weights = np.full(len(scores), 1 / len(scores))
    value, squares = float(weights @ scores), np.square(weights)
    apart = np.square(scores - value)
    missed = float(squares.max()) * (1.0 if scores.dtype == bool else float(apart.max()))
    reach = DEVIATIONS * math.sqrt(float(squares @ apart) + missed)
    low, high = value - reach, value + reach
    return (max(0.0, low) if scores.min() >= 0 else low), min(1.0, high)


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
