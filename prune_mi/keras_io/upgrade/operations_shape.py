"""Counterparts of TensorFlow's functions that move values about without changing them."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from prune_mi.keras_io.upgrade.keras_calls import (
    Operation,
    axes,
    call_of_one,
    is_tensor,
    known_numbers,
    layer,
    layer_of_one,
    named,
    numbers,
)


def _shape(name: str, input: Any, *_: Any, **__: Any) -> tuple[int | None, ...]:
    """The sizes known now; the batch's is None, and stays so in what is computed from it."""
    return tuple(input.shape)


def _reshape(name: str, tensor: Any, shape: Any) -> Any:
    sizes = numbers(shape, "the shape")
    rest = sizes[1:]
    if _keeps_batch(tensor.shape, sizes):
        # None is an axis of unknown size: at most one can be, and Keras calls it -1.
        return layer(
            layers.Reshape,
            name,
            tensor,
            target_shape=tuple(-1 if each is None else each for each in rest),
        )
    return named(name, ops.reshape, tensor, [-1 if each is None else each for each in sizes])


def _keeps_batch(old: tuple[int | None, ...], new: list[int | None]) -> bool:
    if old[0] is not None or not new:
        return False
    if new[0] is None:
        return True
    known = all(each is not None for each in old[1:]) and None not in new
    return (
        known
        and new[0] == -1
        and -1 not in new[1:]
        and math.prod(each or 0 for each in old[1:]) == math.prod(each or 0 for each in new[1:])
    )


def _concat(name: str, values: Any, axis: Any) -> Any:
    if not any(map(is_tensor, values)):
        return [each for value in values for each in value]  # of shapes
    return layer(layers.Concatenate, name, list(values), axis=axes(axis))


def _stack(name: str, values: Any, axis: Any = 0) -> Any:
    if not any(map(is_tensor, values)):
        return list(values)  # of sizes
    return named(name, ops.stack, list(values), axis=axes(axis))


def _unstack(name: str, value: Any, num: Any = None, axis: Any = 0) -> Any:
    return named(name, ops.unstack, value, num, axis=axes(axis))


def _split(name: str, value: Any, num_or_size_splits: Any, axis: Any = 0) -> Any:
    sizes = known_numbers(num_or_size_splits, "the sizes of a split")
    where = sizes[0] if np.ndim(num_or_size_splits) == 0 else np.cumsum(sizes)[:-1].tolist()
    return named(name, ops.split, value, where, axis=axes(axis))


def _transpose(name: str, a: Any, perm: Any = None, conjugate: bool = False) -> Any:
    rank = len(a.shape)
    order = known_numbers(perm, "the order of axes") if perm is not None else [*range(rank)][::-1]
    if order[0] == 0:
        return layer(layers.Permute, name, a, dims=tuple(order[1:]))
    return named(name, ops.transpose, a, order)


def _squeeze(name: str, input: Any, axis: Any = None, *_: Any, **more: Any) -> Any:
    axis = axis if axis is not None else more.get("squeeze_dims")
    return named(name, ops.squeeze, input, axis=axes(axis))


def _expand_dims(name: str, input: Any, axis: Any) -> Any:
    return named(name, ops.expand_dims, input, axis=axes(axis))


def _cast(name: str, x: Any, dtype: Any) -> Any:
    if not is_tensor(x):
        return x  # sizes are whole numbers whatever they are cast to
    wanted = keras.backend.standardize_dtype(dtype)
    if keras.backend.standardize_dtype(x.dtype) == wanted:
        return x
    return named(name, ops.cast, x, wanted)


def _identity(name: str, input: Any, *_: Any, **__: Any) -> Any:
    return input


def _tile(name: str, input: Any, multiples: Any) -> Any:
    return named(name, ops.tile, input, known_numbers(multiples, "the repeats"))


def _repeat(name: str, input: Any, repeats: Any, axis: Any = None) -> Any:
    times = known_numbers(repeats, "the repeats")
    return named(name, ops.repeat, input, times[0] if len(times) == 1 else times, axis=axes(axis))


def _roll(name: str, input: Any, shift: Any, axis: Any) -> Any:
    return named(name, ops.roll, input, axes(shift), axis=axes(axis))


def _reverse(name: str, tensor: Any, axis: Any) -> Any:
    return named(name, ops.flip, tensor, axis=axes(axis))


def _gather(
    name: str, params: Any, indices: Any, *_: Any, axis: Any = None, batch_dims: Any = 0, **__: Any
) -> Any:
    if batch_dims:
        raise ValueError(f"batch_dims is {batch_dims}")
    if not is_tensor(params):
        return [params[int(index)] for index in np.atleast_1d(indices)]
    index = indices if is_tensor(indices) else np.asarray(indices, "int32")
    return named(name, ops.take, params, index, axis=axes(0 if axis is None else axis))


def _slice(name: str, input_: Any, begin: Any, size: Any) -> Any:
    starts = known_numbers(begin, "the start of a slice")
    sizes = numbers(size, "the size of a slice")
    parts = tuple(
        slice(start, None if each in (-1, None) else start + each)
        for start, each in zip(starts, sizes, strict=True)
    )
    return named(name, lambda x: x[parts], input_)


def _getitem(name: str, tensor: Any, slice_spec: Any, *_: Any) -> Any:
    listed = isinstance(slice_spec, list | tuple)
    parts = tuple(_part(each) for each in (slice_spec if listed else [slice_spec]))
    if not is_tensor(tensor):
        return tensor[parts[0]]  # one of a shape's sizes
    return named(name, lambda x: x[parts], tensor)


def _part(value: Any) -> Any:
    """One subscript; Keras 2 writes slices as dicts."""
    if isinstance(value, slice):
        value = {"start": value.start, "stop": value.stop, "step": value.step}
    if isinstance(value, Mapping):
        return slice(*(_bound(value[key]) for key in ("start", "stop", "step")))
    return value if value is None or value is Ellipsis else _bound(value)


def _bound(value: Any) -> int | None:
    return numbers(value, "a subscript")[0]


def _one_hot(name: str, indices: Any, depth: Any) -> Any:
    return named(name, ops.one_hot, indices, int(np.asarray(depth)))


OPERATIONS: dict[str, Operation] = {
    "shape": _shape,
    "reshape": _reshape,
    "keras.backend.batch_flatten": layer_of_one(layers.Flatten),
    "concat": _concat,
    "stack": _stack,
    "unstack": _unstack,
    "split": _split,
    "transpose": _transpose,
    "squeeze": _squeeze,
    "expand_dims": _expand_dims,
    "cast": _cast,
    "identity": _identity,
    "ensure_shape": _identity,
    "tile": _tile,
    "repeat": _repeat,
    "roll": _roll,
    "reverse": _reverse,
    "gather": _gather,
    "slice": _slice,
    "__operators__.getitem": _getitem,
    "one_hot": _one_hot,
    "zeros_like": call_of_one(ops.zeros_like),
    "ones_like": call_of_one(ops.ones_like),
}
