"""Counterparts of TensorFlow's functions of images: padding, resizing, flips, blocks of pixels."""

import math
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from prune_mi.keras_io.upgrade.operation import (
    Operation,
    call_of_one,
    constant,
    known_numbers,
    layer,
    named,
)

_METHODS = frozenset({"bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"})


def _pad(
    name: str,
    tensor: Any,
    paddings: Any,
    mode: str = "CONSTANT",
    _name: Any = None,  # the first form of tf.pad has its own name here
    constant_values: Any = 0,
) -> Any:
    widths = np.asarray(paddings).astype(int).tolist()
    fill = constant(constant_values, tensor)
    if str(mode).upper() != "CONSTANT":
        return named(name, ops.pad, tensor, widths, mode=str(mode).lower())
    if fill == 0 and len(widths) == 4 and widths[0] == widths[3] == [0, 0]:
        around = tuple(tuple(each) for each in widths[1:3])
        return layer(
            layers.ZeroPadding2D, name, tensor, padding=around, data_format="channels_last"
        )
    return named(name, ops.pad, tensor, widths, constant_values=fill)


def _resize(
    name: str,
    images: Any,
    size: Any,
    method: str = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
) -> Any:
    if method not in _METHODS or preserve_aspect_ratio or antialias:
        raise ValueError(
            f"method is {method!r}, preserve_aspect_ratio {preserve_aspect_ratio}, antialias "
            f"{antialias}"
        )
    height, width = known_numbers(size, "the size of a resized image")
    return layer(
        layers.Resizing,
        name,
        images,
        height=height,
        width=width,
        interpolation=method,
        data_format="channels_last",
    )


def _standardize(name: str, image: Any) -> Any:
    """(x - mean) / max(deviation, 1/sqrt(values)), image by image, as TensorFlow documents it."""
    over = (-3, -2, -1)
    values = math.prod(axis or 0 for axis in image.shape[1:])
    if values == 0:
        raise ValueError("the image's size is unknown")
    if not keras.backend.is_float_dtype(image.dtype):
        image = named(f"{name}_cast", ops.cast, image, "float32")
    mean = named(f"{name}_mean", ops.mean, image, axis=over, keepdims=True)
    deviation = named(f"{name}_std", ops.std, image, axis=over, keepdims=True)
    bounded = named(f"{name}_bound", ops.maximum, deviation, 1.0 / math.sqrt(values))
    centred = named(f"{name}_centred", ops.subtract, image, mean)
    return named(name, ops.true_divide, centred, bounded)


def _depth_to_space(name: str, input: Any, block_size: Any, data_format: str = "NHWC") -> Any:
    height, width, channels, block = _block(input, block_size, data_format)
    fine = channels // block**2
    x = named(f"{name}_split", ops.reshape, input, [-1, height, width, block, block, fine])
    x = named(f"{name}_move", ops.transpose, x, [0, 1, 3, 2, 4, 5])
    return named(name, ops.reshape, x, [-1, height * block, width * block, fine])


def _space_to_depth(name: str, input: Any, block_size: Any, data_format: str = "NHWC") -> Any:
    height, width, channels, block = _block(input, block_size, data_format)
    rows, columns = height // block, width // block
    x = named(f"{name}_split", ops.reshape, input, [-1, rows, block, columns, block, channels])
    x = named(f"{name}_move", ops.transpose, x, [0, 1, 3, 2, 4, 5])
    return named(name, ops.reshape, x, [-1, rows, columns, channels * block**2])


def _block(tensor: Any, block_size: Any, data_format: str) -> tuple[int, int, int, int]:
    if str(data_format) != "NHWC":
        raise ValueError(f"data_format is {data_format!r}")
    height, width, channels = known_numbers(tuple(tensor.shape[1:]), "the image's size")
    return height, width, channels, int(np.asarray(block_size))


OPERATIONS: dict[str, Operation] = {
    "pad": _pad,
    "image.resize": _resize,
    "image.flip_left_right": call_of_one(ops.flip, axis=-2),
    "image.flip_up_down": call_of_one(ops.flip, axis=-3),
    "image.per_image_standardization": _standardize,
    "nn.depth_to_space": _depth_to_space,
    "nn.space_to_depth": _space_to_depth,
}
