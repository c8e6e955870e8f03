"""Settings validated, read from YAML and written to it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from prune_mi.config.complaints import Origin, complaint
from prune_mi.config.search import SearchSettings
from prune_mi.config.settings import OptimizeSettings, RunSettings, Settings
from prune_mi.errors import ConfigError

_S = TypeVar("_S", bound=Settings)


def make_settings(values: Mapping[str, Any]) -> OptimizeSettings:
    """Validates settings of `optimize`; see `validated`."""
    return validated(OptimizeSettings, values)


def make_search_settings(values: Mapping[str, Any]) -> SearchSettings:
    """Validates settings of `search`; see `validated`."""
    return validated(SearchSettings, values)


def validated(kind: type[_S], values: Mapping[str, Any], origin: Origin | None = None) -> _S:
    """Validates settings.

    Args:
        kind: Of which run, or of gates.
        values: Settings by name.
        origin: Where they were given, for what is said of a wrong one.

    Raises:
        ConfigError: Names every offending setting, what it was and what it may be.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(complaint(error, kind, origin or Origin())) from error


def read_yaml(path: Path) -> dict[str, Any]:
    """Reads a YAML mapping.

    Raises:
        ConfigError: If the file is missing, is not YAML, or is not a mapping.
    """
    try:
        loaded = read_yaml_text(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the settings file {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigError(
            f"{path} holds a {type(loaded).__name__}; expected `name: value` lines, "
            "as in the files of configs/"
        )
    return {str(key): value for key, value in loaded.items()}


def read_yaml_text(text: str) -> Any:
    """Plain values from YAML, where no name stands twice in a mapping.

    Raises:
        yaml.YAMLError: If it is not YAML, or a name stands twice.
    """
    return yaml.load(text, Loader=_EachNameOnce)


class _EachNameOnce(yaml.SafeLoader):
    """PyYAML takes the last of two equal names, and says nothing of the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        merge = "tag:yaml.org,2002:merge"  # `<<: *other`, whose names may be given anew
        keys = [key for key, _ in node.value if key.tag != merge]
        names = [self.construct_object(key, deep=True) for key in keys]
        twice = [name for place, name in enumerate(names) if name in names[:place]]
        if twice:
            raise yaml.constructor.ConstructorError(
                None, None, f"{twice[0]!r} stands twice in one mapping", node.start_mark
            )
        return super().construct_mapping(node, deep)


def dump_settings(settings: RunSettings) -> str:
    """Writes settings as YAML; what `read_yaml` reads of it makes an equal record."""
    return yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)
