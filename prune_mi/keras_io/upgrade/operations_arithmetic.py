"""Counterparts of `tf.math`: arithmetic, comparisons, reductions."""

import operator
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from prune_mi.keras_io.upgrade.operation import Operation, axes, constant, is_tensor, layer, named


def _merge(cls: Any, function: Callable[..., Any], plain: Callable[[Any, Any], Any]) -> Operation:
    """Of two tensors a merging layer; of a tensor and a constant an operation.

    The layers put the axes of a smaller tensor elsewhere than TensorFlow does, so they get tensors
    of one rank. Two numbers, which come of asking for shapes, remain numbers.
    """

    def apply(name: str, x: Any, y: Any) -> Any:
        if not is_tensor(x) and not is_tensor(y):
            return _of_numbers(plain, x, y)
        if is_tensor(x) and is_tensor(y) and len(x.shape) == len(y.shape) and cls is not None:
            return layer(cls, name, [x, y])
        like = x if is_tensor(x) else y
        return named(name, function, constant(x, like), constant(y, like))

    return apply


def _of_numbers(plain: Callable[[Any, Any], Any], x: Any, y: Any) -> Any:
    if x is None or y is None:
        return None  # an unknown size stays unknown, whatever is done to it
    result = np.asarray(plain(np.asarray(x), np.asarray(y)))
    return result.item() if result.ndim == 0 else result


def _scaling(scale: Callable[[float], float], shift: Callable[[float], float]) -> Any:
    """A tensor combined with a number, as the layer that HDF5 can hold."""

    def apply(name: str, x: Any, number: float) -> Any:
        return layer(layers.Rescaling, name, x, scale=scale(number), offset=shift(number))

    return apply


_MULTIPLIED = _scaling(lambda number: number, lambda _: 0.0)
_ADDED = _scaling(lambda _: 1.0, lambda number: number)
_SUBTRACTED = _scaling(lambda _: 1.0, lambda number: -number)
_SUBTRACTED_FROM = _scaling(lambda _: -1.0, lambda number: number)
_DIVIDED = _scaling(lambda number: 1.0 / number, lambda _: 0.0)


def _or_scaling(general: Operation, right: Any, left: Any = None) -> Operation:
    """Takes `right` for x with a number, `left` for a number with x, else `general`."""

    def apply(name: str, x: Any, y: Any) -> Any:
        for tensor, other, scaled in ((x, y, right), (y, x, left)):
            if scaled is None or not is_tensor(tensor) or is_tensor(other):
                continue
            value = np.asarray(other)
            if value.ndim == 0 and value != 0 and keras.backend.is_float_dtype(tensor.dtype):
                return scaled(name, tensor, float(value))
        return general(name, x, y)

    return apply


_ADD = _or_scaling(_merge(layers.Add, ops.add, operator.add), _ADDED, _ADDED)
_SUBTRACT = _or_scaling(
    _merge(layers.Subtract, ops.subtract, operator.sub), _SUBTRACTED, _SUBTRACTED_FROM
)
_MULTIPLY = _or_scaling(
    _merge(layers.Multiply, ops.multiply, operator.mul), _MULTIPLIED, _MULTIPLIED
)
_DIVIDE = _or_scaling(_merge(None, ops.true_divide, operator.truediv), _DIVIDED)


def _add_n(name: str, inputs: Any) -> Any:
    return layer(layers.Add, name, list(inputs)) if len(inputs) > 1 else inputs[0]


def _unary(function: Callable[..., Any]) -> Operation:
    def apply(name: str, x: Any) -> Any:
        return named(name, function, x)

    return apply


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


OPERATIONS: dict[str, Operation] = {
    "__operators__.add": _ADD,
    "math.add": _ADD,
    "math.subtract": _SUBTRACT,
    "math.multiply": _MULTIPLY,
    "math.truediv": _DIVIDE,
    "math.divide": _DIVIDE,
    "math.add_n": _add_n,
    "math.maximum": _merge(layers.Maximum, ops.maximum, np.maximum),
    "math.minimum": _merge(layers.Minimum, ops.minimum, np.minimum),
    "math.pow": _merge(None, ops.power, operator.pow),
    "math.floormod": _merge(None, ops.mod, operator.mod),
    "math.floordiv": _merge(None, ops.floor_divide, operator.floordiv),
    "floor_div": _merge(None, ops.floor_divide, operator.floordiv),
    "math.greater": _merge(None, ops.greater, operator.gt),
    "math.greater_equal": _merge(None, ops.greater_equal, operator.ge),
    "math.less": _merge(None, ops.less, operator.lt),
    "math.less_equal": _merge(None, ops.less_equal, operator.le),
    "math.equal": _merge(None, ops.equal, operator.eq),
    "math.not_equal": _merge(None, ops.not_equal, operator.ne),
    "math.logical_and": _merge(None, ops.logical_and, np.logical_and),
    "math.logical_or": _merge(None, ops.logical_or, np.logical_or),
    "math.logical_not": _unary(ops.logical_not),
    "math.squared_difference": _squared_difference,
    "math.negative": _unary(ops.negative),
    "math.abs": _unary(ops.abs),
    "math.square": _unary(ops.square),
    "math.sqrt": _unary(ops.sqrt),
    "math.rsqrt": _unary(ops.rsqrt),
    "math.exp": _unary(ops.exp),
    "math.expm1": _unary(ops.expm1),
    "math.log": _unary(ops.log),
    "math.log1p": _unary(ops.log1p),
    "math.sin": _unary(ops.sin),
    "math.cos": _unary(ops.cos),
    "math.erf": _unary(ops.erf),
    "math.floor": _unary(ops.floor),
    "math.ceil": _unary(ops.ceil),
    "math.round": _unary(ops.round),
    "math.sign": _unary(ops.sign),
    "math.reciprocal": _unary(ops.reciprocal),
    "math.is_nan": _unary(ops.isnan),
    "math.reduce_mean": _reduction(ops.mean, layers.GlobalAveragePooling2D),
    "math.reduce_max": _reduction(ops.max, layers.GlobalMaxPooling2D),
    "math.reduce_min": _reduction(ops.min),
    "math.reduce_sum": _reduction(ops.sum),
    "math.reduce_prod": _reduction(ops.prod),
    "math.reduce_variance": _reduction(ops.var),
    "math.reduce_std": _reduction(ops.std),
    "math.reduce_logsumexp": _reduction(ops.logsumexp),
    "math.reduce_any": _reduction(ops.any),
    "math.reduce_all": _reduction(ops.all),
    "math.l2_normalize": _l2_normalize,
    "math.argmax": _arg(ops.argmax),
    "math.argmin": _arg(ops.argmin),
    "math.cumsum": _cumulative_sum,
    "clip_by_value": _clip,
    "where": _where,
    "where_v2": _where,
    "linalg.matmul": _matmul,
}
