"""The paired bootstrap: how gains, and ranks, would vary with other samples.

All units are measured on the same images. A draw takes as many images with replacement and gives
every unit its gain on these, so that what all units have in common cancels between them.

Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, sections 6 and 13.
"""

import numpy as np

NUM_DRAWS = 400
_LEVEL = 0.95


def even_and_drawn(num_samples: int, *, seed: int) -> np.ndarray:
    """Weightings of the samples: all alike, then as often as each is drawn.

    Returns:
        float64 `(1 + NUM_DRAWS, num_samples)`, rows summing to 1.
    """
    rng = np.random.default_rng(seed)
    even = np.full(num_samples, 1 / num_samples)
    return np.vstack([even, rng.multinomial(num_samples, even, size=NUM_DRAWS) / num_samples])


def interval(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lower and upper end of each unit's central 95 % interval, `(num_units,)` each."""
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=1)
    return low, high


def probability_among_least(draws: np.ndarray, count: int) -> np.ndarray:
    """The share of draws in which each unit is among the `count` of smallest gain."""
    order = np.argsort(np.argsort(draws, axis=0, kind="stable"), axis=0)
    return np.asarray((order < count).mean(axis=1))
