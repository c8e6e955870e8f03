"""What a model answers about image files, which are brought to its size, or about raw pixels."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import keras
import numpy as np

from prune_mi.data import InputScaling, shape_text
from prune_mi.data.fit_to_model import fitting_shape
from prune_mi.data.image_files import MODES, Depth, ImageHeader, decode_images, read_header
from prune_mi.errors import DataError
from prune_mi.measure.predictor import predict

_BATCH = 128


@dataclass(slots=True)
class ImagesRead:
    """What became of the files on the way; `changed` counts by what was done to them."""

    readable: list[Path | str] = field(default_factory=list)
    broken: list[Path] = field(default_factory=list)
    changed: Counter[str] = field(default_factory=Counter)

    def notes(self) -> list[str]:
        """How many images were changed to fit the model."""
        num = len(self.readable)
        return [
            f"{count} of {num} images were {how}." for how, count in self.changed.items() if count
        ]


def answers_about(
    model: keras.Model,
    files: Sequence[Path] | np.ndarray,
    shape: tuple[int, ...],
    scaling: Callable[[Depth], InputScaling],
    depth_of_arrays: Depth,
) -> tuple[np.ndarray, ImagesRead]:
    """What a model yields for each image that can be read, in order.

    Args:
        model: Takes images, and ends in the output that is asked for.
        files: Image files, or raw pixels `(N, height, width, channels)`.
        shape: Of one image, as the model takes it.
        scaling: Of pixels of so many bits.
        depth_of_arrays: Bits of raw pixels.

    Returns:
        float32 `(n, ...)`, and what became of the files.

    Raises:
        DataError: If raw pixels have another shape.
    """
    if isinstance(files, np.ndarray):
        return _of_array(model, files, shape, scaling(depth_of_arrays))
    channels = shape[2] if len(shape) == 3 else 1
    size = f"{shape[0]} x {shape[1]} pixels (height x width)"
    read, rows = ImagesRead(), []
    for start in range(0, len(files), _BATCH):
        headers = [(file, read_header(file)) for file in files[start : start + _BATCH]]
        for depth, run in groupby(headers, key=_depth_of):
            batch = list(run)
            pixels, readable = decode_images(
                [file for file, _ in batch],
                size=(shape[0], shape[1]),
                mode=MODES[channels],
                depth=depth,
            )
            for (file, header), is_readable in zip(batch, readable, strict=True):
                if not is_readable:
                    read.broken.append(file)
                    continue
                read.readable.append(file)
                if header is not None:
                    read.changed[f"resized to {size}"] += header.size != shape[:2]
                    read.changed["made grey"] += channels == 1 and not header.grey
                    read.changed["read as colour images"] += channels > 1 and header.grey
            if len(pixels):
                images = pixels.reshape(len(pixels), *shape)
                rows.append(predict(model, images, scaling(depth)))
    return (np.concatenate(rows) if rows else np.empty((0, 0), np.float32)), read


def _of_array(
    model: keras.Model, images: np.ndarray, shape: tuple[int, ...], scaling: InputScaling
) -> tuple[np.ndarray, ImagesRead]:
    """The same of raw pixels, whose names are their places."""
    own = fitting_shape(images.shape[1:], shape) if images.ndim else None
    if own is None or not len(images):
        raise DataError(
            f"the images have the shape {images.shape}; expected images of {shape_text(shape)}, "
            "one or more, along a first axis"
        )
    names: list[Path | str] = [str(place) for place in range(len(images))]
    return predict(model, images.reshape(len(images), *own), scaling), ImagesRead(readable=names)


def _depth_of(read: tuple[Path, ImageHeader | None]) -> Depth:
    _, header = read
    return 8 if header is None else header.depth
