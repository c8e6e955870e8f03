"""Counterparts of `tf.nn`: activations, pooling, bias."""

from typing import Any

import numpy as np
from keras import layers, ops

from prune_mi.keras_io.upgrade.operation import (
    Operation,
    call_of_one,
    constant,
    known_numbers,
    layer,
    layer_of_one,
    named,
)


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
}
