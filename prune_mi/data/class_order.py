"""The order of classes: in which the data have them, in which a model may, and which a user says.

`keras.utils.image_dataset_from_directory` sorts the names of folders as strings, so that 10 comes
before 2; people sort numbers as numbers, and names without regard to capitals.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from prune_mi.data.dataset import Dataset
from prune_mi.errors import DataError, listed

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
_DIGITS = re.compile(r"([0-9]+)")
_TOLD = 8


@dataclass(frozen=True, slots=True)
class ClassOrder:
    """An order that a model may have the classes of some data in.

    Attributes:
        name: In a few words.
        places: For each output of the model, the class of the data that it stands for.
    """

    name: str
    places: tuple[int, ...]

    @property
    def is_as_loaded(self) -> bool:
        """Whether the data have it already."""
        return self.places == tuple(range(len(self.places)))

    def relabelled(self, labels: np.ndarray) -> np.ndarray:
        """Labels of the data, int `(N,)`, as places of the model's outputs, int64 `(N,)`."""
        outputs = np.empty(len(self.places), dtype=np.int64)
        outputs[list(self.places)] = np.arange(len(self.places))
        return np.asarray(outputs[labels])


def as_loaded(num_classes: int) -> ClassOrder:
    """The order that the data have."""
    return ClassOrder("as loaded", tuple(range(num_classes)))


def other_orders(data: Dataset) -> tuple[ClassOrder, ...]:
    """The orders that people sort such names in, all different from that of the data.

    None where the order is known. Classes without names are sorted as their numbers are.
    """
    if data.order_known:
        return ()
    names = class_names(data)
    found: dict[tuple[int, ...], str] = {}
    for name, places in _sorted_places(names):
        found.setdefault(places, name)
    found.pop(tuple(range(len(names))), None)
    return tuple(ClassOrder(name, places) for places, name in found.items())


def class_names(data: Dataset) -> tuple[str, ...]:
    """The names of the classes, which are their numbers where they have no others."""
    return data.class_names or tuple(map(str, range(data.num_classes)))


def reordered(data: Dataset, order: ClassOrder) -> Dataset:
    """The data with its labels, and the names of its classes, in a model's order."""
    if order.is_as_loaded:
        return data
    names = class_names(data)
    return replace(
        data.mapped(labels=order.relabelled),
        class_names=tuple(names[place] for place in order.places),
        order_known=True,
    )


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
            f"{len(names)} classes were given ({_quoted(names)}), but the model has "
            f"{num_classes}; expected one for each of its outputs, in their order (--classes)"
        )
    if not data.class_names:
        return _numbered(data, names)
    places = _known_places(names, data.class_names)
    unknown = [name for name, place in zip(names, places, strict=True) if place is None]
    missing = [name for place, name in enumerate(data.class_names) if place not in places]
    if unknown or missing:
        faults = [
            *([f"{_quoted(unknown)} {_is(unknown)} no class of {data.source}"] if unknown else []),
            *([f"{_quoted(missing)} of {data.source} {_is(missing)} not given"] if missing else []),
        ]
        raise DataError(
            f"the classes given do not fit the data: {', and '.join(faults)}; expected, in the "
            f"order of the model's outputs, {_quoted(data.class_names)}"
        )
    order = ClassOrder("as given", tuple(place for place in places if place is not None))
    return replace(reordered(data, order), order_known=True)


def _known_places(names: Sequence[str], known: Sequence[str]) -> list[int | None]:
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
                f"which the classes given ({_quoted(names)}) do not have; expected every label, in "
                "the order of the model's outputs (--classes)"
            )
        return np.asarray([outputs[int(label)] for label in found], dtype=np.int64)[rows]

    changed: dict[str, Any] = {
        f"y_{split}": renumbered(labels, split) for split, _, labels in data.splits()
    }
    return replace(data, **changed, class_names=tuple(names), order_known=True)


def _quoted(names: Sequence[str]) -> str:
    return listed([repr(name) for name in names], _TOLD)


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _sorted_places(names: Sequence[str]) -> Iterator[tuple[str, tuple[int, ...]]]:
    if all(_WHOLE_NUMBER.fullmatch(name) for name in names):
        yield "sorted as numbers", _by(names, int)
    else:
        yield "sorted by the numbers in their names", _by(names, _natural)
        yield "sorted without regard to capitals", _by(names, str.casefold)
        yield (
            "sorted by the numbers in their names, without regard to capitals",
            _by(names, lambda name: _natural(name.casefold())),
        )
    yield "sorted as strings", _by(names, str)


def _by(names: Sequence[str], key: Callable[[str], Any]) -> tuple[int, ...]:
    return tuple(sorted(range(len(names)), key=lambda place: (key(names[place]), names[place])))


def _natural(name: str) -> list[str | int]:
    """Texts and numbers in turn, so that two names compare text with text."""
    return [int(part) if place % 2 else part for place, part in enumerate(_DIGITS.split(name))]
