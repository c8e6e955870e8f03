"""What is wrong with some settings, in words that say where each was given and what it may be."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from prune_mi.config.declare import group_of
from prune_mi.config.search import SearchSettings
from prune_mi.config.settings import OptimizeSettings

_COMMANDS: Mapping[type[BaseModel], str] = {OptimizeSettings: "optimize", SearchSettings: "search"}
_NEAR = 0.6  # of the letters of a name
_EXPECTED = {
    "bool": "true or false",
    "string": "a text",
    "tuple": "a list",
    "dict": "names, each with a number",
    "invalid": "the name of a setting",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where settings were given.

    Attributes:
        file: A settings file, or None.
        beside: What was given beside it, by the names of settings; those that are None were not.
        options: Whether that was by options of the command line.
        prefix: What stands before their names, such as `--gate `; empty is `--`.
    """

    file: Path | None = None
    beside: Mapping[str, Any] = field(default_factory=dict)
    options: bool = False
    prefix: str = ""

    def of(self, location: tuple[str, ...]) -> str:
        """A setting as the user wrote it: the option, or its name and the file."""
        given: Any = self.beside
        for part in location:
            given = given.get(part) if isinstance(given, Mapping) else None
        name = ".".join(location)
        if given is not None:
            option = f"{self.prefix or '--'}{location[-1].replace('_', '-')}"
            return f"`{option}`" if self.options else f"`{name}`"
        return f"`{name}`" if self.file is None else f"`{name}` in {self.file}"


def complaint(error: ValidationError, kind: type[BaseModel], origin: Origin) -> str:
    """Names every offending setting, what it was and what it may be."""
    found: dict[tuple[str, ...], list[ErrorDetails]] = {}
    for item in error.errors():
        found.setdefault(_location(item, kind), []).append(item)
    # Of a setting that may be of several types, those that do not fit at all say nothing more.
    deepest = [
        (location, items)
        for location, items in found.items()
        if not any(other[: len(location)] == location for other in found.keys() - {location})
    ]
    return ". ".join(_line(location, items, kind, origin) for location, items in deepest)


def _location(item: ErrorDetails, kind: type[BaseModel]) -> tuple[str, ...]:
    """The path of a setting, without the tags of the types that it may be of."""
    parts = list(map(str, item["loc"]))
    if not parts or parts[0] not in kind.model_fields:
        return tuple(parts)
    tags = [each for each in parts[1:] if each == "str" or each.startswith("dict[")]
    return tuple(part for part in parts if part not in tags)


def _line(
    location: tuple[str, ...], items: list[ErrorDetails], kind: type[BaseModel], origin: Origin
) -> str:
    name, first = origin.of(location), items[0]
    if first["type"] == "missing":
        return f"the setting `{'.'.join(location)}` is required"
    if first["type"] == "extra_forbidden":
        return f"unknown setting {name}; {_instead(location, kind)}"
    fields = _fields(kind)
    info = fields.get(location) or fields.get(location[:1])
    expected = " or ".join(dict.fromkeys(_expected(item, info) for item in items))
    return f"{name} is {first['input']!r}; expected {expected}"


def _instead(location: tuple[str, ...], kind: type[BaseModel]) -> str:
    """What may have been meant by a setting that there is not."""
    *groups, last = location
    for path in _fields(kind):
        if path[-1] == last:
            where = f"within `{path[0]}`" if len(path) > 1 else "outside of any group"
            return f"expected `{last}` {where}"
    for other, command in _COMMANDS.items():
        if other is not kind and location in _fields(other):
            own = _COMMANDS.get(kind, "check")
            return f"it is one of `prune-mi {command}`, not of `prune-mi {own}`"
    known = [path[-1] for path in _fields(kind) if path[:-1] == tuple(groups)]
    near = difflib.get_close_matches(last, known, n=1, cutoff=_NEAR)
    return f"did you mean `{near[0]}`?" if near else f"expected one of {', '.join(known)}"


def _fields(kind: type[BaseModel]) -> dict[tuple[str, ...], FieldInfo]:
    """All settings of a kind by their paths, those of groups too."""
    found: dict[tuple[str, ...], FieldInfo] = {}
    for name, info in kind.model_fields.items():
        found[name,] = info
        if (group := group_of(info)) is not None:
            found |= {(name, *path): each for path, each in _fields(group).items()}
    return found


def _expected(item: ErrorDetails, info: FieldInfo | None) -> str:
    kind = item["type"].split("_")[0]
    if item["type"] == "value_error":
        return item["msg"].removeprefix("Value error, ").removeprefix("expected ")
    if kind == "literal":
        return str(item["ctx"]["expected"])
    if kind == "model" and info is not None and (group := group_of(info)) is not None:
        return f"settings of its own: {', '.join(group.model_fields)}"
    if kind in ("int", "float", "finite", "greater", "less"):
        whole = info is not None and int in (info.annotation, *get_args(info.annotation))
        number = "whole number" if whole else "finite number" if kind == "finite" else "number"
        return f"a {number}{bounds_text(item, info)}"
    return _EXPECTED.get(kind) or item["msg"]


def bounds_text(item: Mapping[str, Any], info: FieldInfo | None) -> str:
    """The bounds of a number, in words; empty where there are none.

    Args:
        item: What pydantic found wrong with it; may be empty.
        info: The setting.
    """
    bounds = dict(item.get("ctx", {}))
    for each in info.metadata if info is not None else ():
        for name in ("ge", "gt", "le", "lt"):
            if hasattr(each, name):
                bounds[name] = getattr(each, name)
    words = {"ge": "of at least", "gt": "above", "le": "at most", "lt": "below"}
    told = [f"{words[name]} {_digits(bounds[name])}" for name in words if name in bounds]
    return f" {' and '.join(told)}" if told else ""


def _digits(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)
