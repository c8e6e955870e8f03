"""How far outputs that nobody judges have moved from the original's."""

import numpy as np

_TINY = 1e-12


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
