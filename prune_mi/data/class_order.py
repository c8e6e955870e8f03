"""The order of classes: in which the data have them, in which a model may, and which a user says.

`keras.utils.image_dataset_from_directory` sorts the names of folders as strings, so that 10 comes
before 2; people sort numbers as numbers, and names without regard to capitals.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from prune_mi.data.dataset import Dataset
from prune_mi.errors import ConfigError, DataError, listed

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
_DIGITS = re.compile(r"([0-9]+)")
_TOLD = 8
_SAID = (
    "names or numbers of all classes in the order of the model's outputs, with commas between "
    "them, or the path of a file of them: one a line, classes.json, a JSON list, or a JSON object "
    "of names and their places (class_indices of Keras)"
)
_FILE_SUFFIXES = (".json", ".txt", ".csv", ".names", ".lst", ".list")


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
        """Classes of the data, int `(N, ...)`, as places of the model's outputs, int64 alike."""
        outputs = np.empty(len(self.places), dtype=np.int64)
        outputs[list(self.places)] = np.arange(len(self.places))
        return np.asarray(outputs[labels])


def as_loaded(num_classes: int) -> ClassOrder:
    """The order that the data have."""
    return ClassOrder("as loaded", tuple(range(num_classes)))


def other_orders(data: Dataset) -> tuple[ClassOrder, ...]:
    """The orders that people sort such names in, all different from that of the data.

    None where the order is known, or there are no classes. Classes without names are sorted as
    their numbers are.
    """
    if data.order_known or data.form not in ("classes", "masks"):
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

    def relabelled(labels: np.ndarray) -> np.ndarray:
        if data.form in ("flags", "numbers"):
            return labels[:, list(order.places)]
        found = order.relabelled(labels)
        return found if data.form == "classes" else found.astype(labels.dtype)

    return replace(
        data.mapped(labels=relabelled),
        class_names=tuple(names[place] for place in order.places),
        order_known=True,
    )


def in_given_order(data: Dataset, names: Sequence[str], *, num_classes: int) -> Dataset:
    """Brings labels and names to the order of a model's outputs.

    Of classes that have names, such as folders, `names` are these, or numbers that say the same
    (`1` for a folder `01`); where no name is a number, numbers are places in the order that the
    data have. Of labels without names, numbers say which label each output stands for, and names
    what it is called. Columns of flags, or of numbers to predict, are named and ordered alike.

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
    if data.form in ("flags", "numbers"):
        numbered = replace(data, class_names=class_names(data))
        return in_given_order(numbered, names, num_classes=len(names))
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
        places = np.asarray([outputs[int(label)] for label in found], dtype=np.int64)
        return places[rows.reshape(labels.shape)].astype(labels.dtype, copy=False)

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


def read_class_list(said: str | Sequence[str | int]) -> tuple[str, ...]:
    """Reads the order of classes that was said.

    Args:
        said: Names or numbers, or one text: names with commas between them, or the path of a file.

    Returns:
        Names or numbers, all different, at least two.

    Raises:
        ConfigError: If the file cannot be read or holds something else, a name is empty or there
            twice, or there are fewer than two.
    """
    if not isinstance(said, str):
        return _checked([str(each) for each in said], "`classes`")
    path = Path(said).expanduser()
    try:
        is_file = path.is_file()
    except (OSError, ValueError):  # a long list of names is no path
        is_file = False
    if is_file:
        return _checked(_from_file(path), str(path))
    if "," not in said:
        looks_like_file = path.suffix.lower() in _FILE_SUFFIXES or len(path.parts) > 1
        fault = "there is no such file" if looks_like_file else "that is a single name, no file"
        raise ConfigError(f"`classes` is {said!r}; {fault}; expected {_SAID}")
    return _checked(said.split(","), "`classes`")


def _from_file(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not a text file: {error}; expected {_SAID}") from error
    if path.suffix.lower() != ".json" and not text.lstrip().startswith(("[", "{")):
        lines = [line.strip() for line in text.strip().splitlines()]
        return lines[0].split(",") if len(lines) == 1 and "," in lines[0] else lines
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not JSON: {error}; expected {_SAID}") from error
    if isinstance(values, dict) and "classes" in values:
        values = values["classes"]
    if isinstance(values, dict):
        return _from_places(values, path)
    if not isinstance(values, list) or not all(_is_name(each) for each in values):
        raise ConfigError(f"{path} holds {str(values)[:60]!r}; expected {_SAID}")
    return [str(each) for each in values]


def _from_places(values: dict[str, Any], path: Path) -> list[str]:
    """Names in order, from names with their places or places with their names."""
    if values and all(isinstance(each, str) for each in values.values()):
        names = list(values.values())
        places: list[Any] = [int(each) if each.isdecimal() else each for each in values]
    else:
        names, places = list(values), list(values.values())
    if any(type(each) is not int for each in places) or sorted(places) != list(range(len(places))):
        told = ", ".join(f"{name!r}: {str(each)[:20]}" for name, each in list(values.items())[:4])
        raise ConfigError(
            f"{path} holds {{{told}{', ...' if len(values) > 4 else ''}}}; expected each name with "
            f"its place in the model's outputs, 0 to {max(len(values) - 1, 1)}, every place once"
        )
    return [names[places.index(place)] for place in range(len(places))]


def _is_name(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _checked(names: Sequence[str], where: str) -> tuple[str, ...]:
    names = [name.strip() for name in names]
    if "" in names:
        raise ConfigError(
            f"{where} has no name in place {names.index('')} of {len(names)} (counted from 0); "
            f"expected {_SAID}"
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ConfigError(
            f"{where} names {', '.join(map(repr, twice[:5]))} more than once; expected each class "
            "once, in the order of the model's outputs"
        )
    if len(names) < 2:
        raise ConfigError(f"{where} has {len(names)} names; expected {_SAID}")
    return tuple(names)
