"""Class labels as users store them, turned into one integer a sample."""

import numpy as np

from prune_mi.errors import DataError


def integer_labels(labels: np.ndarray, *, where: str) -> np.ndarray:
    """Turns labels of any usual form into integers.

    Args:
        labels: Integers or whole-valued floats `(N,)` or `(N, 1)`, or one-hot rows `(N, C)`.
        where: How messages name the array, such as `y_train of digits.npz`.

    Returns:
        int64 `(N,)`; their range is not judged here.

    Raises:
        DataError: If the shape is none of these, a row is not one-hot, or a label is no whole
            number; the message names the first offending row.
    """
    if labels.dtype.kind not in "iufb":
        raise DataError(
            f"{where} holds {labels.dtype} values; expected integer class labels: "
            "replace each class by its number, counted from 0"
        )
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    elif labels.ndim == 2:
        return _from_one_hot(labels, where=where)
    if labels.ndim != 1:
        raise DataError(
            f"{where} has the shape {labels.shape}; expected one label an image, (N,), "
            "or one-hot rows, (N, classes)"
        )
    if labels.dtype.kind == "f":
        wrong = np.flatnonzero(~np.isfinite(labels) | (labels != np.round(labels)))
        if wrong.size:
            raise DataError(
                f"{where} holds non-integer labels, first {labels[wrong[0]]} in row {wrong[0]}; "
                "expected whole numbers from 0, one a class"
            )
    return labels.astype(np.int64)


def _from_one_hot(labels: np.ndarray, *, where: str) -> np.ndarray:
    one_hot = ((labels == 0) | (labels == 1)).all(axis=1) & (labels.sum(axis=1) == 1)
    wrong = np.flatnonzero(~one_hot)
    if wrong.size:
        raise DataError(
            f"{where} has the shape {labels.shape}, but row {wrong[0]} is not one-hot; "
            "expected a single 1 and zeros elsewhere, or integer labels of the shape (N,)"
        )
    classes: np.ndarray = np.argmax(labels, axis=1).astype(np.int64)
    return classes
