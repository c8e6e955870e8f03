"""Data brought to the order of classes that a user, or a file beside the model, says."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from prune_mi.data.class_order import ClassOrder, reordered
from prune_mi.data.dataset import Dataset
from prune_mi.errors import DataError

_TOLD = 8


def in_given_order(data: Dataset, names: Sequence[str], *, num_classes: int) -> Dataset:
    """Brings labels and names to the order of a model's outputs.

    Of classes that have names, such as folders, `names` are these, or numbers that say the same
    (`1` for a folder `01`); where no name is a number, numbers are places in the order that the
    data have. Of labels without names, numbers say which label each output stands for, and names
    what it is called.

    Args:
        data: As loaded.
        names: One for each output of the model, all different.
        num_classes: Classes of the model.

    Raises:
        DataError: If there are more or fewer names than classes, a name is none of the data's, or
            one of the data's is missing.
    """
    if len(names) != num_classes:
        raise DataError(
            f"{len(names)} classes were given ({_listed(names)}), but the model has "
            f"{num_classes}; expected one for each of its outputs, in their order (--classes)"
        )
    if not data.class_names:
        return _numbered(data, names)
    places = _places(names, data.class_names)
    unknown = [name for name, place in zip(names, places, strict=True) if place is None]
    missing = [name for place, name in enumerate(data.class_names) if place not in places]
    if unknown or missing:
        faults = [
            *([f"{_listed(unknown)} {_is(unknown)} no class of {data.source}"] if unknown else []),
            *([f"{_listed(missing)} of {data.source} {_is(missing)} not given"] if missing else []),
        ]
        raise DataError(
            f"the classes given do not fit the data: {', and '.join(faults)}; expected, in the "
            f"order of the model's outputs, {_listed(data.class_names)}"
        )
    order = ClassOrder("as given", tuple(place for place in places if place is not None))
    return replace(reordered(data, order), order_known=True)


def _places(names: Sequence[str], known: Sequence[str]) -> list[int | None]:
    """The place of each name among those known, or None."""
    exact = {name: place for place, name in enumerate(known)}
    numbers = {int(name): place for place, name in enumerate(known) if name.isdecimal()}
    if len(numbers) != sum(name.isdecimal() for name in known):
        numbers = {}  # 1 and 01: which is meant?
    elif not numbers:
        numbers = {place: place for place in range(len(known))}

    def place_of(name: str) -> int | None:
        if name in exact:
            return exact[name]
        return numbers.get(int(name)) if name.isdecimal() else None

    return [place_of(name) for name in names]


def _numbered(data: Dataset, names: Sequence[str]) -> Dataset:
    """Labels without names: numbers say which is meant, and names are given to them."""
    if not all(name.isdecimal() for name in names):
        return replace(data, class_names=tuple(names), order_known=True)
    outputs = {int(name): output for output, name in enumerate(names)}

    def renumbered(labels: np.ndarray, split: str) -> np.ndarray:
        found, rows = np.unique(labels, return_inverse=True)
        unknown = [str(label) for label in found if int(label) not in outputs]
        if unknown:
            raise DataError(
                f"labels of the {split} split of {data.source} hold {', '.join(unknown[:_TOLD])}, "
                f"which the classes given ({_listed(names)}) do not have; expected every label, in "
                "the order of the model's outputs (--classes)"
            )
        return np.asarray([outputs[int(label)] for label in found], dtype=np.int64)[rows]

    val = None if data.y_val is None else renumbered(data.y_val, "val")
    return replace(
        data,
        y_train=renumbered(data.y_train, "train"),
        y_test=renumbered(data.y_test, "test"),
        y_val=val,
        class_names=tuple(names),
        order_known=True,
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _TOLD
    return ", ".join(map(repr, names[:_TOLD])) + (f" and {more} more" if more > 0 else "")


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
