"""Going on with a run that was interrupted, or that is to do more."""

from functools import partial
from pathlib import Path
from typing import Any

from prune_mi.commands.optimize import optimize_chapters
from prune_mi.commands.search import search_chapters
from prune_mi.commands.story import carry_out
from prune_mi.config import (
    Gates,
    OptimizeSettings,
    RunSettings,
    SearchSettings,
    make_gates,
    validated,
)
from prune_mi.records import ModelSource, Observer, RunReport, SearchReport, SilentObserver
from prune_mi.report.from_events import finished_report_of
from prune_mi.report.json_report import write_report
from prune_mi.runs.folder import REPORT_FILE
from prune_mi.runs.resumption import OF_THE_SEARCH, Before, Wanted, read_before


def resume(
    run: str | Path, *, observer: Observer | None = None, **settings: Any
) -> RunReport | SearchReport:
    """Goes on with a run, as `prune-mi optimize --resume` and `prune-mi search --resume` do.

    Args:
        run: The run folder.
        observer: Hears of progress.
        **settings: Those that are others from here on: `budget`, `generations`, `patience`,
            `max_accuracy_drop`, `target_accuracy`, `same_structure`, `final_epochs`, `workers`; and
            `data`, where they lie elsewhere by now.

    Returns:
        What was found; of a run that has ended, and is to do no more, what was found then.

    Raises:
        PruneMIError: What was received, what was expected and how to mend it.
    """
    before = read_before(Path(run))
    kind = OptimizeSettings if before.started.command == "optimize" else SearchSettings
    wanted = validated(kind, {**before.settings, **settings})
    return go_on(before, wanted, observer=observer or SilentObserver())


def go_on(
    before: Before,
    wanted: RunSettings,
    *,
    model: Path | None = None,
    gates: Gates | None = None,
    observer: Observer,
    started: float | None = None,
) -> RunReport | SearchReport:
    """`resume` with what was read.

    Args:
        before: What the run has come to.
        wanted: The settings that hold from here on.
        model: Where the model lies by now; None: where it lay.
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
    data = found_path(wanted.data, before.started.where)
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
            None if model is None else str(model),
            None if gates is None else gates.model_dump(mode="json"),
        ),
    )
    if isinstance(first, OptimizeSettings) and source is not None:
        if gates is None and before.gates is not None:
            gates = make_gates(before.gates)
        return carried_out(optimize_chapters(source, first, gates))
    assert isinstance(first, SearchSettings)  # the command's own kind
    return carried_out(search_chapters(source, first))


def source_of(before: Before, model: Path | None) -> ModelSource | None:
    """The model file of a run, and how it is opened; None of a search from nothing.

    Args:
        before: What the run has come to.
        model: Where the model lies by now; None: where it lay.
    """
    if not before.source:
        return None
    values = dict(before.source)
    if model is not None:
        values["path"] = str(model)
    for name in ("path", "model_json", "custom_objects"):
        if values.get(name) is not None:
            values[name] = found_path(values[name], before.started.where)
    paths = {name: Path(values[name]) for name in ("path", "model_json") if values.get(name)}
    return ModelSource(**{**values, **paths})


def found_path(path: str, where: str) -> str:
    """A path as it was typed, or from the folder that the run was started in."""
    from_there = Path(where) / path
    return str(from_there) if not Path(path).exists() and from_there.exists() else path
