"""Counterparts of `tf.math`: arithmetic, comparisons, reductions."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from prune_mi.keras_io.upgrade.keras_calls import (
    Operation,
    axes,
    call_of_one,
    constant,
    is_tensor,
    layer,
    named,
)


def _merge(cls: Any, function: Callable[..., Any]) -> Operation:
    """Of two tensors a merging layer; of a tensor and a constant an operation.

    The layers put the axes of a smaller tensor elsewhere than TensorFlow does, so they get tensors
    of one rank. Two numbers, which come of asking for shapes, remain numbers.
    """

    def apply(name: str, x: Any, y: Any) -> Any:
        if not is_tensor(x) and not is_tensor(y):
            return _of_numbers(function, x, y)
        if is_tensor(x) and is_tensor(y) and len(x.shape) == len(y.shape) and cls is not None:
            return layer(cls, name, [x, y])
        like = x if is_tensor(x) else y
        return named(name, function, constant(x, like), constant(y, like))

    return apply


def _of_numbers(function: Callable[..., Any], x: Any, y: Any) -> Any:
    if x is None or y is None:
        return None  # an unknown size stays unknown, whatever is done to it
    result = np.asarray(getattr(np, function.__name__)(np.asarray(x), np.asarray(y)))
    return result.item() if result.ndim == 0 else result


_Scaling = Callable[[float], tuple[float, float]]  # scale and offset that a number stands for


def _or_scaling(general: Operation, right: _Scaling, left: _Scaling | None = None) -> Operation:
    """A tensor with a number as the layer that HDF5 can hold; all else as `general`.

    Args:
        general: For two tensors, or an array.
        right: For a number behind the tensor.
        left: For a number before the tensor.
    """

    def apply(name: str, x: Any, y: Any) -> Any:
        for tensor, other, scaling in ((x, y, right), (y, x, left)):
            if scaling is None or not is_tensor(tensor) or is_tensor(other):
                continue
            value = np.asarray(other)
            if value.ndim == 0 and value != 0 and keras.backend.is_float_dtype(tensor.dtype):
                scale, offset = scaling(float(value))
                return layer(layers.Rescaling, name, tensor, scale=scale, offset=offset)
        return general(name, x, y)

    return apply


def _adding(number: float) -> tuple[float, float]:
    return 1.0, number


def _multiplying(number: float) -> tuple[float, float]:
    return number, 0.0


_ADD = _or_scaling(_merge(layers.Add, ops.add), _adding, _adding)
_SUBTRACT = _or_scaling(
    _merge(layers.Subtract, ops.subtract),
    lambda number: (1.0, -number),
    lambda number: (-1.0, number),
)
_MULTIPLY = _or_scaling(_merge(layers.Multiply, ops.multiply), _multiplying, _multiplying)
_DIVIDE = _or_scaling(_merge(None, ops.true_divide), lambda number: (1.0 / number, 0.0))


def _add_n(name: str, inputs: Any) -> Any:
    return layer(layers.Add, name, list(inputs)) if len(inputs) > 1 else inputs[0]


def _reduction(function: Callable[..., Any], pooling: Any = None) -> Operation:
    """Of an image's rows and columns, a global pooling layer where there is one."""

    def apply(
        name: str, input_tensor: Any, axis: Any = None, keepdims: Any = None, *_: Any, **more: Any
    ) -> Any:
        over = axes(axis if axis is not None else more.get("reduction_indices"))
        keep = bool(keepdims or more.get("keep_dims"))
        rank = len(input_tensor.shape)
        spatial = isinstance(over, tuple) and sorted(each % rank for each in over) == [1, 2]
        floating = keras.backend.is_float_dtype(input_tensor.dtype)
        if pooling is not None and rank == 4 and spatial and floating:
            return layer(pooling, name, input_tensor, keepdims=keep, data_format="channels_last")
        return named(name, function, input_tensor, axis=over, keepdims=keep)

    return apply


