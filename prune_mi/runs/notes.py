"""An observer that passes everything on and keeps the notes for the report."""

from prune_mi.records import ChildRecord, Cost, Observer


class NoteTaker:
    """Wraps the caller's observer; `said` holds the notes in order."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.said: list[str] = []

    def note(self, message: str) -> None:
        """See `Observer`."""
        self.said.append(message)
        self._observer.note(message)

    def phase(self, title: str) -> None:
        """See `Observer`."""
        self._observer.phase(title)

    def reference(self, cost: Cost, val_accuracy: float) -> None:
        """See `Observer`."""
        self._observer.reference(cost, val_accuracy)

    def generation(self, index: int, total: int | None, parent: str) -> None:
        """See `Observer`."""
        self._observer.generation(index, total, parent)

    def child(self, record: ChildRecord) -> None:
        """See `Observer`."""
        self._observer.child(record)

    def training(self, name: str, images_done: int, images_total: int) -> None:
        """See `Observer`."""
        self._observer.training(name, images_done, images_total)

    def time_left(self, seconds: float | None) -> None:
        """See `Observer`."""
        self._observer.time_left(seconds)
