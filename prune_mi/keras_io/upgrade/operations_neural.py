"""Counterparts of `tf.nn` and `tf.image`: activations, pooling; padding, resizing, flips."""

import math
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from prune_mi.keras_io.upgrade.keras_calls import (
    Operation,
    call_of_one,
    constant,
    known_numbers,
    layer,
    layer_of_one,
    named,
)

_METHODS = frozenset({"bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"})


def _activation(function: str) -> Operation:
    return layer_of_one(layers.Activation, activation=function)


def _leaky_relu(name: str, features: Any, alpha: Any = 0.2) -> Any:
    return layer(layers.LeakyReLU, name, features, negative_slope=float(np.asarray(alpha)))


def _softmax(name: str, logits: Any, axis: Any = -1, *_: Any, **more: Any) -> Any:
    axis = more.get("dim", -1 if axis is None else axis)
    return layer(layers.Softmax, name, logits, axis=int(np.asarray(axis)))


def _log_softmax(name: str, logits: Any, axis: Any = -1) -> Any:
    if axis == -1:
        return layer(layers.Activation, name, logits, activation="log_softmax")
    return named(name, ops.log_softmax, logits, axis=int(np.asarray(axis)))


def _silu(name: str, features: Any, beta: Any = 1.0) -> Any:
    if float(np.asarray(beta)) == 1.0:
        return layer(layers.Activation, name, features, activation="silu")
    scaled = named(f"{name}_scaled", ops.multiply, features, float(np.asarray(beta)))
    return named(name, ops.multiply, features, named(f"{name}_sigmoid", ops.sigmoid, scaled))


def _gelu(name: str, features: Any, approximate: bool = False) -> Any:
    if not approximate:
        return layer(layers.Activation, name, features, activation="gelu")
    return named(name, ops.gelu, features, approximate=True)


def _bias_add(name: str, value: Any, bias: Any, data_format: str = "NHWC") -> Any:
    if not str(data_format).endswith("C"):
        raise ValueError(f"data_format is {data_format!r}")
    return named(name, ops.add, value, constant(bias, value))


def _pooling(cls: Any) -> Operation:
    def apply(
        name: str,
        input: Any,
        ksize: Any,
        strides: Any,
        padding: str = "VALID",
        data_format: Any = None,
    ) -> Any:
        if data_format not in (None, "NHWC"):
            raise ValueError(f"data_format is {data_format!r}")
        return layer(
            cls,
            name,
            input,
            pool_size=_window(ksize),
            strides=_window(strides),
            padding=str(padding).lower(),
            data_format="channels_last",
        )

    return apply


def _window(value: Any) -> tuple[int, int]:
    sizes = known_numbers(value, "a pooling window")
    if len(sizes) == 1:
        return sizes[0], sizes[0]
    if len(sizes) == 4:
        if (sizes[0], sizes[3]) != (1, 1):
            raise ValueError(f"the window {sizes} spans samples or channels")
        sizes = sizes[1:3]
    return sizes[0], sizes[1]


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
    "nn.relu": layer_of_one(layers.ReLU),
    "nn.relu6": layer_of_one(layers.ReLU, max_value=6.0),
    "nn.leaky_relu": _leaky_relu,
    "nn.elu": layer_of_one(layers.ELU),
    "nn.selu": _activation("selu"),
    "nn.silu": _silu,
    "nn.swish": _silu,
    "nn.gelu": _gelu,
    "nn.softsign": _activation("softsign"),
    "nn.softplus": _activation("softplus"),
    "math.softplus": _activation("softplus"),
    "nn.sigmoid": _activation("sigmoid"),
    "math.sigmoid": _activation("sigmoid"),
    "nn.tanh": _activation("tanh"),
    "math.tanh": _activation("tanh"),
    "nn.softmax": _softmax,
    "nn.log_softmax": _log_softmax,
    "nn.bias_add": _bias_add,
    "nn.max_pool2d": _pooling(layers.MaxPooling2D),
    "nn.avg_pool2d": _pooling(layers.AveragePooling2D),
    "nn.max_pool": _pooling(layers.MaxPooling2D),
    "nn.avg_pool": _pooling(layers.AveragePooling2D),
    "stop_gradient": call_of_one(ops.stop_gradient),
    "pad": _pad,
    "image.resize": _resize,
    "image.flip_left_right": call_of_one(ops.flip, axis=-2),
    "image.flip_up_down": call_of_one(ops.flip, axis=-3),
    "image.per_image_standardization": _standardize,
    "nn.depth_to_space": _depth_to_space,
    "nn.space_to_depth": _space_to_depth,
}
