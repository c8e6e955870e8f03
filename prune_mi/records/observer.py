"""Who hears of a run's progress."""

from typing import Protocol

from prune_mi.records.children import ChildRecord
from prune_mi.records.models import Cost


class Observer(Protocol):
    """Hears of a run's progress; the console's live display is one."""

    def note(self, message: str) -> None:
        """A decision the user should know of, in a sentence."""

    def phase(self, title: str) -> None:
        """A new part of the pipeline begins."""

    def reference(self, cost: Cost, val_accuracy: float) -> None:
        """The original was measured."""

    def generation(self, index: int, total: int | None, parent: str) -> None:
        """Generation `index` (from 1) begins, of at most `total`; None: of what time allows."""

    def child(self, record: ChildRecord) -> None:
        """A child was screened or trained."""

    def training(self, name: str, images_done: int, images_total: int) -> None:
        """A training under way has seen `images_done` of `images_total` images."""

    def time_left(self, seconds: float | None) -> None:
        """The budget that remains, or None without a budget."""


class SilentObserver:
    """Hears everything and says nothing."""

    def note(self, message: str) -> None: ...

    def phase(self, title: str) -> None: ...

    def reference(self, cost: Cost, val_accuracy: float) -> None: ...

    def generation(self, index: int, total: int | None, parent: str) -> None: ...

    def child(self, record: ChildRecord) -> None: ...

    def training(self, name: str, images_done: int, images_total: int) -> None: ...

    def time_left(self, seconds: float | None) -> None: ...
