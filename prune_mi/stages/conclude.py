"""The end of a run: the images that no selection saw, the files, the report."""

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np

from prune_mi.config import OptimizeSettings
from prune_mi.data import Dataset
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.build import build_model
from prune_mi.keras_io.files import save_verified
from prune_mi.measure.quality import accuracy, predict
from prune_mi.records import ModelFacts, RunReport
from prune_mi.search.budget import Budget
from prune_mi.search.candidate import Candidate
from prune_mi.stages.finish import Finalists
from prune_mi.stages.generations import SearchOutcome
from prune_mi.stages.prepare import Subject
from prune_mi.stages.run_folder import RunFolder

_PROBE_IMAGES = 16


def conclude(
    original: keras.Model,
    finalists: Finalists,
    outcome: SearchOutcome,
    *,
    subject: Subject,
    data: Dataset,
    settings: OptimizeSettings,
    folder: RunFolder,
    budget: Budget,
    model_path: Path,
    notes: Sequence[str],
) -> RunReport:
    """Measures the result and the control, writes the models, and sums the run up.

    Where nothing smaller was accepted the original itself is written out.
    """
    smaller = bool(finalists.result.lineage)
    best = build_model(finalists.result.graph) if smaller else original
    files = write_models(best, folder.path, subject, data, suffixes=model_suffixes(model_path))
    size = (folder.path / files[0]).stat().st_size
    original_size = _saved_size(original, folder.scratch) if smaller else size
    reference = measure_facts(
        subject.graph,
        subject=subject,
        data=data,
        val_accuracy=subject.val_accuracy,
        size_bytes=original_size,
        outputs=subject.test_outputs,
    )
    result = reference
    if smaller:
        result = measure_facts(
            finalists.result.graph,
            subject=subject,
            data=data,
            val_accuracy=finalists.result.accuracy or 0.0,
            size_bytes=size,
        )
    control = None
    if finalists.control is not None:
        control = measure_facts(
            finalists.control,
            subject=subject,
            data=data,
            val_accuracy=finalists.control_val_accuracy,
            size_bytes=original_size,
        )
    return RunReport(
        model=str(model_path),
        data=settings.data,
        objective=settings.objective,
        max_accuracy_drop=settings.max_accuracy_drop,
        smaller=smaller,
        reference=reference,
        control=control,
        result=result,
        removals=finalists.result.lineage,
        input_scaling=subject.scaling.kind,
        augmentation=subject.augmentation.name,
        validation=subject.roles.validation_source,
        images_trained=finalists.result.images_trained,
        elapsed_s=round(budget.elapsed(), 1),
        budget_s=settings.budget,
        generations=outcome.generations,
        stop_reason=outcome.stop_reason,
        seed=settings.seed,
        versions=_versions(),
        notes=tuple(notes),
        files=files,
    )


def keep_safe(
    elite: Candidate, folder: RunFolder, subject: Subject, data: Dataset, model_path: Path
) -> None:
    """Writes an accepted model at once, so that an interrupted run leaves it behind."""
    suffixes = model_suffixes(model_path)
    write_models(build_model(elite.graph), folder.path, subject, data, suffixes=suffixes)


def model_suffixes(model_path: Path) -> tuple[str, ...]:
    """The formats to write: always `.keras`, and `.h5` where the input was that."""
    return (".keras",) if model_path.suffix.lower() == ".keras" else (".keras", ".h5")


def measure_facts(
    graph: LayerGraph,
    *,
    subject: Subject,
    data: Dataset,
    val_accuracy: float,
    size_bytes: int,
    outputs: np.ndarray | None = None,
) -> ModelFacts:
    """Everything the report says of one model; reads the test images unless given its outputs."""
    if outputs is None:
        outputs = predict(build_model(graph), data.x_test, subject.scaling)
    unseen = subject.roles.unseen
    cost = graph_cost(graph)
    return ModelFacts(
        val_accuracy=val_accuracy,
        test_accuracy=accuracy(outputs[unseen], data.y_test[unseen]),
        full_test_accuracy=accuracy(outputs, data.y_test),
        num_params=cost.num_params,
        macs=cost.macs,
        num_layers=cost.num_layers,
        size_bytes=size_bytes,
    )


def write_models(
    model: keras.Model, folder: Path, subject: Subject, data: Dataset, *, suffixes: Sequence[str]
) -> tuple[str, ...]:
    """Writes `best` in each format, loads each back and compares outputs."""
    probe = subject.scaling.apply(np.asarray(data.x_train[:_PROBE_IMAGES]))
    names = []
    for suffix in suffixes:
        path = folder / f"best{suffix}"
        save_verified(model, path, probe)
        names.append(path.name)
    return tuple(names)


def _saved_size(model: keras.Model, scratch: Path) -> int:
    path = scratch / "original.keras"
    model.save(path)
    return path.stat().st_size


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "backend": keras.backend.backend()}
    for package in ("prune-mi", "keras", "tensorflow", "numpy", "scikit-learn"):
        found[package] = version(package)
    return found
