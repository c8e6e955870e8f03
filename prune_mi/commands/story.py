"""The story of a run, be it `optimize` or `search`; the two differ in how its parts go.

open the model and the data -> study and measure -> (propose -> repair -> screen -> race -> judge)
     x generations -> final training -> measure on untouched images -> write
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from prune_mi.config import RunSettings
from prune_mi.evolution.early_refusal import require_possible
from prune_mi.execution.pool import WorkerPool, worker_count
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.preparation.baseline import Baseline
from prune_mi.preparation.selected_on import write_selection
from prune_mi.records import Observer, RunReport, SearchReport
from prune_mi.report import write_report
from prune_mi.runs.folder import RunFolder, require_free
from prune_mi.runs.notes import NoteTaker
from prune_mi.runs.run import Run
from prune_mi.search.budget import Budget

R = TypeVar("R", bound=RunReport | SearchReport, covariant=True)


class Chapters(Protocol, Generic[R]):
    """The parts of one command's run, told in this order.

    Attributes:
        settings: The run's settings.
        default_folder: The run folder, where the user names none.
        inputs: Files that the run reads and must not write.
        trust: How the model's file is opened; there is one from `open` on.
    """

    @property
    def settings(self) -> RunSettings: ...
    @property
    def default_folder(self) -> Path: ...
    @property
    def inputs(self) -> Sequence[Path]: ...
    @property
    def trust(self) -> Trust: ...

    def open(self, observer: Observer) -> None:
        """Opens the model and the data."""

    def begin(self, run: Run) -> Baseline:
        """Studies and measures what the search begins with."""

    def evolve(self, run: Run, baseline: Baseline) -> None:
        """Searches, and trains what was found to the end."""

    def conclude(self, run: Run) -> R:
        """Measures on untouched images, writes, sums up."""


def carry_out(
    chapters: Chapters[R],
    *,
    out: Path | None,
    overwrite: bool,
    observer: Observer,
    started: float | None,
) -> R:
    """Carries a run out.

    Args:
        chapters: The command's.
        out: The run folder; None: the command's own.
        overwrite: Whether an earlier run's files in it may be replaced.
        observer: Hears of progress.
        started: When the budget's clock began, on `time.monotonic`; None: now.
    """
    settings = chapters.settings
    budget = Budget(settings.budget, started=time.monotonic() if started is None else started)
    notes = NoteTaker(observer)
    require_possible(budget)
    notes.time_left(budget.remaining())
    path = out or chapters.default_folder
    require_free(path, overwrite=overwrite)

    chapters.open(notes)
    folder = RunFolder(path, overwrite=overwrite, inputs=chapters.inputs)
    pool = WorkerPool(
        folder.scratch,
        workers=worker_count(settings.workers),
        observer=notes,
        trust=chapters.trust,
    )
    run = Run(folder, pool, budget, notes)
    try:
        baseline = chapters.begin(run)
        write_selection(folder.selection, baseline.roles, baseline.data)
        chapters.evolve(run, baseline)
        notes.phase("Measuring on test images that were not used so far")
        report = chapters.conclude(run)
        write_report(report, folder.report)
        return report
    except KeyboardInterrupt:
        raise KeyboardInterrupt(folder.left_behind()) from None
    finally:
        pool.close()
        folder.clean()
