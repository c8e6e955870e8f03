"""Data that are handed over from Python: what may be, and a data set of it.

Arrays are read and never written; those of type uint8 and float32 are not copied.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from prune_mi.config import Given
from prune_mi.data.dataset import Dataset
from prune_mi.data.fit_to_model import ModelInput
from prune_mi.data.npz_file import dataset_of_arrays, dataset_of_inputs
from prune_mi.errors import DataError, first_line
from prune_mi.records import in_memory

_REQUIRED = ("x_train", "y_train", "x_test", "y_test")
_ORDER = (*_REQUIRED, "x_val", "y_val")
_ARRAYS = in_memory("arrays")
_EXPECTED = (
    "expected a data set's name, a path, the arrays (x_train, y_train, x_test, y_test) with "
    "perhaps x_val and y_val behind them, or a dict of arrays by these names"
)


def data_setting(data: object) -> str | Given:
    """What the setting `data` is for what a function in Python received.

    Args:
        data: A data set's name, or a path; a tuple of the four or six arrays, or of the two pairs
            that `keras.datasets` gives; a dict of arrays by their names; a `Dataset`; or a `Given`.
            For a model with several inputs each `x` is a dict of arrays by the inputs' names, or a
            list of arrays in the inputs' order.

    Raises:
        DataError: If it is none of these.
    """
    if isinstance(data, Given | str):
        return data
    if isinstance(data, os.PathLike):
        return os.fsdecode(data)
    if isinstance(data, Dataset):
        return Given(data, in_memory(data.source))
    if isinstance(data, Mapping):
        return Given(_complete({str(name): each for name, each in data.items()}), _ARRAYS)
    if isinstance(data, tuple | list):
        pairs = len(data) == 2 and all(isinstance(each, tuple | list) for each in data)
        arrays = [each for pair in data for each in pair] if pairs else data
        if len(arrays) in (len(_REQUIRED), len(_ORDER)):
            return Given(_complete(dict(zip(_ORDER, arrays, strict=False))), _ARRAYS)
        raise DataError(f"the data are a {type(data).__name__} of {len(data)} parts; {_EXPECTED}")
    raise DataError(f"the data are of the type {type(data).__name__}; {_EXPECTED}")


def load_given(given: Given, inputs: Sequence[ModelInput] = ()) -> Dataset:
    """A data set of what was handed over.

    Args:
        given: As `data_setting` made it.
        inputs: The model's; empty where there is no model.

    Raises:
        DataError: If arrays are missing, or one is of the wrong type or shape.
    """
    if isinstance(given.value, Dataset):
        return given.value
    arrays: dict[str, np.ndarray] = {}
    for name, value in given.value.items():
        parts = _parts(value, name, inputs)
        if parts is None:
            arrays[name] = _array(value, name)
        elif len(inputs) == 1:
            (part,) = parts.values()
            arrays[name] = _array(part, name)
        else:
            for each, part in parts.items():
                arrays[f"{name}_{each}"] = _array(part, f"{name}_{each}")
    if len(inputs) > 1:
        return dataset_of_inputs(arrays, tuple(arrays), inputs, str(given))
    return dataset_of_arrays(arrays, str(given))


def _complete(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays that are not None, where none is missing.

    For several inputs there may be `x_train_left` and `x_train_right` in place of `x_train`.
    """
    there = {name: value for name, value in arrays.items() if value is not None}
    known = {name: _whole(name) for name in there}
    unknown = [name for name, whole in known.items() if whole is None]
    missing = [name for name in _REQUIRED if name not in known.values()]
    alone = {"x_val", "y_val"} & set(known.values())
    if len(alone) == 1:
        missing += sorted({"x_val", "y_val"} - alone)
    faults = [f"lack {', '.join(missing)}"] * bool(missing)
    faults += [f"have {', '.join(unknown)}, which is no name that is known"] * bool(unknown)
    if faults:
        raise DataError(f"the data {' and '.join(faults)}; {_EXPECTED}")
    return there


def _whole(name: str) -> str | None:
    """`x_train` of `x_train` and of `x_train_left`; None of another name."""
    parts = (each for each in _ORDER if each[0] == "x" and name.startswith(f"{each}_"))
    return name if name in _ORDER else next(parts, None)


def _parts(value: Any, name: str, inputs: Sequence[ModelInput]) -> dict[str, Any] | None:
    """The arrays of several inputs by their names; None where there is one array."""
    if isinstance(value, Mapping):
        parts = {str(each): part for each, part in value.items()}
    elif isinstance(value, tuple | list) and value and all(_is_array(each) for each in value):
        if len(value) != len(inputs):
            return None  # the rows of one array
        parts = {each.name: part for each, part in zip(inputs, value, strict=True)}
    else:
        return None
    if len(inputs) < 2 and len(parts) != 1:
        raise DataError(
            f"{name} has the parts {', '.join(parts)}, but there is one input; expected one array"
        )
    return parts


def _is_array(value: Any) -> bool:
    return len(getattr(value, "shape", ())) > 1


def _array(value: Any, name: str) -> np.ndarray:
    """What can be read as one array, as a view that nothing can be written through."""
    try:
        array = np.asarray(value).view()
    except Exception as error:  # other libraries' arrays raise what they like
        raise DataError(
            f"{name} of the type {type(value).__name__} cannot be read as an array: "
            f"{first_line(error)}; expected a NumPy array"
        ) from error
    array.flags.writeable = False
    return array
