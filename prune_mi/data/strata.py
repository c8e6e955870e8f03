"""Groups of samples that are alike in their labels, for splits and samples that keep shares."""

import numpy as np

from prune_mi.data.labels import LabelForm

_MOST_GROUPS = 16
_BINS = 10


def strata(labels: np.ndarray, form: LabelForm) -> np.ndarray:
    """The group of each sample, int64 `(N,)`; samples of one group have like labels.

    Args:
        labels: In their form; see `LabelForm`.
        form: `classes` are groups themselves. `flags` are grouped by which of them are set, or,
            where there are more than 16 such sets, by how many are set. `numbers` fall into ten
            bins of equally many along the direction in which they differ most. `masks` are grouped
            by their commonest class. Of `none` all are of one group.
    """
    if form == "flags":
        return _of_flags(labels)
    if form == "numbers":
        return _of_numbers(labels)
    if form == "masks":
        return np.fromiter(
            (np.bincount(mask.ravel()).argmax() for mask in labels), np.int64, len(labels)
        )
    return labels.astype(np.int64, copy=False)


def _of_flags(flags: np.ndarray) -> np.ndarray:
    sets, places = np.unique(flags, axis=0, return_inverse=True)
    if len(sets) <= _MOST_GROUPS:
        return places.reshape(-1).astype(np.int64)
    return np.asarray(flags.sum(axis=1, dtype=np.int64).clip(max=_MOST_GROUPS - 1))


def _of_numbers(numbers: np.ndarray) -> np.ndarray:
    values = numbers.astype(np.float64)
    values = values - values.mean(axis=0)
    deviation = values.std(axis=0)
    values /= np.where(deviation > 0, deviation, 1.0)  # a constant column says nothing
    if values.shape[1] > 1:
        direction = np.linalg.eigh(values.T @ values)[1][:, -1]
        # Either sign is an eigenvector: one is chosen, lest it hang on the library.
        values = values @ (direction * np.sign(direction[np.abs(direction).argmax()]))
    values = values.reshape(-1)
    bounds = np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1])
    return np.asarray(np.searchsorted(bounds, values, side="right"), dtype=np.int64)
