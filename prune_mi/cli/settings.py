"""Settings from the options given, over those of a settings file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from prune_mi.config import Origin, RunSettings, read_yaml, validated
from prune_mi.data.class_order import read_class_list
from prune_mi.data.sources import require_named
from prune_mi.errors import ConfigError

READING = {"data", "scaling", "output", "task", "classes", "allow_weak_model"}
"""Settings of every command that asks models about data."""

_S = TypeVar("_S", bound=RunSettings)


def resolve(
    kind: type[_S],
    given: dict[str, Any],
    config: Path | None = None,
    before: Mapping[str, Any] | None = None,
) -> _S:
    """The settings that a command goes by.

    Args:
        kind: Of which command.
        given: Options by the names of settings; those that are None were not given.
        config: A settings file, or None; options win over it, within a group setting by setting.
        before: Settings of a run that goes on; what is said now wins over them.

    Raises:
        ConfigError: If the file cannot be read, a setting is wrong, classes cannot be
            read, or no data was named.
        DataError: If there is no such data.
    """
    values = {**(before or {}), **(read_yaml(config) if config is not None else {})}
    for key, value in given.items():
        group = values.get(key)
        if isinstance(group, dict) and isinstance(value, dict):
            values[key] = {**group, **value}  # what else the file says of the group stays
        elif value is not None:
            values[key] = value
    if "data" not in values:
        raise ConfigError(
            "no data was given; expected --data with a data set's name, an .npz, an image folder "
            "or a cifar-10-batches-py folder"
        )
    settings = validated(kind, values, Origin(config, given, options=True))
    require_named(str(settings.data))  # seconds before Keras is imported, as the next
    if settings.classes is not None:
        read_class_list(settings.classes)
    return settings
