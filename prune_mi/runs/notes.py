"""An observer that passes everything on and keeps the notes."""

from collections.abc import Sequence

from prune_mi.records import Observer
from prune_mi.records.events import Event
from prune_mi.runs.log import EventLog


class NoteTaker:
    """Wraps the caller's observer; `said` holds the notes in order.

    From `write_to` on, notes are events too, and one that was written before is not told again.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._log: EventLog | None = None
        self.said: list[str] = []

    def write_to(self, log: EventLog) -> None:
        """Writes the notes so far, and all to come."""
        self._log = log
        for message in self.said:
            log.note(message)

    def note(self, message: str) -> None:
        """See `Observer`."""
        if self._log is None or self._log.note(message):
            self.said.append(message)
            self._observer.note(message)

    def tell(self, message: str) -> None:
        """A note that is told even if it was told before."""
        if self._log is not None:
            self._log.tell(message)
        self.said.append(message)
        self._observer.note(message)

    def phase(self, title: str) -> None:
        """See `Observer`."""
        self._observer.phase(title)

    def happened(self, event: Event) -> None:
        """See `Observer`."""
        self._observer.happened(event)

    def recalled(self, told: Sequence[Event]) -> None:
        """See `Observer`."""
        self._observer.recalled(told)

    def training(self, name: str, images_done: int, images_total: int) -> None:
        """See `Observer`."""
        self._observer.training(name, images_done, images_total)

    def time_left(self, seconds: float | None) -> None:
        """See `Observer`."""
        self._observer.time_left(seconds)
