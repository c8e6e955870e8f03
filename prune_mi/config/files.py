"""Settings validated, read from YAML and written to it."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from prune_mi.config.search import SearchSettings
from prune_mi.config.settings import OptimizeSettings, RunSettings
from prune_mi.errors import ConfigError

_S = TypeVar("_S", bound=RunSettings)


def make_settings(values: Mapping[str, Any]) -> OptimizeSettings:
    """Validates settings of `optimize`; see `validated`."""
    return validated(OptimizeSettings, values)


def make_search_settings(values: Mapping[str, Any]) -> SearchSettings:
    """Validates settings of `search`; see `validated`."""
    return validated(SearchSettings, values)


def validated(kind: type[_S], values: Mapping[str, Any]) -> _S:
    """Validates settings of one kind of run.

    Raises:
        ConfigError: Names every offending setting, what it was and what it may be.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(_explain(error, kind)) from error


def load_settings(path: Path, **overrides: Any) -> OptimizeSettings:
    """Reads a YAML file of settings; `overrides` that are not None win over the file.

    Raises:
        ConfigError: If the file cannot be read or a setting is wrong.
    """
    return make_settings(read_yaml(path) | {k: v for k, v in overrides.items() if v is not None})


def read_yaml(path: Path) -> dict[str, Any]:
    """Reads a YAML mapping.

    Raises:
        ConfigError: If the file is missing, is not YAML, or is not a mapping.
    """
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the settings file {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigError(
            f"{path} holds a {type(loaded).__name__}; expected `name: value` lines, "
            "as in the files of configs/"
        )
    return {str(key): value for key, value in loaded.items()}


def dump_settings(settings: RunSettings) -> str:
    """Writes settings as YAML that `load_settings` reads back to an equal record."""
    return yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)


def _explain(error: ValidationError, kind: type[BaseModel]) -> str:
    lines = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            known = _known_keys(kind, item["loc"][:-1])
            near = difflib.get_close_matches(str(item["loc"][-1]), known, n=1, cutoff=0.0)
            lines.append(f"unknown setting `{where}` (did you mean `{near[0]}`?)")
        elif item["type"] == "missing":
            lines.append(f"the setting `{where}` is required")
        else:
            message = item["msg"].removeprefix("Value error, ")
            lines.append(f"`{where}` is {item['input']!r}: {message[:1].lower()}{message[1:]}")
    return "; ".join(lines)


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location:
        nested = model.model_fields[str(part)].annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            model = nested
    return list(model.model_fields)
