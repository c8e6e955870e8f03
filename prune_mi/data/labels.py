"""Class labels as users store them, turned into one integer a sample."""

from collections.abc import Iterable

import numpy as np

from prune_mi.errors import DataError


def integer_labels(labels: np.ndarray, *, where: str) -> np.ndarray:
    """Turns labels of any usual form into integers.

    Args:
        labels: Integers or whole-valued floats `(N,)` or `(N, 1)`, or one-hot rows `(N, C)`. The
            -1 and 1 of a hinge loss become 0 and 1.
        where: How messages name the array, such as `y_train of digits.npz`.

    Returns:
        int64 `(N,)`; their range is not judged here.

    Raises:
        DataError: If the shape is none of these, a row is not one-hot, or a label is no whole
            number; the message names the first offending row, and what such labels are.
    """
    if labels.dtype.kind not in "iufb":
        raise DataError(
            f"{where} holds {labels.dtype} values; expected integer class labels: "
            "replace each class by its number, counted from 0"
        )
    if labels.ndim > 1 and labels.size == len(labels):
        labels = labels.reshape(len(labels))
    elif labels.ndim == 2:
        return _from_one_hot(labels, where=where)
    if labels.ndim != 1:
        raise DataError(
            f"{where} has the shape {labels.shape}; expected one label an image, (N,), "
            "or one-hot rows, (N, classes)"
            + (
                ". A class for each pixel is segmentation, which cannot be optimized yet (planned "
                "for a later version)"
                if labels.ndim > 2
                else ""
            )
        )
    if labels.dtype.kind == "f":
        wrong = np.flatnonzero(~np.isfinite(labels) | (labels != np.round(labels)))
        if wrong.size:
            raise DataError(
                f"{where} holds non-integer labels, first {labels[wrong[0]]} in row {wrong[0]}; "
                "expected whole numbers from 0, one for each class. Predicting numbers is "
                "regression, which cannot be optimized yet (planned for a later version)"
            )
    integers = labels.astype(np.int64)
    return (integers + 1) // 2 if has_signs(integers) else integers


def has_signs(labels: np.ndarray) -> bool:
    """Whether labels are the -1 and 1 of a hinge loss, which are two classes."""
    return bool(labels.size) and bool(np.isin(labels, (-1, 1)).all() and labels.min() == -1)


def label_notes(labels: Iterable[np.ndarray]) -> tuple[str, ...]:
    """What the user should know of how labels were read, before they were integers."""
    signs = any(has_signs(each) for each in labels)
    return ("The labels -1 and 1 are two classes: -1 is class 0, 1 is class 1.",) if signs else ()


def _from_one_hot(labels: np.ndarray, *, where: str) -> np.ndarray:
    one_hot = ((labels == 0) | (labels == 1)).all(axis=1) & (labels.sum(axis=1) == 1)
    wrong = np.flatnonzero(~one_hot)
    if wrong.size:
        raise DataError(
            f"{where} has the shape {labels.shape}, but row {wrong[0]} is not one-hot; "
            "expected a single 1 and zeros elsewhere, or integer labels of the shape (N,). "
            f"{_what_rows_are(labels)}"
        )
    classes: np.ndarray = np.argmax(labels, axis=1).astype(np.int64)
    return classes


def _what_rows_are(labels: np.ndarray) -> str:
    """What rows that are not one-hot may be, as a sentence without its full stop."""
    if ((labels == 0) | (labels == 1)).all():
        return (
            "Several classes, or none, for one sample are multi-label classification, which cannot "
            "be optimized yet (planned for a later version). The closest supported model has one "
            "sigmoid unit, and labels 0 and 1 of shape (N,), for the class that matters most"
        )
    if (labels >= 0).all() and np.allclose(labels.sum(axis=1), 1.0, atol=1e-3):
        return "If these are probabilities, pass the number of the most likely class of each sample"
    return (
        "Several numbers for each sample are regression, which cannot be optimized yet (planned "
        "for a later version)"
    )
