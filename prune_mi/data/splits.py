"""What splits are called, and stratified choices of samples: each class keeps its share."""

import numpy as np

SPLIT_WORDS = {
    word: split
    for split, words in {
        "train": "train training",
        "val": "val valid validation",
        "test": "test testing",
    }.items()
    for word in words.split()
}
"""What people call the splits, and the names that they have here."""


def stratified_split(
    labels: np.ndarray, *, fraction: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Splits samples in two, each class alike.

    Args:
        labels: int `(N,)`.
        fraction: Share held out, in [0, 1].
        rng: Chooses the samples.

    Returns:
        Sorted int64 indices `(rest, held_out)`, together every sample once. `held_out` has
        `round(fraction * N)` samples, and of each class its exact share within one sample.

    Raises:
        ValueError: If `fraction` is out of range or `labels` is not one-dimensional.
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction is {fraction}; expected a share in [0, 1]")
    held_out = _choose(labels, fraction, round(fraction * len(labels)), rng)
    return np.setdiff1d(np.arange(len(labels)), held_out, assume_unique=True), held_out


def stratified_sample(labels: np.ndarray, *, size: int, rng: np.random.Generator) -> np.ndarray:
    """Chooses samples so that each class keeps its share within one sample.

    Args:
        labels: int `(N,)`.
        size: Samples wanted; all are taken where there are fewer.
        rng: Chooses the samples.

    Returns:
        Sorted int64 indices `(min(size, N),)`.

    Raises:
        ValueError: If `size` is negative or `labels` is not one-dimensional.
    """
    if size < 0:
        raise ValueError(f"size is {size}; expected a number of samples, at least 0")
    if size >= len(labels):
        return np.arange(len(labels))
    return _choose(labels, size / len(labels), size, rng)


def _choose(
    labels: np.ndarray, fraction: float, total: int, rng: np.random.Generator
) -> np.ndarray:
    if labels.ndim != 1:
        raise ValueError(f"labels have the shape {labels.shape}; expected (num_samples,)")
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    # Largest-remainder apportionment; equal remainders are ordered at random, lest the first
    # classes always win.
    shares = counts * fraction
    quotas = np.floor(shares).astype(np.int64)
    lottery = rng.permutation(len(counts))
    by_remainder = lottery[np.argsort(-(shares - quotas)[lottery], kind="stable")]
    quotas[by_remainder[: total - int(quotas.sum())]] += 1
    # Shuffled, then grouped by class: the first `quota` of each group are a random choice.
    shuffled = rng.permutation(len(labels))
    grouped = shuffled[np.argsort(classes[shuffled], kind="stable")]
    rank_in_class = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(grouped[rank_in_class < np.repeat(quotas, counts)])
