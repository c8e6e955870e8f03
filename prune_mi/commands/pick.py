"""`prune-mi pick`: another model of a run written out, by what it costs or loses.

Weights lie in the run folder by content, structures do not: so what the run has done is gone
through again, from its events, and nothing is trained.
"""

import time
from pathlib import Path
from typing import Any

import keras

from prune_mi.commands.optimize import optimize_chapters
from prune_mi.commands.resume import source_of
from prune_mi.config import HandedOver, OptimizeSettings, validated
from prune_mi.config.values import parse_amount
from prune_mi.costs.choice import Limits, choose_point, named_point
from prune_mi.data import data_setting
from prune_mi.data.class_file import CLASS_FILE
from prune_mi.errors import ConfigError, RunFolderError
from prune_mi.execution.pool import WorkerPool, worker_count
from prune_mi.execution.tasks import Task
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.preparation.objects import opened_sources
from prune_mi.records import ModelSource, Observer, RunReport, SilentObserver, is_in_memory
from prune_mi.records.events import Referenced
from prune_mi.records.models import FrontierPoint
from prune_mi.records.picked import Picked
from prune_mi.report.files import require_new
from prune_mi.report.from_events import finished_report_of
from prune_mi.runs.folder import BEST, PICKED, RunFolder
from prune_mi.runs.log import EventLog
from prune_mi.runs.notes import NoteTaker
from prune_mi.runs.recorded import Evaluations
from prune_mi.runs.resumption import Before, Wanted, read_before, require_handed_over
from prune_mi.runs.run import Run
from prune_mi.runs.weights import Weights
from prune_mi.search.budget import Budget
from prune_mi.tasks.catalog import error_metrics


def pick(
    run: str | Path,
    *,
    name: str | None = None,
    max_macs: float | str | None = None,
    max_params: float | str | None = None,
    max_accuracy_drop: float | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    data: Any = None,
    model: str | Path | keras.Model | None = None,
    observer: Observer | None = None,
) -> Picked:
    """Writes another model of a finished run of `optimize` out, as `prune-mi pick` does.

    Args:
        run: The run folder.
        name: Of the model, as the run's report lists it; or limits that it must keep:
        max_macs: The share that remains, such as 0.5, or an amount such as "6M".
        max_params: The same of parameters.
        max_accuracy_drop: Of the metric on validation images, a fraction.
        out: The file to write; None: `picked.keras` in the run folder.
        overwrite: Whether another file may be there already.
        data: Where the data lie by now; None: where they lay. Of a run that was handed arrays,
            those again.
        model: The same of the original; a loaded model, where the run was handed one.
        observer: Hears of progress.

    Returns:
        What was written, measured on the test images that the result was measured on.

    Raises:
        NothingFitsError: If no model of the run keeps the limits.
        PruneMIError: What was received, what was expected and how to mend it.
    """
    folder = Path(run)
    before = read_before(folder)
    report = _report_of(before)
    most = {"macs": _amount(max_macs), "params": _amount(max_params)}
    limits = Limits({n: each for n, each in most.items() if each is not None}, max_accuracy_drop)
    point = _chosen(report, name, limits)
    file = folder / PICKED if out is None else Path(out)
    own = [folder / each for each in (BEST, *report.files)]
    require_new(file, suffixes=(".keras",), models=own, overwrite=overwrite or out is None)
    if out is not None and not overwrite:
        _require_own_classes(folder, file.parent)
    values = {**before.settings, **({} if data is None else {"data": data_setting(data)})}
    has_data = isinstance(values["data"], HandedOver) or not is_in_memory(values["data"])
    require_handed_over(before, model=model is not None, data=has_data)
    trust = Trust(bool(before.source.get("allow_unsafe")), before.source.get("custom_objects"))
    models = [] if model is None else [model]
    with opened_sources(models, model_json=before.source.get("model_json"), trust=trust) as sources:
        given = sources[0] if sources else None
        return _written(before, report, point, values, given, file, observer or SilentObserver())


def _require_own_classes(folder: Path, beside: Path) -> None:
    """Refuses to replace what names the classes of another model."""
    own, there = folder / CLASS_FILE, beside / CLASS_FILE
    if not own.is_file() or not there.is_file() or there.read_bytes() == own.read_bytes():
        return
    raise RunFolderError(
        f"{there} says other things of a model than this run does, and would be replaced; expected "
        "a folder without it. Choose another with --out, or pass --overwrite"
    )


