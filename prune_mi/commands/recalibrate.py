"""`prune-mi recalibrate`: other batch-norm statistics where they make a model more accurate."""

import time
from os import PathLike
from pathlib import Path
from typing import Any

import keras

from prune_mi.config import OptimizeSettings, make_settings
from prune_mi.data import data_setting
from prune_mi.delivery.writing import unpacked_model, write_model
from prune_mi.errors import ConfigError
from prune_mi.execution.pool import WorkerPool
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.keras_io.saving.compiling import compile_like
from prune_mi.keras_io.saving.save import h5_can_hold
from prune_mi.preparation.baseline import Baseline, measured, shared_data
from prune_mi.preparation.loading import load_fitting_data, open_source
from prune_mi.preparation.objects import opened_sources
from prune_mi.preparation.statistics import AS_SAVED, Option, StatisticsChoice
from prune_mi.preparation.study import studied
from prune_mi.records import (
    ModelSource,
    Observer,
    RecalibratedModel,
    Recalibration,
    SilentObserver,
)
from prune_mi.repair.recalibrate import recalibrated_layers
from prune_mi.report.files import require_new, require_writable
from prune_mi.runs.notes import NoteTaker


def recalibrate(
    model: str | PathLike[str] | keras.Model,
    *,
    data: Any,
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
    observer: Observer | None = None,
    model_json: str | PathLike[str] | None = None,
    allow_unsafe: bool = False,
    custom_objects: str | None = None,
    **settings: Any,
) -> Recalibration:
    """Writes a model with other batch-norm statistics where they make it more accurate.

    It does what `prune-mi recalibrate` does.

    Args:
        model: A loaded model, which stays as it is, a file, or the folder of a run.
        data: As for `optimize`.
        out: The file to write, `.keras` or `.h5`; a loaded model needs one. None puts
            `-recalibrated.keras` behind the file's name.
        overwrite: Whether it may be replaced.
        observer: Hears of progress.
        model_json: JSON of `model.to_json()`, where the file holds weights alone.
        allow_unsafe: Whether Python code in the file, such as a Lambda layer's, may run.
        custom_objects: A module's name or the path of a `.py` file with the model's own layers.
        **settings: `scaling`, `output`, `classes`, `validation`, `metric`, `allow_weak_model`,
            `workers` and `seed`, as for `optimize`.

    Raises:
        PruneMIError: What was received, what was expected and how to mend it.
    """
    wanted = make_settings({**settings, "data": data_setting(data)})
    if out is None and not isinstance(model, str | PathLike):
        raise ConfigError("received a loaded model and no `out`; expected the file to write")
    trust = Trust(allow_unsafe, custom_objects)
    with opened_sources([model], model_json=model_json, trust=trust) as (source,):
        return recalibrate_model(
            source,
            wanted,
            out=None if out is None else Path(out),
            overwrite=overwrite,
            observer=observer or SilentObserver(),
        )


def recalibrate_model(
    source: ModelSource,
    settings: OptimizeSettings,
    *,
    out: Path | None,
    overwrite: bool,
    observer: Observer,
) -> Recalibration:
    """Compares a model's batch-norm statistics with others, and writes it with the best.

    Validation images choose, as in `optimize`; another choice must be better by more than the
    standard error of the difference. Where none is, nothing is written.

    Args:
        source: The model file.
        settings: The data, and how it is read; what is said of the search is not used.
        out: The file to write, `.keras` or `.h5`; None puts `-recalibrated.keras` behind the
            model's name.
        overwrite: Whether it may be replaced.
        observer: Hears of progress.

    Raises:
        PruneMIError: As `prune_mi.optimize` does for its model, data and settings.
        ConfigError: If the file is there already, or its name ends in something else.
    """
    started = time.monotonic()
    path = out or source.path.with_name(f"{source.path.stem}-recalibrated.keras")
    require_new(path, suffixes=(".keras", ".h5"), overwrite=overwrite)
    require_writable(path)
    notes = NoteTaker(observer)
    notes.phase("Loading the model and the data")
    loaded = open_source(source)
    if path.suffix == ".h5" and not h5_can_hold(loaded.model):
        raise ConfigError(
            f"the file to write is {path}, but the model has operations that HDF5 files cannot "
            "hold; expected a name in .keras"
        )
    for note in (*loaded.notes, compile_like(loaded.model, loaded.compile_config)):
        if note is not None:
            notes.note(note)
    data = load_fitting_data(loaded, settings, notes, beside=source.path)
    with studied(loaded, data, settings, notes, settings.workers) as (pool, profile):
        pool.use(shared_data(pool.store, profile, settings))
        baseline = measured(
            profile, profile.arranged(data), pool=pool, settings=settings, observer=notes
        )
        notes.phase("Comparing batch-norm statistics")
        choice = StatisticsChoice(baseline, evaluations=pool, seed=settings.seed, observer=notes)
        chosen, tried = choice.of_original(seconds=None)
        candidates = [_on_test_images(each, baseline, pool) for each in tried]
    if not recalibrated_layers(profile.graph, keep_frozen=True):
        notes.note("The model has no batch norm, or all are frozen. There is nothing to compare.")
    written = None
    if chosen.name != AS_SAVED:
        model = unpacked_model(chosen.candidate.graph, baseline)
        write_model(model, loaded, path, baseline)
        written = str(path)
    return Recalibration(
        model=source.told,
        data=str(settings.data),
        validation=baseline.roles.validation_source,
        metric=baseline.judge.metric.words,
        chosen=chosen.name,
        candidates=tuple(candidates),
        file=written,
        seconds=round(time.monotonic() - started, 1),
        seed=settings.seed,
        notes=tuple(notes.said),
    )


def _on_test_images(tried: Option, baseline: Baseline, pool: WorkerPool) -> RecalibratedModel:
    """How right the model is with some statistics."""
    outputs, unseen, truth = baseline.test_outputs, baseline.roles.unseen, baseline.data.y_test
    if tried.name != AS_SAVED or outputs is None:
        outputs = pool.predict(tried.candidate.graph, "test_images")
    return RecalibratedModel(
        statistics=tried.told,
        test_metric=baseline.judge.measured(outputs[unseen], truth[unseen]),
        full_test_metric=baseline.judge.measured(outputs, truth),
    )
