"""What a user says of the order of classes: names or numbers, in words or in a file."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prune_mi.errors import ConfigError

_EXPECTED = (
    "names or numbers of all classes in the order of the model's outputs, with commas between "
    "them, or the path of a file of them: one a line, classes.json, a JSON list, or a JSON object "
    "of names and their places (class_indices of Keras)"
)
_FILE_SUFFIXES = (".json", ".txt", ".csv", ".names", ".lst", ".list")


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
        raise ConfigError(f"`classes` is {said!r}; {fault}; expected {_EXPECTED}")
    return _checked(said.split(","), "`classes`")


def _from_file(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not a text file: {error}; expected {_EXPECTED}") from error
    if path.suffix.lower() != ".json" and not text.lstrip().startswith(("[", "{")):
        lines = [line.strip() for line in text.strip().splitlines()]
        return lines[0].split(",") if len(lines) == 1 and "," in lines[0] else lines
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not JSON: {error}; expected {_EXPECTED}") from error
    if isinstance(values, dict) and "classes" in values:
        values = values["classes"]
    if isinstance(values, dict):
        return _from_places(values, path)
    if not isinstance(values, list) or not all(_is_name(each) for each in values):
        raise ConfigError(f"{path} holds {str(values)[:60]!r}; expected {_EXPECTED}")
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
            f"expected {_EXPECTED}"
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ConfigError(
            f"{where} names {', '.join(map(repr, twice[:5]))} more than once; expected each class "
            "once, in the order of the model's outputs"
        )
    if len(names) < 2:
        raise ConfigError(f"{where} has {len(names)} names; expected {_EXPECTED}")
    return tuple(names)
