"""Who hears of a run's progress."""

from collections.abc import Sequence
from typing import Protocol

from prune_mi.records.events import Event


class Observer(Protocol):
    """Hears of a run's progress; the console's live display is one."""

    def note(self, message: str) -> None:
        """A decision the user should know of, in a sentence."""

    def phase(self, title: str) -> None:
        """A new part of the run begins."""

    def happened(self, event: Event) -> None:
        """Something has happened."""

    def recalled(self, told: Sequence[Event]) -> None:
        """A run goes on; these events happened before."""

    def training(self, name: str, images_done: int, images_total: int) -> None:
        """A training under way has seen `images_done` of `images_total` images."""

    def time_left(self, seconds: float | None) -> None:
        """The budget that remains, or None without a budget."""


class SilentObserver:
    """Hears everything and says nothing."""

    def note(self, message: str) -> None: ...

    def phase(self, title: str) -> None: ...

    def happened(self, event: Event) -> None: ...

    def recalled(self, told: Sequence[Event]) -> None: ...

    def training(self, name: str, images_done: int, images_total: int) -> None: ...

    def time_left(self, seconds: float | None) -> None: ...
