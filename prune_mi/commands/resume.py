"""Going on with a run that was interrupted, or that is to do more."""

from collections.abc import Mapping
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import keras

from prune_mi.commands.beginning import file_digest
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
from prune_mi.errors import ConfigError, ModelError
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.preparation.objects import opened_sources
from prune_mi.records import ModelSource, Observer, RunReport, SearchReport, is_in_memory
from prune_mi.report.from_events import finished_report_of
from prune_mi.report.json_report import write_report
from prune_mi.report.watching import watched
from prune_mi.runs.extension import more_line, require_time
from prune_mi.runs.folder import REPORT_FILE
from prune_mi.runs.lock import FolderLock
from prune_mi.runs.resumption import (
    OF_THE_SEARCH,
    SOURCE_PATHS,
    Before,
    Wanted,
    absolute,
    read_before,
    require_handed_over,
    require_same_model,
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
        # What lies in a file is recorded where it lies; what is in memory lies nowhere.
        in_file = given is not None and not given.name
        said = {"path": str(given.path)} if given is not None and in_file else {}
        report = go_on(before, wanted, said=said, model=None if in_file else given, observer=seen)
    if isinstance(report, SearchReport):
        return report
    return Optimized.of(report, before.folder, trust)


def go_on(
    before: Before,
    wanted: RunSettings,
    *,
    said: Mapping[str, Any] | None = None,
    model: ModelSource | None = None,
    gates: Gates | None = None,
    observer: Observer,
    started: float | None = None,
) -> RunReport | SearchReport:
    """`resume` with what was read.

    Args:
        before: What the run has come to.
        wanted: The settings that hold from here on.
        said: What is said otherwise of the model file, by the names of `ModelSource`.
        model: A model that is handed over in memory.
        gates: What the result is held to; None: what it was.
        observer: Hears of progress.
        started: When the command began, on `time.monotonic`; None: now.
    """
    changes = before.changes(wanted.model_dump(mode="json"))
    said = {
        name: absolute(each) if name in SOURCE_PATHS else each
        for name, each in (said or {}).items()
    }
    if before.is_finished and not set(changes) & set(OF_THE_SEARCH) and gates is None:
        return _shown_again(before, changes, said, observer)
    require_time(before, changes)
    first = validated(type(wanted), before.started.settings)
    has_data = isinstance(wanted.data, HandedOver) or not is_in_memory(wanted.data)
    has_model = model is not None or "path" in said
    require_handed_over(before, model=has_model, data=has_data)
    first = first.model_copy(
        update={name: getattr(wanted, name) for name in ("data", "classes", "workers")}
    )
    source = source_of({**before.source, **said}, model)
    carried_out = partial(
        carry_out,
        out=before.folder,
        overwrite=False,
        observer=observer,
        started=started,
        before=before,
        wanted=Wanted(changes, said, None if gates is None else gates.model_dump(mode="json")),
    )
    if isinstance(first, OptimizeSettings) and source is not None:
        if gates is None and before.gates is not None:
            gates = make_gates(before.gates)
        return carried_out(optimize_chapters(source, first, gates))
    assert isinstance(first, SearchSettings)  # the command's own kind
    return carried_out(search_chapters(source, first))


def _shown_again(
    before: Before, changes: Mapping[str, Any], said: Mapping[str, Any], observer: Observer
) -> RunReport | SearchReport:
    """The report of a run that has ended, and is to do no more.

    Raises:
        ConfigError: If other data were named, which nothing would be compared with.
        RunFolderError: If another model was named, or another process has the folder.
    """
    for name in ("data", "classes"):
        if name in changes:
            raise ConfigError(
                f"the run in {before.folder} has ended, and reads no data any more; expected no "
                f"--{name}, or something more to do: {more_line(before)}"
            )
    if "path" in said:
        path = Path(said["path"])
        if not path.exists():
            raise ModelError(f"there is no model {path}; expected the model of the run, or none")
        require_same_model(before, str(path), file_digest(path))
    observer.note(
        f"This run has ended: nothing is done again. To have it do more: {more_line(before)}"
    )
    report: RunReport | SearchReport = finished_report_of(before.told)
    lock = FolderLock(before.folder)
    try:
        write_report(report, before.folder / REPORT_FILE)
    finally:
        lock.release()
    return report


def source_of(source: Mapping[str, Any], model: ModelSource | None) -> ModelSource | None:
    """The model file of a run, and how it is opened; None of a search from nothing.

    Args:
        source: By the names of `ModelSource`, as `Before.source` has them.
        model: A model that is handed over in memory instead.
    """
    if not source:
        return None
    values = dict(source)
    if model is not None:
        values |= {"path": str(model.path), "name": model.name, "digest": model.digest}
    paths = {name: Path(values[name]) for name in ("path", "model_json") if values.get(name)}
    return ModelSource(**{**values, **paths})
