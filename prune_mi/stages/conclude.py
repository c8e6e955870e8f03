"""The end of a run: the images that no selection saw, the files, the report."""

import platform
import shutil
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import keras
import numpy as np

from prune_mi.config import Gates, OptimizeSettings
from prune_mi.data import Dataset
from prune_mi.data.class_file import write_classes
from prune_mi.data.class_order import class_names
from prune_mi.errors import RunError
from prune_mi.execution.pool import WorkerPool
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.end_arrays import unpack_inputs
from prune_mi.graph.ends import unpack
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.build import build_written
from prune_mi.keras_io.compiling import compile_like
from prune_mi.keras_io.load import LoadedModel
from prune_mi.keras_io.saving import h5_can_hold, save_verified
from prune_mi.measure.metric import quality
from prune_mi.measure.other_outputs import unexplained_shares
from prune_mi.measure.quality import accuracy, answers_of
from prune_mi.records import GateResult, ModelFacts, RunReport, TrainedChild
from prune_mi.search.budget import Budget
from prune_mi.search.candidate import Candidate
from prune_mi.stages.can_go import CanGo
from prune_mi.stages.gates import Rivals, judge
from prune_mi.stages.honesty import class_facts, class_warnings, limit_facts, unused_facts
from prune_mi.stages.limits import AllowedDrop
from prune_mi.stages.made import Made
from prune_mi.stages.roles import Subject
from prune_mi.stages.run_folder import RunFolder
from prune_mi.stages.selected_on import provenance_of
from prune_mi.stages.share import SearchData, reference_candidate

_PROBE_IMAGES = 16


def conclude(
    original: LoadedModel,
    made: Made,
    *,
    subject: Subject,
    data: Dataset,
    search_data: SearchData,
    can_go: CanGo,
    pool: WorkerPool,
    settings: OptimizeSettings,
    gates: Gates | None,
    folder: RunFolder,
    budget: Budget,
    notes: Sequence[str],
) -> RunReport:
    """Measures the result and the control, writes the models, and sums the run up.

    Where nothing smaller was accepted the original itself is written out.
    """
    start, outcome, finalists, allowed = made.start, made.outcome, made.finalists, made.allowed
    changed = bool(finalists.result.lineage)
    packing = subject.understanding.packing
    best = build_written(unpack(finalists.result.graph, packing)) if changed else original.model
    files, unwritten = write_models(best, original, folder.path, subject, data)
    size = (folder.path / files[0]).stat().st_size
    original_size = saved_size(original.model, folder.scratch) if changed else size
    if not changed and original.as_it_is:
        own = "best.h5" if original.is_h5 else "best.keras"
        if own in files:
            shutil.copyfile(original.path, folder.path / own)

    def facts(candidate: Candidate, outputs: np.ndarray, size_bytes: int) -> ModelFacts:
        return measured_facts(
            candidate.graph,
            outputs,
            subject=subject,
            data=data,
            val_accuracy=0.0 if candidate.correct is None else float(candidate.correct.mean()),
            size_bytes=size_bytes,
        )

    known = {id(subject.graph): subject.test_outputs}

    def asked(candidate: Candidate) -> np.ndarray:
        if id(candidate.graph) not in known:  # the control may be what it began as
            known[id(candidate.graph)] = pool.predict(candidate.graph, "test_images")
        return known[id(candidate.graph)]

    given = reference_candidate(subject, search_data.reference_correct)
    reference = facts(given, subject.test_outputs, original_size)
    result, result_outputs, moved = reference, subject.test_outputs, list[str]()
    if changed:
        result_outputs = asked(finalists.result)
        moved = _moved_outputs(result_outputs, subject)
        result = facts(finalists.result, result_outputs, size)
    recalibrated = control = None
    if start.graph is not subject.graph:
        recalibrated = facts(start, asked(start), original_size)
    if finalists.control is not None:
        control = facts(finalists.control, asked(finalists.control), original_size)
    smaller = _smaller(result, reference, settings.objective)
    limit = limit_facts(finalists.result, outcome, allowed, subject, settings, chosen=changed)
    classes = class_facts(
        subject.test_outputs[:, : subject.num_classes],
        result_outputs[:, : subject.num_classes],
        data,
        subject,
        limit=settings.max_accuracy_drop,
    )
    trained = list(outcome.trained)
    final = finalists.result
    if changed and final.correct is not None:
        trained.append(TrainedChild("result", final.cost, final.correct))
    _write_answers(folder.answers, trained, allowed, search_data)
    return RunReport(
        model=str(original.path),
        data=settings.data,
        objective=settings.objective,
        max_accuracy_drop=settings.max_accuracy_drop,
        smaller=smaller,
        reference=reference,
        control=control,
        result=result,
        removals=finalists.result.lineage,
        input_scaling=subject.scaling.kind,
        augmentation=finalists.augmentation or subject.augmentation.name,
        validation=subject.roles.validation_source,
        images_trained=finalists.result.images_trained,
        control_images=finalists.control_images,
        recalibrated=recalibrated,
        statistics=made.statistics,
        limit=limit,
        classes=classes,
        can_go=can_go.text,
        can_go_share=can_go.share,
        unused=unused_facts(limit, budget, settings, smaller=smaller),
        elapsed_s=round(budget.elapsed(), 1),
        budget_s=settings.budget,
        generations=outcome.generations,
        stop_reason=outcome.stop_reason,
        seed=settings.seed,
        versions=installed_versions(),
        notes=(*notes, *moved, *unwritten, *class_warnings(classes)),
        folder=str(folder.path),
        files=files,
        gates=()
        if gates is None
        else _judged(
            gates,
            reference,
            result,
            # Of a model that is right only with other statistics, what it was given them for.
            asked(start) if subject.understanding.needs_statistics else subject.test_outputs,
            result_outputs,
            subject,
            data,
        ),
    )


