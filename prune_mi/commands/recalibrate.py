"""`prune-mi recalibrate`: other batch-norm statistics where they make a model more accurate."""

import time
from pathlib import Path

from prune_mi.config import OptimizeSettings
from prune_mi.delivery.writing import unpacked_model, write_model
from prune_mi.errors import ConfigError
from prune_mi.execution.pool import WorkerPool
from prune_mi.keras_io.saving.compiling import compile_like
from prune_mi.keras_io.saving.save import h5_can_hold
from prune_mi.measure.quality import accuracy
from prune_mi.preparation.baseline import Baseline, measured, shared_data
from prune_mi.preparation.loading import load_fitting_data, open_source
from prune_mi.preparation.statistics import AS_SAVED, Option, StatisticsChoice
from prune_mi.preparation.study import studied
from prune_mi.records import ModelSource, Observer, RecalibratedModel, Recalibration
from prune_mi.repair.recalibrate import recalibrated_layers
from prune_mi.report.files import require_new, require_writable
from prune_mi.runs.notes import NoteTaker


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
    data = load_fitting_data(loaded.model, settings, notes, beside=source.path)
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
        model=str(source.path),
        data=settings.data,
        validation=baseline.roles.validation_source,
        metric=settings.metric,
        chosen=chosen.name,
        candidates=tuple(candidates),
        file=written,
        seconds=round(time.monotonic() - started, 1),
        seed=settings.seed,
        notes=tuple(notes.said),
    )


def _on_test_images(tried: Option, baseline: Baseline, pool: WorkerPool) -> RecalibratedModel:
    """How right the model is with some statistics."""
    outputs, unseen, labels = baseline.test_outputs, baseline.roles.unseen, baseline.data.y_test
    if tried.name != AS_SAVED or outputs is None:
        outputs = pool.predict(tried.candidate.graph, "test_images")
    outputs = outputs[:, : baseline.num_classes]
    return RecalibratedModel(
        statistics=tried.told,
        test_metric=accuracy(outputs[unseen], labels[unseen]),
        full_test_metric=accuracy(outputs, labels),
    )
