"""`prune-mi recalibrate`: other batch-norm statistics where they make a model more accurate."""

import time
from pathlib import Path

from prune_mi.config import OptimizeSettings
from prune_mi.errors import ConfigError
from prune_mi.execution.pool import temporary_pool
from prune_mi.graph.ends import unpack
from prune_mi.keras_io.build import build_written
from prune_mi.keras_io.compiling import compile_like
from prune_mi.keras_io.saving import h5_can_hold
from prune_mi.measure.quality import accuracy
from prune_mi.records import ModelSource, Observer, RecalibratedModel, Recalibration
from prune_mi.repair.recalibrate import recalibrated_layers
from prune_mi.stages.conclude import write_model
from prune_mi.stages.loading import load_fitting_data, open_source
from prune_mi.stages.note_taker import NoteTaker
from prune_mi.stages.roles import measure_original
from prune_mi.stages.share import reference_candidate, share_images, shared_data
from prune_mi.stages.statistics import AS_SAVED, StatisticsChoice
from prune_mi.stages.study import study


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
    _require_new(path, overwrite=overwrite)
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
    with temporary_pool(workers=settings.workers, observer=notes, trust=loaded.trust) as pool:
        notes.phase("Studying the model")
        understanding = study(
            loaded.model,
            data,
            settings,
            pool=pool,
            observer=notes,
            compiled=loaded.compile_config,
        )
        data = understanding.arranged(data)
        pool.use(shared_data(pool.store, understanding, settings))
        subject = measure_original(
            understanding,
            data,
            pool=pool,
            settings=settings,
            metric=settings.metric,
            observer=notes,
        )
        found = share_images(data, subject, settings, pool=pool, most_images=None)
        notes.phase("Comparing batch-norm statistics")
        original = reference_candidate(subject, found.reference_correct)
        choice = StatisticsChoice(subject, found, pool=pool, seed=settings.seed, observer=notes)
        chosen, tried = choice.of_original(original, seconds=None)
        candidates = []
        for each in tried:
            outputs = (
                subject.test_outputs
                if each.name == AS_SAVED
                else pool.predict(each.candidate.graph, "test_images")
            )[:, : subject.num_classes]
            unseen = subject.roles.unseen
            candidates.append(
                RecalibratedModel(
                    statistics=each.told,
                    test_accuracy=accuracy(outputs[unseen], data.y_test[unseen]),
                    full_test_accuracy=accuracy(outputs, data.y_test),
                )
            )
    if not recalibrated_layers(subject.graph, keep_frozen=True):
        notes.note("The model has no batch norm, or all are frozen. There is nothing to compare.")
    written = None
    if chosen.name != AS_SAVED:
        graph = unpack(chosen.candidate.graph, understanding.packing)
        write_model(build_written(graph), loaded, path, subject, data)
        written = str(path)
    return Recalibration(
        model=str(source.path),
        data=settings.data,
        validation=subject.roles.validation_source,
        metric=settings.metric,
        chosen=chosen.name,
        candidates=tuple(candidates),
        file=written,
        seconds=round(time.monotonic() - started, 1),
        seed=settings.seed,
        notes=tuple(notes.said),
    )


def _require_new(path: Path, *, overwrite: bool) -> None:
    if path.suffix not in (".keras", ".h5"):
        raise ConfigError(f"--out is {path}; expected a name in .keras or .h5")
    if not path.parent.is_dir():
        raise ConfigError(
            f"the folder of {path} does not exist; create it, or choose another --out"
        )
    if path.exists() and not overwrite:
        raise ConfigError(f"{path} already exists; choose another --out, or pass --overwrite")
