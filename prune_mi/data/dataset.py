"""Labelled images, or other samples, in roles (train, test, perhaps val), and their checks.

Short digests tell which images are the same.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from prune_mi.data.chunks import chunks
from prune_mi.data.labels import LabelForm
from prune_mi.errors import DataError

_DIGEST = 16  # bytes


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Images, or samples of any other shape, with their labels.

    Attributes:
        x_train, x_test, x_val: Raw values, float32 or uint8: images `(N, H, W, C)` or `(N, H, W)`,
            else `(N, ...)`; `x_val` is None where the user gave no validation images.
        y_train, y_test, y_val: Labels in the form that `form` says; int64 `(N,)`, classes counted
            from 0, where it is `classes`.
        class_names: One a class, a flag or a number to predict, or empty where unknown.
        source: What the user asked for: a name or a path.
        notes: What loading decided on its own and the user should know.
        split_here: Whether the images came without a split, so that a model may know all of them.
        input_shapes: Where `x` holds several inputs flattened side by side, the shape of each.
        order_known: Whether the classes are in an order that all models of this data have, or that
            the user has said; class folders have none, and the numbers of an array may be others.
        full_value: The value of a full-bright pixel where the files say it; None: by the values.
        form: What the labels are; see `LabelForm`.
        w_train: How much each training sample counts, float32 `(N,)` of at least 0; None: alike.
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
    form: LabelForm = "classes"
    w_train: np.ndarray | None = None

    @property
    def num_classes(self) -> int:
        """Classes by name, or else the highest label of any split plus one.

        Of flags and numbers how many there are for each sample; 0 where there are no labels.
        """
        if self.form == "none":
            return 0
        if self.form in ("flags", "numbers"):
            return int(self.y_train.shape[1])
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
            not of their form, negative or without a class name, weights that are no such.
    """
    if (dataset.x_val is None) != (dataset.y_val is None):
        there, missing = ("x_val", "y_val") if dataset.y_val is None else ("y_val", "x_val")
        raise DataError(
            f"{dataset.source} has {there} but no {missing}; expected both or neither: add it"
        )
    for split, images, labels in dataset.splits():
        where = f"{split} split of {dataset.source}"
        _check_images(images, where)
        _check_labels(labels, images, where, dataset.class_names, dataset.form)
        if images.shape[1:] != dataset.image_shape:
            raise DataError(
                f"images of the {where} have the shape {images.shape[1:]}, those of the train "
                f"split {dataset.image_shape}; expected equal shapes: resize one of them"
            )
        if labels.shape[1:] != dataset.y_train.shape[1:]:
            raise DataError(
                f"labels of the {where} have the shape {labels.shape[1:]}, those of the train "
                f"split {dataset.y_train.shape[1:]}; expected equal shapes"
            )
    if dataset.w_train is not None:
        _check_weights(dataset.w_train, dataset)


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


def _check_labels(
    labels: np.ndarray,
    images: np.ndarray,
    where: str,
    class_names: tuple[str, ...],
    form: LabelForm,
) -> None:
    kinds, expected = _LABEL_KINDS[form]
    if labels.dtype.kind not in kinds:
        fault = f"non-integer ({labels.dtype})" if form == "classes" else str(labels.dtype)
        raise DataError(f"labels of the {where} are {fault}; expected {expected}: convert them")
    if labels.ndim != _LABEL_AXES[form] or len(labels) != len(images):
        raise DataError(
            f"the {where} has {len(images)} images but labels of the shape {labels.shape}; "
            f"expected one {_LABEL_NOUNS[form]} an image: drop what is unpaired"
        )
    if form in ("classes", "masks"):
        _check_range(labels, where, class_names)


_LABEL_KINDS: dict[LabelForm, tuple[str, str]] = {
    "classes": ("iu", "whole numbers from 0, one a class"),
    "none": ("iu", "zeros"),
    "flags": ("u", "0 and 1"),
    "numbers": ("f", "finite numbers"),
    "masks": ("iu", "whole numbers from 0, a class for each pixel"),
}
_LABEL_AXES: dict[LabelForm, int] = {
    "classes": 1,
    "none": 1,
    "flags": 2,
    "numbers": 2,
    "masks": 3,
}
_LABEL_NOUNS: dict[LabelForm, str] = {
    "classes": "label",
    "none": "label",
    "flags": "row of labels",
    "numbers": "row of numbers",
    "masks": "mask",
}


def _check_range(labels: np.ndarray, where: str, class_names: tuple[str, ...]) -> None:
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


def _check_weights(weights: np.ndarray, dataset: Dataset) -> None:
    where, count = f"sample weights of {dataset.source}", len(dataset.y_train)
    if weights.shape != (count,):
        raise DataError(
            f"the {where} have the shape {weights.shape}; expected one number for each of the "
            f"{count} training samples, ({count},)"
        )
    wrong = np.flatnonzero(~np.isfinite(weights) | (weights < 0))
    if wrong.size:
        raise DataError(
            f"the {where} hold {weights[wrong[0]]} in row {wrong[0]}; expected finite numbers of "
            "at least 0"
        )
    if not weights.any():
        raise DataError(f"all {where} are 0; expected some above 0")


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
