"""What a run has in hand from its opening to its end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from prune_mi.config import RunSettings
from prune_mi.execution.pool import WorkerPool
from prune_mi.records.events import Decided, Resumed, Started
from prune_mi.runs.extension import has_time, more_line
from prune_mi.runs.folder import RunFolder
from prune_mi.runs.log import EventLog, Line
from prune_mi.runs.notes import NoteTaker
from prune_mi.runs.recorded import Evaluations
from prune_mi.runs.resumption import OF_THE_SEARCH, Before, Wanted, require_same
from prune_mi.runs.words import option_text, value_text
from prune_mi.search.budget import Budget

S = TypeVar("S", bound=RunSettings)
_MOST_IMAGES = "training images at most"


@dataclass(slots=True)
class Run(Generic[S]):
    """A run under way.

    Attributes:
        settings: As they hold now: a resumed run may go on with others.
        folder: Where its files lie.
        pool: Where models are asked.
        evaluations: Where candidates are evaluated, each task once.
        budget: Its clock.
        notes: Hears of everything.
        log: Its events.
        search_began: When the search began, or went on with other settings, on the run's clock.
        gets_another_budget: Whether it still goes through events of another budget than it has
            from then on.
    """

    settings: S
    folder: RunFolder
    pool: WorkerPool
    evaluations: Evaluations
    budget: Budget
    notes: NoteTaker
    log: EventLog
    search_began: float = 0.0
    gets_another_budget: bool = False
    _before: Before | None = None
    _wanted: Wanted = field(default_factory=Wanted)
    _most_images: int | None = None
    _shares_anew: bool = False
    _total: float | None = None

    def go_on(self, before: Before, wanted: Wanted) -> None:
        """Has the run go on from what it has come to, once `begin` has refused nothing.

        Args:
            before: What it has come to.
            wanted: What is another from here on.
        """
        self._before, self._wanted = before, wanted
        self.folder.goes_on(before.started.command)

    @property
    def resumes(self) -> bool:
        """Whether it goes on from events that are written."""
        return self._before is not None

    def most_images(self, wanted: int | None) -> int | None:
        """Training images at most: as many as the run began with; None: all."""
        self._most_images = wanted
        for event in () if self._before is None else self._before.told:
            if isinstance(event, Decided) and event.what == _MOST_IMAGES:
                self._most_images = event.value
        return self._most_images

    def compare(self, started: Started) -> None:
        """Refuses what `begin` does of a run that goes on, as soon as that is known.

        Raises:
            RunFolderError: If it was begun with another model or other data.
        """
        if self._before is not None:
            require_same(started, self._before)

    def begin(self, started: Started) -> None:
        """Everything that may be refused has been looked at: from here on files are written.

        Raises:
            RunFolderError: If a run that goes on was begun with another model or other data.
        """
        self.folder.handed_over = started.handed_over
        if self._before is None:
            self.folder.begin(self.settings, started.command)
            self.log.append(started)
            self.notes.write_to(self.log)
        else:
            self.compare(started)
            self._again(self._before)
            self.log.once(Started, lambda: started)
        self.log.decided(_MOST_IMAGES, lambda: self._most_images)

    def _again(self, before: Before) -> None:
        """Goes through what the run has done, and then on from there."""
        if self.log.is_written:
            if before.torn_at is not None:
                self.folder.cut(before.torn_at)
            values = {**before.settings, **self._wanted.changes}
            self.folder.settle(type(self.settings).model_validate(values))
        resumed = before.resumed(self._wanted)
        self.replay(before.lines, resumed, total=before.started.settings["budget"])
        self.notes.write_to(self.log)
        self.notes.recalled(before.told)
        if before.torn_at is not None:
            self.notes.tell("The last line of the run's events was torn and is left out.")
        if not before.is_finished and not has_time(before, self._total):
            self.notes.tell(
                "The time budget leaves hardly any time for training. To give the run more: "
                f"{more_line(before)}"
            )
        for name, value in self._wanted.changes.items():
            was = value_text(name, before.settings[name])
            told = f"{option_text(name)} {value_text(name, value)}, not {was}"
            self.notes.tell(f"The run goes on with {told}.")

    def replay(self, lines: Sequence[Line], resumed: Resumed, *, total: float | None) -> None:
        """Goes through written events again, with the settings and the budget of their time.

        Args:
            lines: What was written.
            resumed: How the run goes on behind them.
            total: The budget that it began with.
        """
        self._total, self.budget.total = self.budget.total, total
        self.gets_another_budget = total != self._total
        self.log.go_on(lines, resumed, self._change)

    def _change(self, resumed: Resumed) -> None:
        """Goes on with other settings."""
        if resumed.changes:
            values = {**self.settings.model_dump(), **resumed.changes}
            self.settings = type(self.settings).model_validate(values)
            self.budget.total = self.settings.budget
            self.gets_another_budget = self.budget.total != self._total
            self.notes.time_left(self.budget.remaining())
            self._shares_anew |= bool(set(resumed.changes) & set(OF_THE_SEARCH))

    def share_time(self) -> None:
        """Where other settings hold now, shares out what is left of the budget from here on.

        What a final training took that is void is not taken from the search that goes on.
        """
        if self._shares_anew:
            self._shares_anew = False
            self.search_began = self.log.decided("the search goes on", self.budget.elapsed)
