"""The end of a run: the images that no selection saw, the files, the report."""

import platform
import shutil
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import keras
import numpy as np

from prune_mi.config import OptimizeSettings
from prune_mi.data import Dataset
from prune_mi.execution.pool import WorkerPool
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.end_arrays import unpack_inputs
from prune_mi.graph.ends import unpack
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.build import build_model
from prune_mi.keras_io.compiling import compile_like
from prune_mi.keras_io.files import h5_can_hold, save_verified
from prune_mi.keras_io.load import LoadedModel
from prune_mi.measure.other_outputs import unexplained_shares
from prune_mi.measure.quality import accuracy
from prune_mi.records import ModelFacts, RunReport
from prune_mi.search.budget import Budget
from prune_mi.search.candidate import Candidate
from prune_mi.stages.finish import Finalists
from prune_mi.stages.generations import SearchOutcome
from prune_mi.stages.roles import Subject
from prune_mi.stages.run_folder import RunFolder

_PROBE_IMAGES = 16


def conclude(
    original: LoadedModel,
    finalists: Finalists,
    outcome: SearchOutcome,
    *,
    subject: Subject,
    data: Dataset,
    pool: WorkerPool,
    settings: OptimizeSettings,
    folder: RunFolder,
    budget: Budget,
    notes: Sequence[str],
) -> RunReport:
    """Measures the result and the control, writes the models, and sums the run up.

    Where nothing smaller was accepted the original itself is written out.
    """
    changed = bool(finalists.result.lineage)
    packing = subject.understanding.packing
    best = build_model(unpack(finalists.result.graph, packing)) if changed else original.model
    files = write_models(best, original, folder.path, subject, data)
    size = (folder.path / files[0]).stat().st_size
    original_size = saved_size(original.model, folder.scratch) if changed else size
    if not changed and original.as_it_is:
        own = "best.h5" if original.is_h5 else "best.keras"
        if own in files:
            shutil.copyfile(original.path, folder.path / own)
    reference = measured_facts(
        subject.graph,
        subject.test_outputs,
        subject=subject,
        data=data,
        val_accuracy=subject.val_accuracy,
        size_bytes=original_size,
    )
    result = reference
    moved: list[str] = []
    if changed:
        outputs = pool.predict(finalists.result.graph, "test_images")
        moved = _moved_outputs(outputs, subject)
        result = measured_facts(
            finalists.result.graph,
            outputs,
            subject=subject,
            data=data,
            val_accuracy=finalists.result.accuracy or 0.0,
            size_bytes=size,
        )
    control = None
    if finalists.control is not None:
        control = measured_facts(
            finalists.control.graph,
            pool.predict(finalists.control.graph, "test_images"),
            subject=subject,
            data=data,
            val_accuracy=finalists.control.accuracy or 0.0,
            size_bytes=original_size,
        )
    return RunReport(
        model=str(original.path),
        data=settings.data,
        objective=settings.objective,
        max_accuracy_drop=settings.max_accuracy_drop,
        smaller=_smaller(result, reference, settings.objective),
        reference=reference,
        control=control,
        result=result,
        removals=finalists.result.lineage,
        input_scaling=subject.scaling.kind,
        augmentation=subject.augmentation.name,
        validation=subject.roles.validation_source,
        images_trained=finalists.result.images_trained,
        control_images=finalists.control_images,
        elapsed_s=round(budget.elapsed(), 1),
        budget_s=settings.budget,
        generations=outcome.generations,
        stop_reason=outcome.stop_reason,
        seed=settings.seed,
        versions=installed_versions(),
        notes=(*notes, *moved),
        folder=str(folder.path),
        files=files,
    )


def keep_safe(
    elite: Candidate, folder: RunFolder, subject: Subject, data: Dataset, original: LoadedModel
) -> None:
    """Writes an accepted model at once, so that an interrupted run leaves it behind."""
    model = build_model(unpack(elite.graph, subject.understanding.packing))
    write_models(model, original, folder.path, subject, data)
    folder.best_accuracy = elite.accuracy


def measured_facts(
    graph: LayerGraph,
    outputs: np.ndarray,
    *,
    subject: Subject,
    data: Dataset,
    val_accuracy: float,
    size_bytes: int,
) -> ModelFacts:
    """Everything the report says of one model, from its outputs on the whole test set."""
    unseen, classes = subject.roles.unseen, outputs[:, : subject.num_classes]
    cost = graph_cost(graph)
    return ModelFacts(
        val_accuracy=val_accuracy,
        test_accuracy=accuracy(classes[unseen], data.y_test[unseen]),
        full_test_accuracy=accuracy(classes, data.y_test),
        num_params=cost.num_params,
        macs=cost.macs,
        num_layers=cost.num_layers,
        size_bytes=size_bytes,
    )


def write_models(
    model: keras.Model, original: LoadedModel, folder: Path, subject: Subject, data: Dataset
) -> tuple[str, ...]:
    """Writes `best`, compiled as the original was, loads it back and compares outputs.

    It is written as `.keras`, and as `.h5` too where the original was that and HDF5 can hold it.
    """
    compile_like(model, original.compile_config)
    suffixes = (".keras", ".h5") if original.is_h5 and h5_can_hold(model) else (".keras",)
    rows = subject.scaling.apply(np.asarray(data.x_train[:_PROBE_IMAGES]))
    probe = unpack_inputs(rows, subject.understanding.packing)
    names = []
    for suffix in suffixes:
        path = folder / f"best{suffix}"
        save_verified(model, path, probe)
        names.append(path.name)
    return tuple(names)


def _moved_outputs(outputs: np.ndarray, subject: Subject) -> list[str]:
    """What is to be said of the outputs that were not judged."""
    understanding, unseen = subject.understanding, subject.roles.unseen
    sizes = understanding.packing.other_sizes
    if not sizes:
        return []
    before, after = (
        each[unseen, subject.num_classes :] for each in (subject.test_outputs, outputs)
    )
    shares = unexplained_shares(before, after, sizes)
    told = ", ".join(
        f"{name} {share:.4f}" for name, share in zip(understanding.others, shares, strict=True)
    )
    return [
        f"The other outputs have moved from the original's on {len(unseen)} test samples that no "
        f"selection saw, by 1 - R^2 (0: equal, 1: no nearer than its mean): {told}."
    ]


def saved_size(model: keras.Model, scratch: Path) -> int:
    """Bytes of a model's `.keras` file."""
    path = scratch / "original.keras"
    model.save(path)
    return path.stat().st_size


def installed_versions() -> dict[str, str]:
    """Versions of what a run's figures depend on, and Keras's backend."""
    found = {"python": platform.python_version(), "backend": keras.backend.backend()}
    for package in ("prune-mi", "keras", "tensorflow", "numpy", "scikit-learn"):
        with suppress(PackageNotFoundError):  # run from a checkout, or tensorflow-cpu
            found[package] = version(package)
    return found


def _smaller(result: ModelFacts, reference: ModelFacts, objective: str) -> bool:
    if objective == "params":
        return result.num_params < reference.num_params
    return result.macs < reference.macs
