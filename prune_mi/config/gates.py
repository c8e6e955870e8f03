"""The gates of `prune-mi check`: what a candidate may lose, and what it must save."""

import math
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field

from prune_mi.config.complaints import Origin
from prune_mi.config.declare import GATES, setting
from prune_mi.config.files import read_yaml_text, validated
from prune_mi.config.settings import Settings
from prune_mi.errors import ConfigError

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(b|kb|mb|gb|kib|mib|gib)?")
_UNITS = {None: 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30}
_FILES = ("prune-mi.yaml", "pyproject.toml")


def parse_bytes(value: object) -> object:
    """Reads `300KB`, `1.5 MiB` or a number of bytes.

    Raises:
        ValueError: If a text is none of these.
    """
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip().lower())
    size = float(match[1]) * _UNITS[match[2]] if match is not None else math.inf
    if not math.isfinite(size):
        raise ValueError("expected a size such as 300KB, 1.5MB or 64KiB")
    return round(size)


Bytes = Annotated[int, BeforeValidator(parse_bytes), Field(gt=0)]


def _fraction(text: str, default: float | None = None, **bounds: Any) -> Any:
    """A field of `Gates` that is a fraction, from 0 to below 1 unless its bounds say otherwise."""
    return setting(default, text, panel=GATES, **(bounds or {"ge": 0}), lt=1)


class Gates(Settings):
    """What a candidate is held to against its baseline; None is no gate."""

    max_accuracy_drop: float | None = _fraction(
        "Largest allowed loss of accuracy, as a fraction: 0.01."
    )
    max_class_drop: float | None = _fraction(
        "Largest allowed loss of accuracy in any single class, as a fraction."
    )
    max_flips: float | None = _fraction(
        "Largest allowed share of test images whose answer changes, as a fraction.", gt=0
    )
    min_size_reduction: float | None = _fraction(
        "Smallest required reduction of the file size, as a fraction. Both models are measured as "
        ".keras files without optimizer state."
    )
    min_macs_reduction: float | None = _fraction(
        "Smallest required reduction of the multiply-accumulates (MACs), as a fraction."
    )
    min_params_reduction: float | None = _fraction(
        "Smallest required reduction of the parameters, as a fraction."
    )
    max_size: Bytes | None = setting(
        None, "Largest allowed size of the candidate's file, such as 300KB.", panel=GATES
    )
    confidence: float = _fraction(
        "Confidence with which the first three gates must hold.", 0.9, gt=0.5
    )


GATE_NAMES = tuple(name for name in Gates.model_fields if name != "confidence")


def make_gates(values: Mapping[str, Any], origin: Origin | None = None) -> Gates:
    """Validates gates.

    Args:
        values: By the names of fields.
        origin: Where they were given, for what is said of a wrong one.

    Raises:
        ConfigError: If a value or a name is wrong, or there is no gate at all.
    """
    gates = validated(Gates, values, origin)
    if all(getattr(gates, name) is None for name in GATE_NAMES):
        options = ", ".join(f"--{name.replace('_', '-')}" for name in GATE_NAMES)
        where = (
            f"one or more of {options.replace('--', '--gate ')}"
            if origin is not None and origin.prefix
            else f"one or more of {options}, or the same names under `check` in prune-mi.yaml or "
            "under [tool.prune-mi.check] in pyproject.toml"
        )
        raise ConfigError(f"there is nothing to check: no gate was given; expected {where}")
    return gates


def read_gates(given: Mapping[str, Any], *, folder: Path) -> tuple[Gates, Path | None]:
    """The gates that options give, and for the rest those that a repository carries.

    Args:
        given: By the names of fields; those that are None were not given.
        folder: Where `prune-mi.yaml` (its `check`) or `pyproject.toml` (`[tool.prune-mi.check]`)
            may lie. The first of the two that has any is read.

    Returns:
        The gates, and the file that was read, if any.

    Raises:
        ConfigError: If the file cannot be read, says something that is not known, a value is wrong,
            or there is no gate at all.
    """
    file, values = None, {}
    for path in (folder / name for name in _FILES):
        if path.is_file() and (section := _section(path)) is not None:
            file, values = path, section
            break
    said = {name: value for name, value in given.items() if value is not None}
    return make_gates({**values, **said}, Origin(file, given, options=True)), file


def gates_of_pairs(pairs: list[str]) -> Gates | None:
    """Gates given as `NAME=VALUE`, with the names of the options of `prune-mi check`.

    Returns:
        None where there are no pairs.

    Raises:
        ConfigError: If a pair is none, a name is unknown or given twice, or a value is wrong.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        key = _key(name)
        if not equals or key not in Gates.model_fields:
            names = ", ".join(each.replace("_", "-") for each in Gates.model_fields)
            raise ConfigError(
                f"`--gate` is {pair!r}; expected NAME=VALUE, such as max-flips=0.03, with a name "
                f"out of {names}"
            )
        if key in values:
            raise ConfigError(f"`--gate` names {name.strip()} twice; expected each gate once")
        values[key] = value.strip()
    if not values:
        return None
    return make_gates(values, Origin(None, values, options=True, prefix="--gate "))


def _key(name: object) -> str:
    """The field that a gate's name means, however it is written."""
    return str(name).strip().removeprefix("--").replace("-", "_")


def _section(path: Path) -> dict[str, Any] | None:
    """The gates that a file has under `check`, by field; None where it says nothing of them.

    Raises:
        ConfigError: If it cannot be read, or says something that is not known.
    """
    try:
        text = path.read_text(encoding="utf-8")
        whole = read_yaml_text(text) if path.suffix == ".yaml" else tomllib.loads(text)
    except (OSError, UnicodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    where = f"{path}"
    if path.suffix == ".toml":
        where = f"[tool.prune-mi] in {path}"
        tools = whole.get("tool", {}) if isinstance(whole, dict) else {}
        whole = tools.get("prune-mi") if isinstance(tools, dict) else None
    if whole is None:
        return None
    if not isinstance(whole, dict):
        raise ConfigError(f"{where} is {whole!r}; expected `check` with `name: value` pairs")
    unknown = [str(key) for key in whole if key != "check"]
    if unknown:
        told = f"{where} has {', '.join(map(repr, unknown))}; expected `check` alone"
        gates = [each for each in unknown if _key(each) in Gates.model_fields]
        raise ConfigError(f"{told}: move {', '.join(gates)} under it" if gates else told)
    section = whole.get("check")
    if section is None:
        return None
    if not isinstance(section, dict):
        raise ConfigError(f"`check` in {path} is {section!r}; expected `name: value` pairs")
    values: dict[str, Any] = {}
    for name, value in section.items():
        key = _key(name)
        if key in values:
            raise ConfigError(f"`check` in {path} names {name} twice; expected each gate once")
        if value is None or isinstance(value, bool):
            raise ConfigError(f"`{name}` in {path} is {value!r}; expected a number, or a size")
        values[key] = value
    return values
