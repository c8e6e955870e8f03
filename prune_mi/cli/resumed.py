"""`--resume` of `optimize` and of `search`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prune_mi.cli.settings import resolve
from prune_mi.config import Gates, OptimizeSettings, SearchSettings
from prune_mi.errors import ConfigError
from prune_mi.records import Observer
from prune_mi.records.events import Command
from prune_mi.runs.extension import require_time
from prune_mi.runs.lock import require_unlocked
from prune_mi.runs.resumption import read_before, require_handed_over

_OPTIONS = {
    "path": "--from",
    "model_json": "--model-json",
    "allow_unsafe": "--allow-unsafe",
    "custom_objects": "--custom-objects",
}


def resumed(
    command: Command,
    folder: Path,
    given: dict[str, Any],
    config: Path | None,
    *,
    refused: Mapping[str, object],
    said: Mapping[str, Any],
    gates: Gates | None = None,
    began: float | None,
) -> Callable[[Observer], Any]:
    """A run that goes on, to be handed an observer.

    Args:
        command: Which was called.
        folder: The run folder.
        given: Options by the names of settings.
        config: A settings file, or None.
        refused: Options that make no sense here, and what was said of them.
        said: What is said of the model file, by the names of `ModelSource`; of a search from
            nothing, nothing may be.
        gates: What the result is held to; None: what it was.
        began: When the command began, on `time.monotonic`.

    Raises:
        ConfigError: If the run was begun by another command, or a setting may not be another now.
        RunFolderError: If there is no run that could go on.
    """
    for name, value in refused.items():
        if value:
            raise ConfigError(f"received --resume and {name}; expected one of them")
    before = read_before(folder)
    if before.started.command != command:
        raise ConfigError(
            f"the run in {folder} was begun by {before.started.command}; expected "
            f"prune-mi {before.started.command} --resume {folder}"
        )
    require_unlocked(folder)
    said = {name: each for name, each in said.items() if each}
    if said and not before.source:
        raise ConfigError(
            f"the search in {folder} began from scratch; expected nothing about a model, and "
            f"received {', '.join(map(_OPTIONS.__getitem__, said))}"
        )
    has_data = given.get("data") is not None
    require_handed_over(before, model="path" in said, data=has_data)
    kind = OptimizeSettings if command == "optimize" else SearchSettings
    wanted = resolve(kind, given, config, before.settings)
    changes = before.changes(wanted.model_dump(mode="json"))  # seconds before Keras is imported
    require_time(before, changes)

    def run(observer: Observer) -> Any:
        from prune_mi.commands.resume import go_on

        return go_on(before, wanted, said=said, gates=gates, observer=observer, started=began)

    return run
