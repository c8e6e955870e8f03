"""The order of classes: in which the data have them, and in which a model may.

`keras.utils.image_dataset_from_directory` sorts the names of folders as strings, so that 10 comes
before 2; people sort numbers as numbers, and names without regard to capitals.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from prune_mi.data.dataset import Dataset

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
_DIGITS = re.compile(r"([0-9]+)")


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
        data,
        y_train=order.relabelled(data.y_train),
        y_test=order.relabelled(data.y_test),
        y_val=None if data.y_val is None else order.relabelled(data.y_val),
        class_names=tuple(names[place] for place in order.places),
        order_known=True,
    )


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