def _amount(value: float | str | None) -> float | None:
    try:
        read: Any = parse_amount(value)
    except ValueError as error:
        raise ConfigError(f"received {value!r}; {error}") from error
    if read is not None and read <= 0:
        raise ConfigError(f"received {value!r}; expected a number above 0")
    return None if read is None else float(read)


def _report_of(before: Before) -> RunReport:
    if before.started.command != "optimize":
        raise RunFolderError(f"{before.folder} is a run of search; expected one of optimize")
    if not before.is_finished:
        raise RunFolderError(
            f"the run in {before.folder} has not ended; expected one that has. Go on with it: "
            f"prune-mi optimize --resume {before.folder}"
        )
    report: RunReport = finished_report_of(before.told)
    return report


def _chosen(report: RunReport, name: str | None, limits: Limits) -> FrontierPoint:
    if name is not None:
        if limits != Limits():
            raise ConfigError("received --name and limits; expected one of them")
        return named_point(report.frontier, name)
    start, counted = report.reference, report.limit.counted_from
    costs = {"macs": start.macs, "params": start.num_params}
    told_by = next(iter(report.targets), report.objective)
    told_by = "macs" if told_by == "accuracy" else told_by
    return choose_point(
        report.frontier,
        limits,
        costs=costs,
        val_metric=start.val_metric if counted is None else counted,
        told_by=told_by,
        is_error=report.metric in error_metrics(),
    )


def _written(
    before: Before,
    report: RunReport,
    point: FrontierPoint,
    values: dict[str, Any],
    model: ModelSource | None,
    file: Path,
    observer: Observer,
) -> Picked:
    first = validated(OptimizeSettings, before.started.settings)
    kept = {name: values[name] for name in ("data", "classes", "workers")}
    first = first.model_copy(update=kept)
    said = {} if model is None or model.name else {"path": str(model.path)}
    source = source_of({**before.source, **said}, model if model and model.name else None)
    assert source is not None  # a run of `optimize` has one
    chapters = optimize_chapters(source, first, None, replays=True)
    notes = NoteTaker(observer)
    chapters.open(notes)
    folder = RunFolder(before.folder, resumes=True)
    latest = validated(OptimizeSettings, before.settings)
    budget = Budget(latest.budget, started=time.monotonic() - before.elapsed)
    log = EventLog(None, clock=budget.elapsed)
    pool = WorkerPool(
        folder.scratch, workers=worker_count(first.workers), observer=notes, trust=chapters.trust
    )
    evaluations = _Recorded(pool, log, Weights(folder.weights), None)
    run = Run(first, folder, pool, evaluations, budget, notes, log)
    try:
        run.go_on(before, Wanted())
        baseline = chapters.begin(run)
        log.once(Referenced, lambda: baseline.referenced)
        chapters.evolve(run, baseline)
        notes.phase(f"Writing {point.name} and measuring it on the test images of the run")
        candidate, facts = chapters.write_point(run, point.name, file)
    finally:
        pool.close()
        folder.clean()
    return Picked(
        run=str(before.folder),
        name=point.name,
        file=str(file),
        metric=report.metric,
        metric_words=report.metric_words,
        reference=report.reference,
        control=report.control,
        model=facts,
        removals=candidate.lineage,
        images_trained=candidate.images_trained,
        control_images=report.control_images,
        notes=(),
    )


class _Recorded(Evaluations):
    """Outcomes that are written, and no others; no weights are dropped."""

    def keep(self, names: object) -> None:
        """Drops nothing."""

    def _ready(self, task: Task) -> Task:
        raise self._missing(task.name)

    def rank(self, tasks: Any) -> Any:
        if not self._log.is_replaying:
            raise self._missing(", ".join(task.name for task in tasks))
        return super().rank(tasks)

    def _missing(self, name: str) -> RunFolderError:
        return RunFolderError(
            f"the events of the run do not say what became of {name}; expected the same version of "
            "prune-mi and of its libraries, and the same data, that the run was made with"
        )