def _clip(name: str, t: Any, clip_value_min: Any, clip_value_max: Any, *_: Any) -> Any:
    return named(name, ops.clip, t, constant(clip_value_min, t), constant(clip_value_max, t))


def _squared_difference(name: str, x: Any, y: Any) -> Any:
    return named(name, ops.square, _SUBTRACT(f"{name}_difference", x, y))


def _l2_normalize(name: str, x: Any, axis: Any = None, epsilon: float = 1e-12) -> Any:
    squares = named(f"{name}_square", ops.square, x)
    total = named(f"{name}_sum", ops.sum, squares, axis=axes(axis), keepdims=True)
    bounded = named(f"{name}_bound", ops.maximum, total, float(epsilon))
    factor = named(f"{name}_rsqrt", ops.rsqrt, bounded)
    return named(name, ops.multiply, x, factor)


def _arg(function: Callable[..., Any]) -> Operation:
    def apply(name: str, input: Any, axis: Any = 0, output_type: Any = "int64") -> Any:
        found = named(f"{name}_found", function, input, axis=axes(axis))
        return named(name, ops.cast, found, output_type)

    return apply


def _where(name: str, condition: Any, x: Any, y: Any) -> Any:
    like = x if is_tensor(x) else y
    return named(name, ops.where, condition, constant(x, like), constant(y, like))


def _matmul(name: str, a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    if transpose_a:
        a = named(f"{name}_a", ops.swapaxes, a, -1, -2)
    if transpose_b:
        b = named(f"{name}_b", ops.swapaxes, b, -1, -2)
    return named(name, ops.matmul, a, b)


def _cumulative_sum(name: str, x: Any, axis: Any = 0) -> Any:
    return named(name, ops.cumsum, x, axis=axes(axis))


# By their names in `tf.math`, which are those in `keras.ops` and, for numbers, in NumPy.
_OF_TWO = (
    *("greater", "greater_equal", "less", "less_equal", "equal", "not_equal"),
    *("logical_and", "logical_or"),
)
_OF_ONE = (
    *("logical_not", "negative", "abs", "square", "sqrt", "rsqrt", "exp", "expm1", "log", "log1p"),
    *("sin", "cos", "erf", "floor", "ceil", "round", "sign", "reciprocal"),
)
_REDUCTIONS = ("min", "sum", "prod", "std", "logsumexp", "any", "all")

OPERATIONS: dict[str, Operation] = {
    "__operators__.add": _ADD,
    "math.add": _ADD,
    "math.subtract": _SUBTRACT,
    "math.multiply": _MULTIPLY,
    "math.truediv": _DIVIDE,
    "math.divide": _DIVIDE,
    "math.add_n": _add_n,
    "math.maximum": _merge(layers.Maximum, ops.maximum),
    "math.minimum": _merge(layers.Minimum, ops.minimum),
    "math.pow": _merge(None, ops.power),
    "math.floormod": _merge(None, ops.mod),
    "math.floordiv": _merge(None, ops.floor_divide),
    "floor_div": _merge(None, ops.floor_divide),
    **{f"math.{name}": _merge(None, getattr(ops, name)) for name in _OF_TWO},
    "math.squared_difference": _squared_difference,
    **{f"math.{name}": call_of_one(getattr(ops, name)) for name in _OF_ONE},
    "math.is_nan": call_of_one(ops.isnan),
    "math.reduce_mean": _reduction(ops.mean, layers.GlobalAveragePooling2D),
    "math.reduce_max": _reduction(ops.max, layers.GlobalMaxPooling2D),
    "math.reduce_variance": _reduction(ops.var),
    **{f"math.reduce_{name}": _reduction(getattr(ops, name)) for name in _REDUCTIONS},
    "math.l2_normalize": _l2_normalize,
    "math.argmax": _arg(ops.argmax),
    "math.argmin": _arg(ops.argmin),
    "math.cumsum": _cumulative_sum,
    "clip_by_value": _clip,
    "where": _where,
    "where_v2": _where,
    "linalg.matmul": _matmul,
}
