"""What all counterparts of TensorFlow operations share."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from prune_mi.errors import ModelError

Operation = Callable[..., Any]  # (name, *args, **kwargs), with TensorFlow's argument names


def is_tensor(value: Any) -> bool:
    """Whether a call's argument is a tensor of the model and not a constant."""
    return isinstance(value, keras.KerasTensor)


def named(name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Calls a function of `keras.ops` so that the operation has a name of its own."""
    result = function(*args, **kwargs)
    for each in keras.tree.flatten(result):
        if is_tensor(each):
            each._keras_history.operation.name = name
    return result


def layer(cls: Any, name: str, inputs: Any, **config: Any) -> Any:
    """Calls a new layer that computes in the dtype of its input, as an operation does."""
    first = keras.tree.flatten(inputs)[0]
    floating = keras.backend.is_float_dtype(first.dtype)
    return cls(name=name, dtype=first.dtype if floating else None, **config)(inputs)


def layer_of_one(cls: Any, **config: Any) -> Operation:
    """A function of one tensor, whatever TensorFlow calls that, which is a layer of Keras."""

    def apply(name: str, *args: Any, **kwargs: Any) -> Any:
        (inputs,) = (*args, *kwargs.values())
        return layer(cls, name, inputs, **config)

    return apply


def call_of_one(function: Callable[..., Any], **options: Any) -> Operation:
    """A function of one tensor, whatever TensorFlow calls that, which is one of `keras.ops`."""

    def apply(name: str, *args: Any, **kwargs: Any) -> Any:
        (inputs,) = (*args, *kwargs.values())
        return named(name, function, inputs, **options)

    return apply


def constant(value: Any, like: Any) -> Any:
    """A constant operand in a form that Keras can save: a number, or an array in a dtype.

    Args:
        value: A number, a nested list, an array, or a tensor, which is returned as it is.
        like: The tensor it is combined with, in whose dtype TensorFlow reads it.
    """
    if is_tensor(value):
        return value
    array = np.asarray(value)
    if array.ndim == 0:
        return array.item()
    return array.astype(keras.backend.standardize_dtype(like.dtype))


def axes(value: Any) -> Any:
    """An axis, or a tuple of them, or None for all."""
    if value is None:
        return None
    array = np.asarray(value)
    return int(array) if array.ndim == 0 else tuple(int(axis) for axis in array)


def numbers(value: Any, what: str) -> list[int | None]:
    """Whole numbers of a call's argument; None is a size that only the data will tell.

    Raises:
        ModelError: If one of them is computed from data.
    """
    if any(map(is_tensor, keras.tree.flatten(value))):
        raise ModelError(f"{what} is computed by the model itself; expected constant numbers")
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    listed = value if isinstance(value, list | tuple) else [value]
    return [None if each is None else int(np.asarray(each)) for each in listed]


def known_numbers(value: Any, what: str) -> list[int]:
    """`numbers` without an unknown one.

    Raises:
        ModelError: If one is unknown.
    """
    found = [each for each in numbers(value, what) if each is not None]
    if len(found) != len(numbers(value, what)):
        raise ModelError(f"{what} depends on a size that is unknown; expected fixed input sizes")
    return found
