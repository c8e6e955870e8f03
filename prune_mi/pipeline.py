"""The story: a trained model goes in, a smaller one that is as accurate as allowed comes out.

load -> study -> (rank -> propose -> screen -> train -> select) x generations
     -> final training beside the control -> measure on untouched images -> write
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from prune_mi.config import Gates, OptimizeSettings, make_gates, make_settings
from prune_mi.errors import BudgetError
from prune_mi.execution.pool import WorkerPool, worker_count
from prune_mi.graph.cost import graph_cost
from prune_mi.keras_io.compiling import compile_like
from prune_mi.keras_io.load import LoadedModel
from prune_mi.keras_io.saving import h5_can_hold
from prune_mi.keras_io.trace import trace_model
from prune_mi.morphisms.mixes import resolve_mix
from prune_mi.records import ModelSource, Observer, RunReport, SilentObserver
from prune_mi.report import write_report
from prune_mi.search.budget import Budget
from prune_mi.search.candidate import Candidate
from prune_mi.search.journal import Journal
from prune_mi.stages.can_go import how_much_can_go
from prune_mi.stages.conclude import conclude, keep_safe
from prune_mi.stages.control import Control
from prune_mi.stages.early_refusal import require_possible, require_worthwhile
from prune_mi.stages.finish import train_finalists, with_best_statistics
from prune_mi.stages.generations import Search
from prune_mi.stages.limits import AllowedDrop, allowed_drop
from prune_mi.stages.loading import load_fitting_data, open_source
from prune_mi.stages.made import Made, nothing_made
from prune_mi.stages.note_taker import NoteTaker
from prune_mi.stages.roles import Subject, measure_original
from prune_mi.stages.run_folder import RunFolder, require_free
from prune_mi.stages.selected_on import write_selection
from prune_mi.stages.share import (
    SearchData,
    reference_candidate,
    share_images,
    share_targets,
    shared_data,
)
from prune_mi.stages.statistics import StatisticsChoice
from prune_mi.stages.study import study
from prune_mi.stages.timing import (
    closing_seconds,
    last_statistics_seconds,
    plan_time,
    statistics_seconds,
    teacher_images,
)


def optimize(
    model: str | Path,
    *,
    data: str,
    out: str | Path | None = None,
    overwrite: bool = False,
    observer: Observer | None = None,
    gates: Mapping[str, Any] | None = None,
    model_json: str | Path | None = None,
    allow_unsafe: bool = False,
    custom_objects: str | None = None,
    **settings: Any,
) -> RunReport:
    """Shrinks a trained Keras classifier, as `prune-mi optimize` does.

    Args:
        model: A `.keras` or `.h5` file, or a SavedModel folder of Keras 2.
        data: A data set's name, or the path of an `.npz`, an image folder or a
            cifar-10-batches-py folder.
        out: The run folder; None makes `prune-mi-runs/<model's name>`.
        overwrite: Whether an earlier run's files in `out` may be replaced.
        observer: Hears of progress.
        gates: What the result is held to, by the names of the fields of `prune_mi.config.Gates`;
            the report's `gates` has the verdicts.
        model_json: JSON of `model.to_json()`, where the file holds weights alone.
        allow_unsafe: Whether Python code in the file, such as a Lambda layer's, may run.
        custom_objects: A module's name or the path of a `.py` file with the model's own layers.
        **settings: Fields of `OptimizeSettings`, such as `budget="25m"` or
            `max_accuracy_drop=0.02`; `output` names the one to keep accurate of several.

    Returns:
        What was found; `report.json` in the run folder says the same.

    Raises:
        PruneMIError: What was received, what was expected and how to mend it.
    """
    return run_optimize(
        ModelSource(
            path=Path(model),
            model_json=None if model_json is None else Path(model_json),
            allow_unsafe=allow_unsafe,
            custom_objects=custom_objects,
        ),
        make_settings({**settings, "data": data}),
        out=None if out is None else Path(out),
        overwrite=overwrite,
        observer=observer or SilentObserver(),
        gates=None if gates is None else make_gates(gates),
    )


def run_optimize(
    source: ModelSource,
    settings: OptimizeSettings,
    *,
    out: Path | None,
    overwrite: bool,
    observer: Observer,
    gates: Gates | None = None,
    started: float | None = None,
) -> RunReport:
    """`optimize` with validated settings; `started` is when the budget's clock began."""
    budget = Budget(settings.budget, started=time.monotonic() if started is None else started)
    notes = NoteTaker(observer)
    require_possible(budget)
    notes.time_left(budget.remaining())
    # What is wrong here must not cost the user the minutes before it is used.
    resolve_mix(settings.mix)
    path = out or Path("prune-mi-runs") / source.path.stem
    require_free(path, overwrite=overwrite)

    notes.phase("Loading the model and the data")
    loaded = _load(source, notes)
    data = load_fitting_data(loaded.model, settings, notes, beside=source.path)
    folder = RunFolder(path, overwrite=overwrite, inputs=(source.path, Path(settings.data)))
    pool = WorkerPool(
        folder.scratch,
        workers=worker_count(settings.workers),
        observer=notes,
        trust=loaded.trust,
    )
    try:
        notes.phase("Studying the original")
        require_worthwhile(
            budget,
            trace_model(loaded.model),
            num_test_images=len(data.y_test),
            control=settings.control,
        )
        understanding = study(
            loaded.model,
            data,
            settings,
            pool=pool,
            observer=notes,
            compiled=loaded.compile_config,
        )
        data = understanding.arranged(data)
        can_go = how_much_can_go(understanding.graph, settings, notes)
        pool.use(shared_data(pool.store, understanding, settings))
        subject = measure_original(
            understanding,
            data,
            pool=pool,
            settings=settings,
            allowed_drop=settings.max_accuracy_drop,
            metric=settings.metric,
            observer=notes,
        )
        notes.reference(graph_cost(subject.graph), subject.val_accuracy)
        if not can_go.too_little:
            _require_time(budget, closing_seconds(subject, len(data.y_test), settings))
        folder.begin(settings)
        write_selection(folder.selection, subject.roles, data)
        search_data = share_images(
            data,
            subject,
            settings,
            pool=pool,
            most_images=teacher_images(budget.total, subject),
        )
        allowed = allowed_drop(subject, search_data, settings, notes)
        original = reference_candidate(subject, search_data.reference_correct)
        if can_go.too_little:
            made = nothing_made(original, allowed)
        else:
            made = _made(
                original,
                subject,
                search_data,
                allowed=allowed,
                pool=pool,
                settings=settings,
                budget=budget,
                num_test_images=len(data.y_test),
                journal=Journal(folder.journal),
                notes=notes,
                on_elite=lambda elite: keep_safe(elite, folder, subject, data, loaded),
            )

        notes.phase("Measuring on test images that were not used so far")
        report = conclude(
            loaded,
            made,
            subject=subject,
            data=data,
            search_data=search_data,
            can_go=can_go,
            pool=pool,
            settings=settings,
            gates=gates,
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


def _made(
    original: Candidate,
    subject: Subject,
    data: SearchData,
    *,
    allowed: AllowedDrop,
    pool: WorkerPool,
    settings: OptimizeSettings,
    budget: Budget,
    num_test_images: int,
    journal: Journal,
    notes: Observer,
    on_elite: Callable[[Candidate], None],
) -> Made:
    """The search and the final training, from the best batch-norm statistics of the original on."""
    choice = StatisticsChoice(subject, data, pool=pool, seed=settings.seed, observer=notes)
    start, subject, statistics = choice.start(
        original, subject, seconds=statistics_seconds(budget.total)
    )
    if subject.understanding.needs_statistics and start.correct is not None:
        allowed = replace(allowed, before=start.correct)
    notes.phase("Predicting all training images with the original, for distillation")
    rate = share_targets(start.graph, subject, data, settings, pool=pool)
    # Of two measurements of a machine that others use too, the faster one is the likelier.
    subject = replace(subject, images_per_second=max(subject.images_per_second, rate))
    changed = start.graph is not original.graph
    closing = closing_seconds(subject, num_test_images, settings, recalibrated=changed)

    notes.phase("Searching")
    left = _require_time(budget, closing)
    time_plan = plan_time(left, closing, subject, settings, workers=pool.workers)
    control = None
    if settings.control:
        control = Control(
            start,
            subject,
            pool=pool,
            settings=settings,
            time_plan=time_plan,
            num_train_images=data.num_train_images,
        )
    outcome = Search(
        subject,
        start,
        data,
        allowed=allowed,
        pool=pool,
        settings=settings,
        time_plan=time_plan,
        journal=journal,
        observer=notes,
        on_elite=on_elite,
        on_last=control.begin if control else lambda elite, speed: None,
    ).run()

    notes.phase("Final training" + (" beside the control" if control else ""))
    notes.time_left(budget.remaining())
    finalists = train_finalists(
        outcome,
        start,
        subject,
        allowed=allowed,
        control=control,
        pool=pool,
        settings=settings,
        seconds=_time_before(budget, closing),
        num_train_images=data.num_train_images,
        observer=notes,
    )
    finalists = with_best_statistics(
        finalists,
        choice,
        allowed=allowed,
        bias=outcome.bias,
        seconds=last_statistics_seconds(budget.total),
        observer=notes,
    )
    return Made(start, statistics, outcome, finalists, allowed)


def _load(source: ModelSource, observer: Observer) -> LoadedModel:
    """Opens the model and compiles it as it was, which shows whether the result can be."""
    loaded = open_source(source)
    notes = [*loaded.notes, compile_like(loaded.model, loaded.compile_config)]
    if loaded.is_h5 and not h5_can_hold(loaded.model):
        notes.append(
            "The model has operations that HDF5 files cannot hold. The result is written only as "
            ".keras."
        )
    for note in notes:
        if note is not None:
            observer.note(note)
    return loaded


def _time_before(budget: Budget, closing: float) -> float | None:
    """Seconds left before the closing measurements must begin; None without a budget."""
    remaining = budget.remaining()
    return None if remaining is None else max(0.0, remaining - closing)


def _require_time(budget: Budget, closing: float) -> float | None:
    left = _time_before(budget, closing)
    if left is not None and left < 0.3 * (budget.total or 0.0):
        needed = (budget.elapsed() + closing) / 0.6
        raise BudgetError(
            f"the budget of {budget.total:.0f} s is too short: the steps before the search took "
            f"{budget.elapsed():.0f} s, and measuring the result will take about {closing:.0f} s; "
            f"expected --budget {math.ceil(needed)}s or more"
        )
    return left
