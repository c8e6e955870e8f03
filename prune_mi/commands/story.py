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
from prune_mi.records.events import Finished, Referenced
from prune_mi.report import write_report
from prune_mi.report.from_events import finished_report_of
from prune_mi.runs.folder import RunFolder, require_free
from prune_mi.runs.log import EventLog
from prune_mi.runs.notes import NoteTaker
from prune_mi.runs.recorded import Evaluations
from prune_mi.runs.resumption import Before, Wanted, read_before
from prune_mi.runs.run import Run
from prune_mi.runs.weights import Weights
from prune_mi.search.budget import Budget

R = TypeVar("R", bound=RunReport | SearchReport, covariant=True)
S = TypeVar("S", bound=RunSettings)


class Chapters(Protocol, Generic[S, R]):
    """The parts of one command's run, told in this order.

    Attributes:
        settings: The run's settings to begin with; final once the data is open.
        default_folder: The run folder, where the user names none.
        inputs: Files that the run reads and must not write.
        trust: How the model's file is opened; there is one from `open` on.
    """

    settings: S

    @property
    def default_folder(self) -> Path: ...
    @property
    def inputs(self) -> Sequence[Path]: ...
    @property
    def trust(self) -> Trust: ...

    def open(self, observer: Observer) -> None:
        """Opens the model and the data."""

    def begin(self, run: Run[S]) -> Baseline:
        """Studies and measures what the search begins with; calls `Run.begin` on its way."""

    def evolve(self, run: Run[S], baseline: Baseline) -> None:
        """Searches, and trains what was found to the end."""

    def conclude(self, run: Run[S]) -> R:
        """Measures on untouched images, writes, sums up."""


def carry_out(
    chapters: Chapters[S, R],
    *,
    out: Path | None,
    overwrite: bool,
    observer: Observer,
    started: float | None,
    before: Before | None = None,
    wanted: Wanted | None = None,
) -> R:
    """Carries a run out, or goes on with one.

    Args:
        chapters: The command's.
        out: The run folder; None: the command's own.
        overwrite: Whether an earlier run's files in it may be replaced.
        observer: Hears of progress.
        started: When the budget's clock began, on `time.monotonic`; None: now.
        before: What the run has come to that goes on; None begins one.
        wanted: What is another from here on.
    """
    settings = chapters.settings
    began = time.monotonic() if started is None else started
    elapsed, total = 0.0, settings.budget
    if before is not None:
        elapsed = before.elapsed
        changes = {} if wanted is None else wanted.changes
        total = changes.get("budget", before.settings["budget"])
    budget = Budget(total, started=began - elapsed)
    notes = NoteTaker(observer)
    if before is None:
        require_possible(budget)
        require_free(out or chapters.default_folder, overwrite=overwrite)
    notes.time_left(budget.remaining())

    chapters.open(notes)
    folder = RunFolder(
        out or chapters.default_folder,
        overwrite=overwrite,
        resumes=before is not None,
        inputs=chapters.inputs,
    )
    log = EventLog(folder.events, clock=budget.elapsed, hears=notes.happened)
    pool = WorkerPool(
        folder.scratch,
        workers=worker_count(chapters.settings.workers),
        observer=notes,
        trust=chapters.trust,
    )
    evaluations = Evaluations(pool, log, Weights(folder.weights), folder.checkpoints)
    run = Run(chapters.settings, folder, pool, evaluations, budget, notes, log)
    try:
        if before is not None:
            run.go_on(read_before(folder.path), wanted or Wanted())
        baseline = chapters.begin(run)
        log.once(Referenced, lambda: baseline.referenced)
        write_selection(folder.selection, baseline.roles, baseline.data)
        chapters.evolve(run, baseline)
        notes.phase("Measuring on test images that were not used so far")
        log.append(Finished(chapters.conclude(run)))
        report: R = finished_report_of(log.events)
        write_report(report, folder.report)
        return report
    except KeyboardInterrupt:
        raise KeyboardInterrupt(folder.left_behind()) from None
    finally:
        pool.close()
        folder.clean()
