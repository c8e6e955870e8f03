"""How far outputs that nobody judges have moved from the original's."""

import numpy as np

_TINY = 1e-12


def unexplained_share(original: np.ndarray, received: np.ndarray) -> float:
    """The share of an output's variance that the received output does not explain, 1 - R^2.

    Args:
        original: The original's output, `(n, columns)`.
        received: Another model's, on the same samples.

    Returns:
        The mean squared difference over the original's variance about the mean of each column: 0
        where nothing moved, 1 where the mean would have done as well, and more where it is worse.
        An output that does not vary is measured against its mean square.
    """
    expected, got = original.astype(np.float64), received.astype(np.float64)
    scale = float(expected.var(axis=0).mean()) or float(np.square(expected).mean())
    return float(np.square(got - expected).mean() / max(scale, _TINY))


def unexplained_shares(
    original: np.ndarray, received: np.ndarray, sizes: tuple[int, ...]
) -> list[float]:
    """`unexplained_share` of each of several outputs side by side, `sizes` columns each."""
    bounds = np.cumsum(sizes)[:-1]
    pairs = zip(np.split(original, bounds, axis=1), np.split(received, bounds, axis=1), strict=True)
    return [unexplained_share(*pair) for pair in pairs]
