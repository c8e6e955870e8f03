"""What is known of samples, in the forms that it comes in: classes, flags, numbers, masks, nothing.

Users store each form in several ways; here every one becomes the one array that the rest reads.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, get_args

import numpy as np

from prune_mi.errors import DataError

LabelForm = Literal["classes", "flags", "numbers", "masks", "none"]
"""`classes`: int64 `(N,)`. `flags`, several yes or no: uint8 `(N, labels)`, each 0 or 1.
`numbers`: float32 `(N, k)`. `masks`, a class for each pixel: uint8 or int32 `(N, H, W)`. `none`:
there are no labels, and int64 zeros `(N,)` stand for them."""

LABEL_FORMS: tuple[LabelForm, ...] = get_args(LabelForm)

FormChoice = Callable[[np.ndarray | None], LabelForm]
"""From the training labels as they are stored, None where there are none, to their form."""

_WHITE = 255  # of the foreground, as programs draw masks of two classes


def as_classes(labels: np.ndarray | None) -> LabelForm:
    """The form of labels where nobody asks for another."""
    return "classes"


def as_form(labels: np.ndarray, form: LabelForm, *, where: str) -> np.ndarray:
    """Brings labels of any usual storage to a form.

    Args:
        labels: As stored; of `none` only their number counts.
        form: What they are to be.
        where: How messages name the array, such as `y_train of digits.npz`.

    Returns:
        The form's array; see `LabelForm`.

    Raises:
        DataError: If they are of another form; the message names the first row that says so.
    """
    if form == "classes":
        return integer_labels(labels, where=where)
    if form == "flags":
        return _flags(labels, where)
    if form == "numbers":
        return _numbers(labels, where)
    if form == "masks":
        return _masks(labels, where)
    return np.zeros(len(labels), dtype=np.int64)


def labels_of_splits(
    stored: Mapping[str, np.ndarray], form: LabelForm, *, source: str
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The labels of every split in one form, and what the user should know of how they were read.

    Masks of 0 and 255 alone, in all splits, become 0 and 1.

    Args:
        stored: As stored, by split.
        form: What they are to be.
        source: The file or whatever else they come from.

    Raises:
        DataError: As `as_form` does.
    """
    found = {
        split: as_form(labels, form, where=f"y_{split} of {source}")
        for split, labels in stored.items()
    }
    if form != "masks" or not _is_black_and_white(found.values()):
        return found, label_notes(stored.values(), form)
    binary = {split: (masks == _WHITE).astype(np.uint8) for split, masks in found.items()}
    return binary, ("The masks hold only 0 and 255: 0 is class 0, 255 is class 1.",)


def label_notes(labels: Iterable[np.ndarray], form: LabelForm = "classes") -> tuple[str, ...]:
    """What the user should know of how labels were read, before they had their form."""
    if form == "classes" and any(has_signs(each) for each in labels):
        return ("The labels -1 and 1 are two classes: -1 is class 0, 1 is class 1.",)
    if form == "flags" and any(has_signs(each) for each in labels):
        return ("The labels are -1 and 1: -1 is no, 1 is yes.",)
    return ()


def sample_weights(weights: np.ndarray, *, where: str) -> np.ndarray:
    """How much each sample counts, float32 `(N,)`; their range is not judged here.

    Raises:
        DataError: If they are no numbers, or there are several for each sample.
    """
    if weights.dtype.kind not in "iufb" or weights.size != len(weights):
        raise DataError(
            f"{where} holds {weights.dtype} values of the shape {weights.shape}; expected one "
            "number for each training sample, (N,)"
        )
    return weights.reshape(len(weights)).astype(np.float32)


