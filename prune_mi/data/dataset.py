"""Labelled images, or other samples, in roles (train, test, perhaps val), and their checks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from prune_mi.errors import DataError

# Bounds the temporaries of what is computed on all images, in pixels.
_CHUNK_PIXELS = 1 << 22


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
