"""The events of a run on disk: appended, flushed, never rewritten; and gone through again.

A line is an event with its number, the time and a checksum:

    {"n": 7, "at": 12.3, "kind": "Screened", "event": {...}, "sum": "1f0c22ab"}

A run that goes on does again what it did, from its first event to its last: what is drawn is drawn
with the same generators, and what was evaluated, decided by a clock or measured is read from here.
So all that a run has learned follows from its events, and an unbroken run ends in the same way.
"""

import json
import os
import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from prune_mi.errors import RunFolderError
from prune_mi.records import events
from prune_mi.records.events import Event, Noted, Outcome, Resumed
from prune_mi.report.json_report import to_plain

_E = TypeVar("_E", bound=Event)
_KINDS: dict[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in Event.__args__}
_SUM = ', "sum": "'


@dataclass(frozen=True, slots=True)
class Line:
    """An event, and when it happened: seconds on the run's clock."""

    at: float
    event: Event


def read_events(path: Path) -> tuple[list[Line], int | None]:
    """Reads the events of a run.

    Returns:
        The events, and where a torn last line begins, in bytes, which is left out; None where
        there is none.

    Raises:
        RunFolderError: If there is no such file, or a line before the last is damaged.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise RunFolderError(
            f"cannot read {path}: {error.strerror or error}; expected the folder of a run that "
            "this version of prune-mi has begun"
        ) from error
    lines: list[Line] = []
    *rows, rest = text.split(b"\n")
    begins = 0
    for number, row in enumerate(rows, start=1):
        found = _read(row, number)
        if isinstance(found, Line):
            lines.append(found)
        else:
            raise RunFolderError(
                f"line {number} of {path} is damaged: {found}; expected an event as it was "
                "written. Restore the file, or start the run again with --overwrite"
            )
        begins += len(row) + 1
    return lines, begins if rest else None


def effective(lines: Sequence[Line]) -> list[Event]:
    """The events that count: what a resumed run has gone back behind is left out."""
    found: list[Event] = []
    for line in lines:
        if isinstance(line.event, Resumed):
            del found[line.event.behind :]
        found.append(line.event)
    return found


class EventLog:
    """Appends the events of a run, and gives back those of a run that goes on.

    Args:
        path: The file; None keeps nothing, as commands without a run folder do.
        clock: Seconds on the run's clock.
        hears: Called with each event that happens now.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        clock: Callable[[], float],
        hears: Callable[[Event], None] = lambda event: None,
    ) -> None:
        self._path = path
        self._clock = clock
        self._hears = hears
        self._number = 0
        self._again: list[Event] = []
        self._next = 0
        self._resumed: Callable[[Resumed], None] = lambda event: None
        self.events: list[Event] = []

    def go_on(
        self,
        lines: Sequence[Line],
        resumed: Resumed,
        on_resumed: Callable[[Resumed], None],
    ) -> None:
        """Goes through written events again, before others are appended.

        Args:
            lines: What was written.
            resumed: How the run goes on, written now.
            on_resumed: Called with each resumption when it is passed.
        """
        self._number, self._resumed = len(lines), on_resumed
        self._write(resumed)
        self._again = effective([*lines, Line(self._clock(), resumed)])

    @property
    def is_written(self) -> bool:
        """Whether events are kept in a file."""
        return self._path is not None

    @property
    def is_replaying(self) -> bool:
        """Whether written events are still gone through."""
        self._pass()
        return self._next < len(self._again)

    def append(self, event: Event) -> None:
        """Writes an event that happens now; one that is gone through again must be as written.

        Raises:
            RunFolderError: If it is another one, or cannot be written.
        """
        written = self._coming()
        if written is None:
            self._write(event)
            self.events.append(event)
            self._hears(event)
        elif to_plain(written) != to_plain(event):
            raise self._differs(f"{type(event).__name__} {_told(event)}")
        else:
            self._take()

    def once(self, kind: type[_E], make: Callable[[], _E]) -> _E:
        """An event that depends on more than what was drawn: as written, or made now.

        Raises:
            RunFolderError: If another kind of event was written there.
        """
        written = self._coming()
        if written is None:
            event = make()
            self.append(event)
            return event
        if not isinstance(written, kind):
            raise self._differs(kind.__name__)
        self._take()
        return written

    def decided(self, what: str, decide: Callable[[], Any]) -> Any:
        """What a clock has decided, plain data: as written, or decided now.

        Raises:
            RunFolderError: If something else was decided there.
        """
        written = self._coming()
        if isinstance(written, events.Decided) and written.what != what:
            raise self._differs(f"Decided {what}")

        def made() -> events.Decided:
            value = to_plain(events.Decided(what, decide()))["value"]  # as it is read back
            return events.Decided(what, value)

        return self.once(events.Decided, made).value

    def outcome(self, names: Collection[str], kinds: Collection[type[Outcome]]) -> Outcome | None:
        """The next written outcome of one of some candidates; None where none is left.

        Raises:
            RunFolderError: If another kind of event was written there.
        """
        written = self._coming()
        if written is None:
            return None
        if (
            not isinstance(written, Outcome)
            or type(written) not in kinds
            or (written.name not in names)
        ):
            raise self._differs(f"an outcome of {', '.join(sorted(names))}")
        self._take()
        return written

    def note(self, text: str) -> bool:
        """Writes a note, unless it was written before; whether it is a new one."""
        event = Noted(text)
        if event in self.events or event in self._again:
            return False
        self.tell(text)
        return True

    def tell(self, text: str) -> None:
        """Writes a note."""
        self._write(Noted(text))
        self.events.append(Noted(text))

    def _coming(self) -> Event | None:
        self._pass()
        return self._again[self._next] if self._next < len(self._again) else None

    def _pass(self) -> None:
        """Goes past notes, which come of themselves, and past resumptions."""
        while self._next < len(self._again):
            event = self._again[self._next]
            if not isinstance(event, Noted | Resumed):
                return
            self._take()
            if isinstance(event, Resumed):
                self._resumed(event)

    def _take(self) -> None:
        self.events.append(self._again[self._next])
        self._next += 1

    def _differs(self, now: str) -> RunFolderError:
        written = self._again[self._next]
        return RunFolderError(
            f"the run in {self._path and self._path.parent} cannot go on: event "
            f"{self._next + 1} was {type(written).__name__} {_told(written)}, and now it would be "
            f"{now}; expected the same version of prune-mi and of its libraries, and the same "
            "machine type, that the run began with. Start it again with --overwrite"
        )

    def _write(self, event: Event) -> None:
        if self._path is None:
            return
        self._number += 1
        row = {"n": self._number, "at": round(self._clock(), 3), "kind": type(event).__name__}
        body = json.dumps({**row, "event": to_plain(event)}, ensure_ascii=False)[:-1]
        line = f'{body}{_SUM}{zlib.crc32(body.encode()):08x}"}}\n'
        try:
            with self._path.open("ab") as file:
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise RunFolderError(
                f"cannot write {self._path}: {error.strerror or error}; expected a run folder with "
                "room for it. The run can be resumed"
            ) from error


def _read(row: bytes, number: int) -> Line | str:
    """An event from its line, or what is wrong with it."""
    body, mark, rest = row.rpartition(_SUM.encode())
    if not mark or rest[8:] != b'"}':
        return "it has no checksum"
    if f"{zlib.crc32(body):08x}".encode() != rest[:8]:
        return "its checksum is another one"
    try:
        found = json.loads(body + b"}")
        if found["n"] != number:
            return f"it is number {found['n']}"
        return Line(float(found["at"]), _KINDS[found["kind"]].validate_python(found["event"]))
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError) as error:
        return f"it is no event of this version ({type(error).__name__})"


def _told(event: Event) -> str:
    told = getattr(event, "name", None) or getattr(event, "what", None)
    morphs = getattr(event, "morphs", ())
    return f"{told or ''}{' ' + ', '.join(each.target for each in morphs) if morphs else ''}"
