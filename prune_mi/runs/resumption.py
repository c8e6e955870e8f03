"""A run that goes on: what it was, what may be another now, and from where."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prune_mi.data.sources import DATASET_NAMES
from prune_mi.errors import ConfigError, RunFolderError
from prune_mi.records import events, is_in_memory
from prune_mi.records.events import Event, Resumed, Started
from prune_mi.runs.folder import CHECKPOINTS, EVENTS_FILE
from prune_mi.runs.log import Line, effective, read_events
from prune_mi.runs.words import option_text

OF_THE_SEARCH = (
    *("budget", "generations", "patience", "max_accuracy_drop", "target_accuracy"),
    *("same_structure", "final_epochs"),
)
SOURCE_PATHS = ("path", "model_json", "custom_objects")
_CHANGEABLE = (*OF_THE_SEARCH, "workers")
_CHECKED = ("data", "classes")  # may lie elsewhere by now, and are compared by what they hold


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is another when a run goes on.

    Attributes:
        changes: Settings by name.
        source: What is said otherwise of the model file, by the names of `ModelSource`.
        gates: What the result is held to; None: what it was.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    gates: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Before:
    """What a run has come to.

    Attributes:
        folder: The run's.
        lines: All that is written.
        torn_at: Where a torn last line begins, in bytes, which is left out; None: nowhere.
        told: The events that count.
    """

    folder: Path
    lines: list[Line]
    torn_at: int | None
    told: list[Event]

    @property
    def started(self) -> Started:
        """How it began."""
        first = self.told[0]
        assert isinstance(first, Started)
        return first

    @property
    def elapsed(self) -> float:
        """Seconds that it took so far: until its last event, or a checkpoint after that."""
        written = (self.folder / EVENTS_FILE).stat().st_mtime
        later = [each.stat().st_mtime - written for each in self.folder.glob(f"{CHECKPOINTS}/*")]
        return self.lines[-1].at + max(0.0, *later, 0.0)

    @property
    def is_finished(self) -> bool:
        """Whether there is nothing left to do."""
        return any(isinstance(each, events.Finished) for each in self.told)

    @property
    def ended_before(self) -> bool:
        """Whether it had ended at any time, however it went on then."""
        return any(isinstance(line.event, events.Finished) for line in self.lines)

    @property
    def settings(self) -> dict[str, Any]:
        """As they hold at its end; data and classes where they lie, from wherever that is asked."""
        return {
            name: self._found(each) if name in _CHECKED else each
            for name, each in self._as_told.items()
        }

    @property
    def _as_told(self) -> dict[str, Any]:
        return self._settings(line.event for line in self.lines)

    def _settings(self, told: Iterable[Event]) -> dict[str, Any]:
        found = dict(self.started.settings)
        for event in told:
            if isinstance(event, Resumed):
                found |= event.changes
        return found

    @property
    def source(self) -> Mapping[str, Any]:
        """The model file where it lies, and how it is opened, by the names of `ModelSource`.

        It is empty where there is none.
        """
        source = dict(self.started.source)
        for event in self._resumptions:
            source |= event.source
        return {
            name: self._found(each) if name in SOURCE_PATHS else each
            for name, each in source.items()
        }

    @property
    def gates(self) -> Mapping[str, Any] | None:
        """What the result is held to."""
        given = [event.gates for event in self._resumptions if event.gates is not None]
        return given[-1] if given else self.started.gates

    @property
    def _resumptions(self) -> list[Resumed]:
        return [line.event for line in self.lines if isinstance(line.event, Resumed)]

    def changes(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """What of some settings is another than it was; paths are absolute.

        Raises:
            ConfigError: If one may not be another.
        """
        was, as_told = self.settings, self._as_told
        found = {}
        for name, value in settings.items():
            if name not in _CHECKED:
                if value != was.get(name):
                    found[name] = value
            elif value != as_told.get(name) and absolute(value) != absolute(was.get(name)):
                found[name] = absolute(value)
        for name in found:
            if name not in (*_CHANGEABLE, *_CHECKED):
                raise ConfigError(
                    f"`{name}` is {found[name]!r}, but the run in {self.folder} was started with "
                    f"{was.get(name)!r}; expected the same. What may be another when a run goes on:"
                    f" {', '.join(map(option_text, _CHANGEABLE))}"
                )
        return found

    def resumed(self, wanted: Wanted) -> Resumed:
        """How it goes on.

        Where the search had ended, and might not have with other settings, it goes on behind its
        last generation; where the run had ended, before that. What failed last is tried again: it
        may be what the run ended on, for want of memory that there is by now.
        """
        kinds = [type(each) for each in self.told]
        behind = _failed_last(kinds)
        if set(wanted.changes) & set(OF_THE_SEARCH) and events.SearchEnded in kinds:
            behind = kinds.index(events.SearchEnded)
            if events.GenerationEnded in kinds:
                behind = len(kinds) - kinds[::-1].index(events.GenerationEnded)
        elif self.is_finished:
            behind = kinds.index(events.Finished)
        # Also what earlier resumptions changed that are void now.
        there = self._settings(self.told[:behind])
        settings = {**self._as_told, **wanted.changes}
        changes = {name: each for name, each in settings.items() if there.get(name) != each}
        return Resumed(behind, changes, wanted.source, wanted.gates)

    def _found(self, said: Any) -> Any:
        """What was said in the folder that the run was started in, from here."""
        there = absolute(said, Path(self.started.where))
        return said if there in (said, absolute(said)) else there


def read_before(folder: Path) -> Before:
    """Reads what a run has come to.

    Raises:
        RunFolderError: If there is no run in the folder, or its events are damaged.
    """
    path = folder / EVENTS_FILE
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise RunFolderError(f"{folder} {what}; expected the folder of a run")
    if not path.is_file():
        raise RunFolderError(
            f"{folder} holds no run that could go on: it has no {EVENTS_FILE}; expected the folder "
            "of a run that this version of prune-mi has begun"
        )
    lines, torn_at = read_events(path)
    told = effective(lines)
    if not told or not isinstance(told[0], Started):
        raise RunFolderError(
            f"{path} does not say how the run began; start it again with --overwrite"
        )
    return Before(folder, lines, torn_at, told)


def require_handed_over(before: Before, *, model: bool, data: bool) -> None:
    """Refuses to go on without the objects that a run began with.

    Args:
        before: What the run has come to.
        model: Whether there is a model again.
        data: Whether there are data again.

    Raises:
        RunFolderError: If one is missing; the message has the call.
    """
    there = {"model": model, "data": data}
    needed = [
        name
        for name, told in (("model", before.started.model), ("data", before.settings["data"]))
        if is_in_memory(told)
    ]
    missing = [name for name in needed if not there[name]]
    if missing:
        again = ", ".join(f"{name}=..." for name in needed)
        raise RunFolderError(
            f"the run in {before.folder} was handed its {' and '.join(needed)} in memory, so they "
            f"lie in no file; expected {' and '.join(missing)} again, with the same content: "
            f"prune_mi.resume({str(before.folder)!r}, {again})"
        )


def require_same(started: Started, before: Before) -> None:
    """Refuses another model, other data or another version than a run began with.

    Raises:
        RunFolderError: If one is another; the message says which.
    """
    then = before.started
    if started.version != then.version:
        raise RunFolderError(
            f"the run in {before.folder} cannot go on: its version of prune-mi was {then.version}, "
            f"and is {started.version} now; expected the same. Start it again with --overwrite"
        )
    require_same_model(before, started.model, started.model_digest)
    if started.data_digest != then.data_digest:
        raise _another(
            before, "data", then.settings.get("data"), started.settings.get("data"), "with --data"
        )


def require_same_model(before: Before, path: str | None, digest: str | None) -> None:
    """Refuses another model than a run began with, wherever it lies.

    Raises:
        RunFolderError: If it holds something else.
    """
    if digest != before.started.model_digest:
        where = "as MODEL" if before.started.command == "optimize" else "with --from"
        raise _another(before, "model", before.started.model, path, where)


def _another(before: Before, what: str, was: Any, now: Any, where: str) -> RunFolderError:
    held = "but holds something else by now" if now == was else f"and is {now} now"
    return RunFolderError(
        f"the run in {before.folder} cannot go on: its {what} was {was}, {held}; expected the "
        f"same content. Pass the original {what} {where}, or start the run again with --overwrite"
    )


def absolute(said: Any, folder: Path | None = None) -> Any:
    """A path as an absolute one, where there is something; all else that may be said as it is.

    Args:
        said: A path, the name of a data set or of a module, or names of classes.
        folder: That it starts from; None: the current one.
    """
    if not isinstance(said, str | Path) or str(said) in DATASET_NAMES:
        return said
    path = (folder or Path.cwd()) / Path(said).expanduser()
    try:
        return str(path.absolute()) if path.exists() else said
    except (OSError, ValueError):  # a long list of names is no path
        return said


def _failed_last(kinds: Sequence[type[Event]]) -> int:
    """How many events come before those that failed last, behind which nothing was evaluated."""
    first = len(kinds)
    for place, kind in reversed(list(enumerate(kinds))):
        if kind is events.Failed:
            first = place
        elif kind not in (events.Noted, Resumed):
            break
    return first
