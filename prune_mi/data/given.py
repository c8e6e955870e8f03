"""From what a user's code gives, or a user passes in Python, to a data set."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from prune_mi.data.arrays import (
    dataset_of_arrays,
    dataset_of_inputs,
    is_wanted,
    require_arrays,
    require_input_arrays,
)
from prune_mi.data.dataset import Dataset
from prune_mi.data.fit_to_model import ModelInput
from prune_mi.data.labels import FormChoice
from prune_mi.data.scratch import Room, note_on_disk
from prune_mi.data.splits import SPLIT_WORDS
from prune_mi.data.streams import by_input, is_stream, read_stream
from prune_mi.data.user_code import told_of
from prune_mi.errors import DataError

Given = Any
"""A name or path, a `Dataset`, or what `load_given` takes; nothing narrower holds arrays, datasets
and generators of several libraries."""

_PAIRS = "give (x, y) for each split"
_ACCEPTED = (
    "expected (x_train, y_train, x_test, y_test), or six arrays in the order train, validation, "
    "test; or a dict of arrays named as in an .npz; or a tuple (train, test) or (train, "
    "validation, test), or a dict of these, each of them (x, y), (x, y, sample_weight), a "
    "tf.data.Dataset, a keras.utils.PyDataset, or an iterable of samples or batches"
)


def load_given(
    given: Given, choose_form: FormChoice, *, source: str, inputs: Sequence[ModelInput] = ()
) -> Dataset:
    """The data set of arrays, datasets or iterables.

    Args:
        given: Arrays `(x_train, y_train, x_test, y_test)`, six of them in the order train,
            validation, test; or a dict of arrays by the names of an `.npz`; or a tuple of splits
            `(train, test)` or `(train, validation, test)`, or a dict of them by name. A split is
            `x`, `(x, y)`, `(x, y, sample_weight)`, a `tf.data.Dataset`, a `keras.utils.PyDataset`,
            an iterable of samples or batches, or a function that gives one of these. For several
            inputs `x` is a dict by name, or a tuple in the model's order.
        choose_form: Says what the labels are.
        source: How messages name it.
        inputs: The model's; none where there is no model yet.

    Raises:
        DataError: If it is none of these, a split is missing, or one cannot be read to its end.
    """
    if isinstance(given, Dataset):
        return given
    splits = _by_split(given, source)
    missing = [split for split in ("train", "test") if split not in splits]
    if missing:
        raise DataError(
            f"{source} gives {' and '.join(splits)} but no {' and no '.join(missing)}; expected "
            "train and test: keep samples apart that the model was not trained on"
        )
    room = Room()
    arrays: dict[str, np.ndarray] = {}
    for split, value in splits.items():
        arrays |= _arrays_of(value, split, source=source, inputs=inputs, room=room)
    with_labels = [split for split in splits if f"y_{split}" in arrays]
    if with_labels and len(with_labels) < len(splits):
        without = [split for split in splits if split not in with_labels]
        raise DataError(
            f"{source} gives labels for {' and '.join(with_labels)}, but none for "
            f"{' and '.join(without)}; expected labels for all or for none: {_PAIRS}"
        )
    if len(inputs) > 1:
        require_input_arrays(tuple(arrays), inputs, choose_form, source=source)
        found = dataset_of_inputs(arrays, inputs, choose_form, source=source)
    else:
        known = {name: each for name, each in arrays.items() if is_wanted(name)}
        require_arrays(tuple(known), choose_form, source=source, remedy=_PAIRS)
        found = dataset_of_arrays(known, choose_form, source=source)
    if room.used_bytes:
        told = note_on_disk(room.used_bytes, source)
        found = replace(found, notes=(*found.notes, told))
    return found


def _by_split(given: Given, source: str) -> dict[str, Any]:
    """What is given for each split, in the order train, test, val."""
    if isinstance(given, Mapping):
        named = _of_mapping({str(name): value for name, value in given.items()})
        if named:
            return _ordered(named)
        raise DataError(
            f"{source} gives a dict with {', '.join(map(str, given)) or 'nothing in it'}; "
            f"{_ACCEPTED}"
        )
    if not isinstance(given, tuple | list):
        kind = type(given).__name__
        fault = (
            "one dataset for all splits" if is_stream(given) else f"one object, of the type {kind}"
        )
        raise DataError(f"{source} gives {fault}; {_ACCEPTED}")
    parts = list(given)
    if len(parts) in (4, 6):
        pairs = [tuple(parts[place : place + 2]) for place in range(0, len(parts), 2)]
        names = ("train", "test") if len(pairs) == 2 else ("train", "val", "test")
        return _ordered(dict(zip(names, pairs, strict=True)))
    if len(parts) in (2, 3):
        names = ("train", "test") if len(parts) == 2 else ("train", "val", "test")
        return _ordered(dict(zip(names, parts, strict=True)))
    raise DataError(f"{source} gives {len(parts)} things; {_ACCEPTED}")


def _of_mapping(given: dict[str, Any]) -> dict[str, Any]:
    """A dict of splits, or of arrays by the names of an `.npz`, by split; empty if neither."""
    if given and all(name.lower() in SPLIT_WORDS for name in given):
        return {SPLIT_WORDS[name.lower()]: value for name, value in given.items()}
    found: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        kind, _, rest = name.replace("sample_weight", "weight").partition("_")
        split, _, of_input = rest.partition("_")
        if kind not in ("x", "y", "weight") or split not in ("train", "test", "val"):
            return {}
        found.setdefault(split, {})[f"{kind}_{of_input}" if of_input else kind] = value
    return {split: _Named(parts) for split, parts in found.items()}


class _Named(dict[str, Any]):
    """The arrays of a split by `x`, `x_NAME`, `y` and `weight`."""


def _ordered(splits: dict[str, Any]) -> dict[str, Any]:
    return {name: splits[name] for name in ("train", "test", "val") if splits.get(name) is not None}


def _arrays_of(
    value: Any, split: str, *, source: str, inputs: Sequence[ModelInput], room: Room
) -> dict[str, np.ndarray]:
    """The arrays of a split, named as in an `.npz`."""
    where = f"the {split} data of {source}"
    if isinstance(value, _Named):
        return _of_named(value, split, where, inputs)
    if isinstance(value, Callable) and not is_stream(value) and not hasattr(value, "__array__"):  # type: ignore[arg-type]
        try:
            value = value()
        except Exception as error:  # the user's code may raise anything
            raise DataError(f"{where} raised {told_of(error)}") from error
    if is_stream(value):
        return read_stream(value, split, where=where, inputs=inputs, room=room)
    named = _Named()
    if isinstance(value, tuple) and len(value) in (2, 3):
        named = _Named(zip(("x", "y", "weight"), value, strict=False))
    elif isinstance(value, Mapping) and "x" in value:
        named = _Named({"x": value["x"], "y": value.get("y"), "weight": value.get("sample_weight")})
    elif value is not None:
        named = _Named(x=value)
    return _of_named(named, split, where, inputs)


def _of_named(
    parts: _Named, split: str, where: str, inputs: Sequence[ModelInput]
) -> dict[str, np.ndarray]:
    found: dict[str, Any] = {}
    for name, value in parts.items():
        if value is None:
            continue
        if name == "x":
            for of_input, each in by_input(value, inputs, where=where).items():
                found[f"x_{split}_{of_input}" if of_input else f"x_{split}"] = each
        elif name == "weight":
            found[f"sample_weight_{split}"] = value
        else:
            kind, _, of_input = name.partition("_")
            found[f"{kind}_{split}_{of_input}" if of_input else f"{kind}_{split}"] = value
    try:
        arrays = {name: np.asarray(value) for name, value in found.items()}
    except Exception as error:  # whatever a library's array raises
        raise DataError(f"{where} is no array: {told_of(error)}; {_ACCEPTED}") from error
    for name, array in arrays.items():
        if not array.ndim:
            raise DataError(f"{name} of {where} is {array.dtype} and no array; {_ACCEPTED}")
    return arrays
