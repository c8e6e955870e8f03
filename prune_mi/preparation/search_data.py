"""Data for a search from nothing, where no model says what shape and classes they must have."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from prune_mi.config import HandedOver
from prune_mi.data import Dataset, load_dataset, shape_text
from prune_mi.data.image_files import ImageHeader
from prune_mi.data.image_folder import shape_for_search
from prune_mi.errors import ConfigError, DataError, listed
from prune_mi.records import Observer

FEWEST_IMAGES = 5
"""Training samples of each class, of which validation ones are still to be taken."""

_SIDES = (4, 1024)
_COLOURS = (1, 3, 4)
_NAMED = 5


def load_data_for_search(
    spec: str | HandedOver, observer: Observer, *, image_size: tuple[int, int] | None = None
) -> Dataset:
    """Loads labelled images, or vectors, that a network is to be found for.

    Images of a folder are brought to one size: `image_size`, or else the median of their heights
    and widths, made smaller where that is above 64 pixels. They stay grey only if all are. A folder
    without a split is split alike for every seed of a search, so that searches can be compared. An
    array `(N, H, W)` is taken for grey images.

    Args:
        spec: As for `load_dataset`.
        observer: Hears what was decided.
        image_size: Height and width of the images of a folder, 4 to 1024 pixels.

    Returns:
        Samples `(N, H, W, C)` or `(N, features)`, raw, with a name for every class: its number
        where there is no other. Validation samples are there only where the user gave some.

    Raises:
        DataError: If there is no such data, it is neither images nor vectors, or a class has too
            few samples to learn from.
        ConfigError: If `image_size` is out of range, or given for data that is no image folder.
    """
    _require_size(image_size)

    def choose_shape(headers: Sequence[ImageHeader]) -> tuple[int, int, int]:
        shape = shape_for_search(headers, image_size=image_size)
        _tell_of(headers, shape, observer, asked=image_size is not None)
        return shape

    data = load_dataset(spec, choose_shape=choose_shape)
    for note in data.notes:
        observer.note(note)
    if data.x_train.ndim == 3:
        shape = shape_text(data.image_shape)
        observer.note(f"The samples have the shape {shape}. They are read as grey images.")
        data = _with_channel(data)
    _require_known_kind(data)
    if image_size is not None and data.image_shape[:2] != image_size:
        raise ConfigError(
            f"the image size is {_size_text(image_size)}, but samples of {data.source} have the "
            f"shape {shape_text(data.image_shape)}, and only images of a folder are resized; leave "
            "the size out, or resize the array"
        )
    _require_classes(data, observer)
    names = data.class_names or tuple(map(str, range(data.num_classes)))
    return replace(data, class_names=names)


def _require_size(image_size: tuple[int, int] | None) -> None:
    least, most = _SIDES
    if image_size is not None and not all(least <= side <= most for side in image_size):
        raise ConfigError(
            f"the image size is {_size_text(image_size)}; expected a height and a width of {least} "
            f"to {most} pixels, for instance 64x64"
        )


def _tell_of(
    headers: Sequence[ImageHeader],
    shape: tuple[int, int, int],
    observer: Observer,
    *,
    asked: bool,
) -> None:
    if not asked and any(header.size != shape[:2] for header in headers):
        observer.note(
            f"All images are resized to {_size_text(shape[:2])} pixels (height x width), after the "
            "median of their sizes. To set another size, pass --image-size."
        )
    num_grey = sum(header.grey for header in headers)
    if shape[2] == 3 and num_grey:
        observer.note(
            f"{num_grey} of {len(headers)} images are grey. They are read as colour images."
        )


def _with_channel(data: Dataset) -> Dataset:
    return replace(
        data,
        x_train=data.x_train[..., None],
        x_test=data.x_test[..., None],
        x_val=None if data.x_val is None else data.x_val[..., None],
    )


def _require_known_kind(data: Dataset) -> None:
    shape = data.image_shape
    if len(shape) == 1:
        return
    if len(shape) != 3:
        raise DataError(
            f"samples of {data.source} have the shape {shape_text(shape)}; expected images "
            "(height, width, channels) or (height, width), or vectors (features): reshape the array"
        )
    if shape[0] in _COLOURS and shape[2] not in _COLOURS and shape[1] > shape[0]:
        raise DataError(
            f"images of {data.source} have the shape {shape_text(shape)}, which looks like "
            "channels first; expected (height, width, channels): transpose the array"
        )


def _require_classes(data: Dataset, observer: Observer) -> None:
    labels, source = data.y_train, data.source
    found = np.unique(labels)
    if len(found) < 2:
        raise DataError(
            f"all {len(labels)} training samples of {source} are of one class, "
            f"{_class_text(data, int(found[0]))}; expected two classes at least"
        )
    if data.num_classes > len(labels):
        raise DataError(
            f"labels of {source} reach {data.num_classes - 1}, but it has only {len(labels)} "
            "training samples; expected classes counted from 0: renumber them"
        )
    of_class = np.bincount(labels, minlength=data.num_classes)
    few = np.flatnonzero(of_class < FEWEST_IMAGES)
    if few.size:
        told = listed([f"{_class_text(data, int(each))} {of_class[each]}" for each in few], _NAMED)
        rest = "" if data.class_names else " and number the others from 0 on"
        raise DataError(
            f"classes of {source} have too few training samples: {told}; expected at least "
            f"{FEWEST_IMAGES} of each: add some, or leave the class out{rest}"
        )
    untested = np.setdiff1d(np.arange(data.num_classes), data.y_test)
    if untested.size:
        told = listed([_class_text(data, int(each)) for each in untested], _NAMED)
        observer.note(
            f"There are no test samples of {told}, so the measured accuracy does not cover them."
        )


def _class_text(data: Dataset, label: int) -> str:
    return repr(data.class_names[label]) if data.class_names else str(label)


def _size_text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
