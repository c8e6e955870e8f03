"""Going on with a run that was interrupted, or that is to do more."""

from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import keras

from prune_mi.commands.optimize import optimize_chapters
from prune_mi.commands.search import search_chapters
from prune_mi.commands.story import carry_out
from prune_mi.config import (
    Gates,
    HandedOver,
    OptimizeSettings,
    RunSettings,
    SearchSettings,
    make_gates,
    validated,
)
from prune_mi.data import data_setting
from prune_mi.delivery.optimized import Optimized
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.preparation.objects import opened_sources
from prune_mi.records import ModelSource, Observer, RunReport, SearchReport, is_in_memory
from prune_mi.report.from_events import finished_report_of
from prune_mi.report.json_report import write_report
from prune_mi.report.watching import watched
from prune_mi.runs.folder import REPORT_FILE
from prune_mi.runs.resumption import (
    OF_THE_SEARCH,
    Before,
    Wanted,
    read_before,
    require_handed_over,
)


def resume(
    run: str | PathLike[str],
    *,
    model: str | PathLike[str] | keras.Model | None = None,
    data: Any = None,
    observer: Observer | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Optimized | SearchReport:
    """Goes on with a run, as `prune-mi optimize --resume` and `prune-mi search --resume` do.

    Args:
        run: The run folder.
        model: Of a run that was handed a loaded model, that model again; else where the file lies
            by now, if it lies elsewhere.
        data: Of a run that was handed arrays, those again; else where the data lie by now.
        observer: Hears of progress; None shows it, as for `optimize`.
        quiet: Whether no progress is shown.
        **settings: Those that are others from here on: `budget`, `generations`, `patience`,
            `max_accuracy_drop`, `target_accuracy`, `same_structure`, `final_epochs`, `workers`.

    Returns:
        What was found, as the function gave it back that the run was begun by; of a run that has
        ended, and is to do no more, what was found then.

    Raises:
        PruneMIError: What was received, what was expected and how to mend it.
    """
    before = read_before(Path(run))
    kind = OptimizeSettings if before.started.command == "optimize" else SearchSettings
    own = {} if data is None else {"data": data_setting(data)}
    wanted = validated(kind, {**before.settings, **settings, **own})
    source = before.source
    trust = Trust(bool(source.get("allow_unsafe")), source.get("custom_objects"))
    models = [] if model is None else [model]
    with (
        opened_sources(models, model_json=source.get("model_json"), trust=trust) as sources,
        watched(observer, quiet=quiet, finds=kind is SearchSettings) as seen,
    ):
        given = sources[0] if sources else None
        report = go_on(before, wanted, model=given, observer=seen)
    if isinstance(report, SearchReport):
        return report
    return Optimized.of(report, before.folder, trust)


def go_on(
    before: Before,
    wanted: RunSettings,
    *,
    model: ModelSource | None = None,
    gates: Gates | None = None,
    observer: Observer,
    started: float | None = None,
) -> RunReport | SearchReport:
    """`resume` with what was read.

    Args:
        before: What the run has come to.
        wanted: The settings that hold from here on.
        model: The model as it is handed over or lies by now; None: where it lay.
        gates: What the result is held to; None: what it was.
        observer: Hears of progress.
        started: When the command began, on `time.monotonic`; None: now.
    """
    changes = before.changes(wanted.model_dump(mode="json"))
    if before.is_finished and not set(changes) & set(OF_THE_SEARCH) and gates is None:
        report: RunReport | SearchReport = finished_report_of(before.told)
        write_report(report, before.folder / REPORT_FILE)
        return report
    first = validated(type(wanted), before.started.settings)
    data = wanted.data
    has_data = isinstance(data, HandedOver) or not is_in_memory(data)
    require_handed_over(before, model=model is not None, data=has_data)
    if isinstance(data, str):
        data = found_path(data, before.started.where)
    first = first.model_copy(update={"data": data, "workers": wanted.workers})
    source = source_of(before, model)
    carried_out = partial(
        carry_out,
        out=before.folder,
        overwrite=False,
        observer=observer,
        started=started,
        before=before,
        wanted=Wanted(
            changes,
            None if model is None or model.name else str(model.path),
            None if gates is None else gates.model_dump(mode="json"),
        ),
    )
    if isinstance(first, OptimizeSettings) and source is not None:
        if gates is None and before.gates is not None:
            gates = make_gates(before.gates)
        return carried_out(optimize_chapters(source, first, gates))
    assert isinstance(first, SearchSettings)  # the command's own kind
    return carried_out(search_chapters(source, first))


def source_of(before: Before, model: ModelSource | None) -> ModelSource | None:
    """The model file of a run, and how it is opened; None of a search from nothing.

    Args:
        before: What the run has come to.
        model: Where the model lies by now; None: where it lay.
    """
    if not before.source:
        return None
    values = dict(before.source)
    if model is not None:
        values |= {"path": str(model.path), "name": model.name, "digest": model.digest}
    for name in ("path", "model_json", "custom_objects"):
        if values.get(name) is not None:
            values[name] = found_path(values[name], before.started.where)
    paths = {name: Path(values[name]) for name in ("path", "model_json") if values.get(name)}
    return ModelSource(**{**values, **paths})


def found_path(path: str, where: str) -> str:
    """A path as it was typed, or from the folder that the run was started in."""
    file, colon, function = path.rpartition(":")
    if colon and file.endswith(".py") and not Path(path).exists():
        return f"{found_path(file, where)}:{function}"
    from_there = Path(where) / path
    return str(from_there) if not Path(path).exists() and from_there.exists() else path
