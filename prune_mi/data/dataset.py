"""Labelled images, or other samples, in roles (train, test, perhaps val), and their checks.

Labels may come in any form in which users store them. Short digests tell which images are the same.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from prune_mi.errors import DataError

# Bounds the temporaries of what is computed on all images, in pixels.
_CHUNK_PIXELS = 1 << 22
_DIGEST = 16  # bytes


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Images, or samples of any other shape, with their labels.

    Attributes:
        x_train, x_test, x_val: Raw values, float32 or uint8: images `(N, H, W, C)` or `(N, H, W)`,
            else `(N, ...)`; `x_val` is None where the user gave no validation images.
        y_train, y_test, y_val: int64 `(N,)`, classes counted from 0.
        class_names: One a class, or empty where unknown.
        source: What the user asked for: a name or a path.
        notes: What loading decided on its own and the user should know.
        split_here: Whether the images came without a split, so that a model may know all of them.
        input_shapes: Where `x` holds several inputs flattened side by side, the shape of each.
        order_known: Whether the classes are in an order that all models of this data have, or that
            the user has said; class folders have none, and the numbers of an array may be others.
        full_value: The value of a full-bright pixel where the files say it; None: by the values.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    x_val: np.ndarray | None
    y_val: np.ndarray | None
    class_names: tuple[str, ...]
    source: str
    notes: tuple[str, ...] = ()
    input_shapes: tuple[tuple[int, ...], ...] = ()
    split_here: bool = False
    order_known: bool = True
    full_value: float | None = None

    @property
    def num_classes(self) -> int:
        """Classes by name, or else the highest label of any split plus one."""
        if self.class_names:
            return len(self.class_names)
        return 1 + max(int(labels.max()) for _, _, labels in self.splits())

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one sample; `(H, W, C)` or `(H, W)` of an image."""
        return self.x_train.shape[1:]

    def splits(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Yields the name, images and labels of each split that is there."""
        yield "train", self.x_train, self.y_train
        yield "test", self.x_test, self.y_test
        if self.x_val is not None and self.y_val is not None:
            yield "val", self.x_val, self.y_val

    def mapped(
        self,
        *,
        samples: Callable[[np.ndarray], np.ndarray] = lambda each: each,
        labels: Callable[[np.ndarray], np.ndarray] = lambda each: each,
    ) -> "Dataset":
        """The same with the samples, or the labels, of every split changed."""
        changed: dict[str, Any] = {}
        for split, x, y in self.splits():
            changed |= {f"x_{split}": samples(x), f"y_{split}": labels(y)}
        return replace(self, **changed)


def validate_dataset(dataset: Dataset) -> None:
    """Checks that a data set can be used at all, whatever the model.

    Raises:
        DataError: Names the first fault found: an array of the wrong type or rank, an empty split,
            lengths or image shapes that differ, pixels that are NaN or infinite, labels that are
            non-integer, negative or without a class name.
    """
    if (dataset.x_val is None) != (dataset.y_val is None):
        there, missing = ("x_val", "y_val") if dataset.y_val is None else ("y_val", "x_val")
        raise DataError(
            f"{dataset.source} has {there} but no {missing}; expected both or neither: add it"
        )
    for split, images, labels in dataset.splits():
        where = f"{split} split of {dataset.source}"
        _check_images(images, where)
        _check_labels(labels, images, where, dataset.class_names)
        if images.shape[1:] != dataset.image_shape:
            raise DataError(
                f"images of the {where} have the shape {images.shape[1:]}, those of the train "
                f"split {dataset.image_shape}; expected equal shapes: resize one of them"
            )


def _check_images(images: np.ndarray, where: str) -> None:
    if images.dtype not in (np.uint8, np.float32):
        raise DataError(
            f"images of the {where} are {images.dtype}; expected uint8 or float32: convert them"
        )
    if images.ndim < 2:
        raise DataError(
            f"images of the {where} have the shape {images.shape}; expected (N, height, width, "
            "channels), or one row for each sample if they are not images: reshape the array"
        )
    if images.size == 0:
        raise DataError(
            f"the {where} is empty, its images have the shape {images.shape}; expected at least "
            "one image: add images to it"
        )
    check_values(images, f"images of the {where}")


def check_values(images: np.ndarray, where: str) -> None:
    """Checks that all values are finite; whole numbers are.

    Raises:
        DataError: Names the first sample with one that is not.
    """
    if images.dtype == np.uint8 or images.size == 0:
        return
    start = 0
    for chunk in chunks(images):
        finite = np.isfinite(chunk)
        if not finite.all():
            first = start + int(np.flatnonzero(~finite.reshape(len(finite), -1).all(axis=1))[0])
            raise DataError(
                f"{where} hold NaN or infinite pixels, first in image {first}; "
                "expected finite numbers: remove or repair these images"
            )
        start += len(chunk)


def chunks(images: np.ndarray) -> Iterator[np.ndarray]:
    """Some images at a time, in order, at least one each; there is one or more."""
    step = max(1, _CHUNK_PIXELS // images[0].size)
    for start in range(0, len(images), step):
        yield images[start : start + step]


def _check_labels(
    labels: np.ndarray, images: np.ndarray, where: str, class_names: tuple[str, ...]
) -> None:
    if labels.dtype.kind not in "iu":
        raise DataError(
            f"labels of the {where} are non-integer ({labels.dtype}); expected whole numbers from "
            "0, one a class: convert them"
        )
    if labels.ndim != 1 or len(labels) != len(images):
        raise DataError(
            f"the {where} has {len(images)} images but labels of the shape {labels.shape}; "
            "expected one label an image: drop what is unpaired"
        )
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0:
        raise DataError(
            f"labels of the {where} hold negative values, the lowest {lowest}; expected classes "
            "counted from 0: renumber them"
        )
    if class_names and highest >= len(class_names):
        raise DataError(
            f"labels of the {where} reach {highest}, but there are {len(class_names)} class "
            f"names; expected labels in 0..{len(class_names) - 1}: name every class or renumber"
        )


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


def image_digests(images: np.ndarray) -> np.ndarray:
    """A digest of each image, uint8 `(N, 16)`: another one for other values, shapes or dtypes.

    Args:
        images: `(N, ...)`, any dtype.
    """
    array = np.ascontiguousarray(images)
    start = hashlib.blake2b(f"{array.dtype.str}{array.shape[1:]}".encode(), digest_size=_DIGEST)
    found = np.empty((len(array), _DIGEST), dtype=np.uint8)
    for place, image in enumerate(array):
        digest = start.copy()
        digest.update(image.tobytes())
        found[place] = np.frombuffer(digest.digest(), dtype=np.uint8)
    return found