def _judged(
    gates: Gates,
    reference: ModelFacts,
    result: ModelFacts,
    reference_outputs: np.ndarray,
    outputs: np.ndarray,
    subject: Subject,
    data: Dataset,
) -> tuple[GateResult, ...]:
    """The result held to its gates, on test images that no selection saw."""
    unseen = subject.roles.unseen
    before, after = (
        answers_of(each[unseen], subject.num_classes) for each in (reference_outputs, outputs)
    )
    given = Rivals(
        before=before,
        after=after,
        labels=data.y_test[unseen],
        names=class_names(data),
        params=(reference.num_params, result.num_params),
        macs=(reference.macs, result.macs),
        saved_bytes=(reference.size_bytes, result.size_bytes),
        size_bytes=result.size_bytes,
    )
    return judge(gates, given, subject.metric)


def _write_answers(
    path: Path, trained: Sequence[TrainedChild], allowed: AllowedDrop, data: SearchData
) -> None:
    """Writes what each trained child and the result are right on, to choose again among them."""
    if trained:
        np.savez_compressed(
            path,
            labels=data.validation_labels,
            original=allowed.before,
            names=np.array([each.name for each in trained]),
            macs=np.array([each.cost.macs for each in trained]),
            params=np.array([each.cost.num_params for each in trained]),
            correct=np.stack([each.correct for each in trained]),
        )


def keep_safe(
    elite: Candidate, folder: RunFolder, subject: Subject, data: Dataset, original: LoadedModel
) -> None:
    """Writes an accepted model at once, so that an interrupted run leaves it behind."""
    model = build_written(unpack(elite.graph, subject.understanding.packing))
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
        balanced_accuracy=quality(
            classes[unseen].argmax(axis=1) == data.y_test[unseen], data.y_test[unseen], "balanced"
        ),
        num_params=cost.num_params,
        macs=cost.macs,
        num_layers=cost.num_layers,
        size_bytes=size_bytes,
    )


def write_models(
    model: keras.Model, original: LoadedModel, folder: Path, subject: Subject, data: Dataset
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Writes `best`, compiled as the original was, loads it back and compares outputs.

    It is written as `.keras`, and as `.h5` too where the original was that and HDF5 can hold it.

    Returns:
        The names of the files, and why there is no `best.h5` where one was to be expected.
    """
    write_model(model, original, folder / "best.keras", subject, data)
    write_classes(data, subject.scaling, folder)
    if not original.is_h5 or not h5_can_hold(original.model):
        return ("best.keras",), ()
    try:
        if not h5_can_hold(model):
            raise RunError("the result has operations that HDF5 files cannot hold")
        write_model(model, original, folder / "best.h5", subject, data)
    except RunError as error:  # the result is there, in the other file
        (folder / "best.h5").unlink(missing_ok=True)  # of an earlier best
        return ("best.keras",), (f"best.h5 was not written: {error}. Use best.keras.",)
    return ("best.keras", "best.h5"), ()


def write_model(
    model: keras.Model, original: LoadedModel, path: Path, subject: Subject, data: Dataset
) -> None:
    """Writes a model, compiled as the original was, loads it back and compares outputs."""
    compile_like(model, original.compile_config)
    rows = subject.scaling.apply(np.asarray(data.x_train[:_PROBE_IMAGES]))
    save_verified(
        model,
        path,
        unpack_inputs(rows, subject.understanding.packing),
        provenance=provenance_of(subject.roles),
    )


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
        f"Change of the other outputs on {len(unseen)} test samples that were not used for "
        "selection, measured as 1 - R^2 against the original (0: equal; 1: no better than the "
        f"original's mean): {told}."
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