def integer_labels(labels: np.ndarray, *, where: str) -> np.ndarray:
    """Turns classes of any usual storage into integers.

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
            + (". A class for each pixel is segmentation" if labels.ndim > 2 else "")
        )
    if labels.dtype.kind == "f":
        wrong = np.flatnonzero(~np.isfinite(labels) | (labels != np.round(labels)))
        if wrong.size:
            raise DataError(
                f"{where} holds non-integer labels, first {labels[wrong[0]]} in row {wrong[0]}; "
                "expected whole numbers from 0, one for each class. Predicting numbers is "
                "regression"
            )
    integers = labels.astype(np.int64)
    return (integers + 1) // 2 if has_signs(integers) else integers


def has_signs(labels: np.ndarray) -> bool:
    """Whether labels are the -1 and 1 of a hinge loss, which are two classes."""
    return bool(labels.size) and bool(np.isin(labels, (-1, 1)).all() and labels.min() == -1)


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
            "Several classes, or none, for one sample are multi-label classification, which needs "
            "a model with a sigmoid unit for each class"
        )
    if (labels >= 0).all() and np.allclose(labels.sum(axis=1), 1.0, atol=1e-3):
        return "If these are probabilities, pass the number of the most likely class of each sample"
    return "Several numbers for each sample are regression"


def _rows(labels: np.ndarray, where: str, expected: str) -> np.ndarray:
    """Numbers as rows, `(N, columns)`; others are refused."""
    if labels.dtype.kind not in "iufb":
        raise DataError(f"{where} holds {labels.dtype} values; {expected}")
    if labels.ndim == 1:
        labels = labels[:, None]
    if labels.ndim != 2 or not labels.shape[1]:
        raise DataError(f"{where} has the shape {labels.shape}; {expected}")
    return labels


def _flags(labels: np.ndarray, where: str) -> np.ndarray:
    expected = "expected rows of 0 and 1, (N, labels), one column for each label"
    labels = _rows(labels, where, expected)
    signs = has_signs(labels)
    right = np.isin(labels, (-1, 1) if signs else (0, 1))
    wrong = np.flatnonzero(~right.all(axis=1))
    if wrong.size:
        row = labels[wrong[0]]
        value = row[np.flatnonzero(~right[wrong[0]])[0]]
        hint = (
            ". Numbers of classes must become one column of 0 and 1 for each class"
            if labels.shape[1] == 1 and float(value).is_integer()
            else ""
        )
        raise DataError(f"{where} holds {value} in row {wrong[0]}; {expected}{hint}")
    return np.asarray(labels > 0).astype(np.uint8)


def _numbers(labels: np.ndarray, where: str) -> np.ndarray:
    expected = "expected numbers, (N,), or several for each sample, (N, numbers)"
    labels = _rows(labels, where, expected)
    with np.errstate(over="ignore"):  # what overflows becomes infinite
        numbers = labels.astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
    if wrong.size:
        raise DataError(
            f"{where} holds {labels[wrong[0]].tolist()} in row {wrong[0]}; expected finite "
            "numbers: remove or repair these samples"
        )
    return numbers


def _masks(labels: np.ndarray, where: str) -> np.ndarray:
    expected = (
        "expected masks (N, height, width) of whole numbers from 0, a class for each pixel, or "
        "one-hot pixels (N, height, width, classes)"
    )
    if labels.dtype.kind not in "iufb":
        raise DataError(f"{where} holds {labels.dtype} values; {expected}")
    if labels.ndim == 4 and labels.shape[3] == 1:
        labels = labels[..., 0]
    if labels.ndim not in (3, 4):
        told = " One label for each image is classification" if labels.ndim == 1 else ""
        raise DataError(f"{where} has the shape {labels.shape}; {expected}.{told}".rstrip("."))
    if labels.ndim == 4:
        classes = np.empty(labels.shape[:3], dtype=np.uint8 if labels.shape[3] <= 256 else np.int32)
        for place, mask in enumerate(labels):  # one at a time: they may not fit in memory
            if not (((mask == 0) | (mask == 1)).all() and (mask.sum(axis=2) == 1).all()):
                raise DataError(
                    f"{where} has the shape {labels.shape}, but mask {place} is not one-hot; "
                    f"{expected}"
                )
            classes[place] = mask.argmax(axis=2)
        return classes
    lowest = highest = 0
    for place, mask in enumerate(labels):
        if mask.dtype.kind == "f" and not (
            np.isfinite(mask).all() and (mask == np.round(mask)).all()
        ):
            raise DataError(f"{where} holds numbers in mask {place} that are not whole; {expected}")
        low, high = (int(mask.min()), int(mask.max())) if mask.size else (0, 0)
        lowest, highest = min(lowest, low), max(highest, high)
        if lowest < 0 or highest >= 2**31:
            raise DataError(
                f"{where} holds {low if lowest < 0 else high} in mask {place}; {expected}: "
                "renumber the classes"
            )
    return labels.astype(np.uint8 if highest <= 255 else np.int32, copy=False)


def _is_black_and_white(masks: Iterable[np.ndarray]) -> bool:
    """Whether only 0 and 255 are there, and 255 is."""
    found = False
    for split in masks:
        for mask in split:
            white = mask == _WHITE
            if not (white | (mask == 0)).all():
                return False
            found = found or bool(white.any())
    return found
