"""The story of a search: images go in, a trained network comes out.

load -> train the seed -> (draw children -> train -> try without a layer -> select) x generations
     -> final training -> average -> measure on untouched images -> write
"""

import time
from functools import partial
from pathlib import Path
from typing import Any

from prune_mi.config import SearchSettings, make_search_settings
from prune_mi.errors import BudgetError
from prune_mi.execution.pool import WorkerPool, worker_count
from prune_mi.records import ModelSource, Observer, SearchReport, SilentObserver
from prune_mi.report import write_report
from prune_mi.search.budget import Budget
from prune_mi.search.journal import Journal
from prune_mi.stages.architecture import ArchitectureSearch
from prune_mi.stages.early_refusal import require_possible
from prune_mi.stages.note_taker import NoteTaker
from prune_mi.stages.policies import make_policy, make_schedule
from prune_mi.stages.run_folder import RunFolder, require_free
from prune_mi.stages.search_conclusion import conclude_search, write_best
from prune_mi.stages.search_finish import ensemble_members, train_best
from prune_mi.stages.selected_on import write_selection
from prune_mi.stages.share import shared_data
from prune_mi.stages.start import ModelStart, SeedStart
from prune_mi.stages.timing import WRITING_SECONDS, search_closing_seconds

_SEED_SHARE = 0.15  # of the budget, for the seed's training
_FINAL_SHARE = 0.25  # of what is left then, for the final training
_SLACK_SHARE = 0.03
_FEWEST_SECONDS = 10.0


def search_architecture(
    *,
    data: str,
    model: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    observer: Observer | None = None,
    allow_unsafe: bool = False,
    custom_objects: str | None = None,
    **settings: Any,
) -> SearchReport:
    """Looks for a network that classifies some data well, as `prune-mi search` does.

    Args:
        data: A data set's name, or the path of an `.npz`, an image folder or a
            cifar-10-batches-py folder.
        model: A trained model to start from; None starts from the minimal seed.
        out: The run folder; None makes one in `prune-mi-runs`.
        overwrite: Whether an earlier run's files in `out` may be replaced.
        observer: Hears of progress.
        allow_unsafe: Whether Python code in the model file may run.
        custom_objects: A module's name or the path of a `.py` file with the model's own layers.
        **settings: Fields of `SearchSettings`, such as `method="mi"` or `budget="10m"`.

    Returns:
        What was found; `report.json` in the run folder says the same.

    Raises:
        PruneMIError: What was received, what was expected and how to mend it.
    """
    source = None
    if model is not None:
        source = ModelSource(Path(model), None, allow_unsafe, custom_objects)
    return run_search(
        source,
        make_search_settings({**settings, "data": data}),
        out=None if out is None else Path(out),
        overwrite=overwrite,
        observer=observer or SilentObserver(),
    )


def run_search(
    source: ModelSource | None,
    settings: SearchSettings,
    *,
    out: Path | None,
    overwrite: bool,
    observer: Observer,
    started: float | None = None,
) -> SearchReport:
    """`search_architecture` with validated settings; None as source starts from the seed."""
    budget = Budget(settings.budget, started=time.monotonic() if started is None else started)
    notes = NoteTaker(observer)
    require_possible(budget)
    notes.time_left(budget.remaining())
    # What is wrong in the settings must not cost the user the minutes before it is used.
    make_policy(settings)
    make_schedule(settings)
    path = out or Path("prune-mi-runs") / f"search-{source.path.stem if source else 'seed'}"
    require_free(path, overwrite=overwrite)

    notes.phase("Loading the data" if source is None else "Loading the model and the data")
    start = SeedStart(settings, notes) if source is None else ModelStart(source, settings, notes)
    settings = start.settings
    folder = RunFolder(
        path,
        overwrite=overwrite,
        inputs=(Path(settings.data), *([] if source is None else [source.path])),
    )
    pool = WorkerPool(
        folder.scratch,
        workers=worker_count(settings.workers),
        observer=notes,
        trust=start.trust,
    )
    try:
        pool.use(shared_data(pool.store, start.understanding, settings))
        _require_time(budget)
        folder.begin(settings)

        notes.phase("Training the first network" if source is None else "Studying the model")
        seconds = None if budget.total is None else _SEED_SHARE * budget.total
        begun = start.measured(pool, seconds)
        subject = begun.subject
        write_selection(folder.selection, subject.roles, start.data)
        write_best(begun.reference, folder, subject, start.data)

        notes.phase("Searching")
        closing = partial(
            search_closing_seconds,
            reference=begun.reference,
            subject=subject,
            num_images=len(start.data.y_test),
            workers=pool.workers,
        )
        alike = [begun.reference] * settings.ensemble
        left = _time_before(budget, closing(alike, speed=begun.speed))
        outcome = ArchitectureSearch(
            subject,
            begun.reference,
            begun.data,
            pool=pool,
            settings=settings,
            speed=begun.speed,
            usual_work=begun.usual_work,
            search_end=None if left is None else time.monotonic() + (1 - _FINAL_SHARE) * left,
            journal=Journal(folder.journal),
            observer=notes,
            on_elite=lambda elite: write_best(elite, folder, subject, start.data),
        ).run()

        notes.phase("Final training")
        notes.time_left(budget.remaining())
        final = train_best(
            outcome,
            pool=pool,
            settings=settings,
            seconds=_time_before(
                budget,
                closing(ensemble_members(outcome, settings.ensemble), speed=outcome.speed),
            ),
            num_train_images=begun.data.num_train_images,
            observer=notes,
        )

        notes.phase("Measuring on test images that were not used so far")
        report = conclude_search(
            start.name,
            final,
            outcome,
            begun,
            data=start.data,
            pool=pool,
            settings=settings,
            folder=folder,
            budget=budget,
            notes=notes.said,
        )
        write_report(report, folder.report)
        return report
    except KeyboardInterrupt:
        raise KeyboardInterrupt(folder.left_behind()) from None
    finally:
        pool.close()
        folder.clean()


def _time_before(budget: Budget, closing: float) -> float | None:
    """Seconds left before the closing measurements must begin; None without a budget."""
    remaining = budget.remaining()
    if remaining is None or budget.total is None:
        return None
    return max(0.0, remaining - closing - _SLACK_SHARE * budget.total)


def _require_time(budget: Budget) -> None:
    left = _time_before(budget, WRITING_SECONDS)
    if left is not None and left < _FEWEST_SECONDS:
        needed = budget.elapsed() + WRITING_SECONDS + 3 * _FEWEST_SECONDS
        raise BudgetError(
            f"the budget of {budget.total:.0f} s is too short: {budget.elapsed():.0f} s passed "
            f"before the first training; expected --budget {needed:.0f}s or more"
        )
