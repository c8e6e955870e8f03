"""The end of a search: the images that no selection saw, the files, the report."""

from collections.abc import Sequence

import numpy as np

from prune_mi.config import SearchSettings
from prune_mi.data import Dataset
from prune_mi.data.class_file import CLASS_FILE, write_classes
from prune_mi.execution.pool import WorkerPool
from prune_mi.graph.ends import Packing, pack, unpack
from prune_mi.graph.ensemble import ensemble_graph
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.paper_layers import num_paper_layers
from prune_mi.keras_io.build import build_model, build_written
from prune_mi.keras_io.saving import save_verified
from prune_mi.records import ModelFacts, SearchReport
from prune_mi.search.budget import Budget
from prune_mi.search.candidate import Candidate
from prune_mi.stages.architecture import ArchitectureOutcome
from prune_mi.stages.conclude import installed_versions, measured_facts, saved_size
from prune_mi.stages.roles import Subject, validation_images
from prune_mi.stages.run_folder import RunFolder
from prune_mi.stages.search_finish import FinallyTrained
from prune_mi.stages.selected_on import provenance_of
from prune_mi.stages.start import Started

_PROBE_IMAGES = 16
BEST, ENSEMBLE = "best.keras", "ensemble.keras"


def conclude_search(
    start: str,
    final: FinallyTrained,
    outcome: ArchitectureOutcome,
    begun: Started,
    *,
    data: Dataset,
    pool: WorkerPool,
    settings: SearchSettings,
    folder: RunFolder,
    budget: Budget,
    notes: Sequence[str],
) -> SearchReport:
    """Measures start, result and ensemble on the test images, writes the models, sums up.

    Args:
        start: `seed`, or the model file.
        final: The finally trained models.
        outcome: Where the search ended.
        begun: What it began with.
        data: Its test images are read here for the first time.
        pool: Asks the models.
        settings: The run's settings.
        folder: Where files go.
        budget: The run's clock.
        notes: What the run has said.
    """
    pool.store.put("test_images", data.x_test)
    subject, reference, members = outcome.subject, begun.reference, final.members
    best = members[0]
    files = [BEST, *([CLASS_FILE] if write_best(best, folder, subject, data) else [])]

    def facts(
        graph: LayerGraph, val_accuracy: float, size_bytes: int, known: np.ndarray | None = None
    ) -> ModelFacts:
        return measured_facts(
            graph,
            pool.predict(graph, "test_images") if known is None else known,
            subject=subject,
            data=data,
            val_accuracy=val_accuracy,
            size_bytes=size_bytes,
        )

    def size_of(graph: LayerGraph) -> int:
        own = unpack(graph, subject.understanding.packing)
        return saved_size(build_model(own), folder.scratch)

    ensemble = None
    if len(members) > 1:
        packing = subject.understanding.packing
        averaged = ensemble_graph(
            [unpack(each.graph, packing) for each in members],
            from_logits=[subject.from_logits] * len(members),
        )
        _write(averaged, None, folder, ENSEMBLE, subject, data)
        averaged = pack(averaged).graph  # the answers of one unit as those of two classes
        files.insert(1, ENSEMBLE)
        images, labels = validation_images(data, subject.roles)
        pool.store.put("asked_images", images)
        answers = pool.predict(averaged, "asked_images")
        right = float(np.mean(answers.argmax(axis=1) == labels))
        ensemble = facts(averaged, right, (folder.path / ENSEMBLE).stat().st_size)
    unseen = data.y_test[subject.roles.unseen]
    known = subject.test_outputs if len(subject.test_outputs) else None  # of a model given
    return SearchReport(
        start=start,
        data=settings.data,
        method=settings.method,
        reference=facts(
            reference.graph, reference.accuracy or 0.0, size_of(reference.graph), known
        ),
        result=facts(best.graph, best.accuracy or 0.0, (folder.path / BEST).stat().st_size),
        ensemble=ensemble,
        members=tuple(each.name for each in members) if ensemble else (),
        layers=num_paper_layers(best.graph),
        better=(best.accuracy or 0.0) > (reference.accuracy or 0.0),
        lineage=best.lineage,
        trials=outcome.trials,
        adoptions=outcome.adoptions,
        augmentation=subject.augmentation.name,
        validation=subject.roles.validation_source,
        images_trained=best.images_trained,
        total_images=begun.images + outcome.total_images + final.images,
        training_s=round(begun.training_s + outcome.training_s + final.training_s, 1),
        workers=pool.workers,
        elapsed_s=round(budget.elapsed(), 1),
        budget_s=settings.budget,
        generations=outcome.generations,
        stop_reason=outcome.stop_reason,
        seed=settings.seed,
        classes=data.class_names,
        versions=installed_versions(),
        notes=tuple(notes),
        folder=str(folder.path),
        files=tuple(files),
        num_unseen=len(unseen),
        commonest_share=float(np.bincount(unseen).max() / len(unseen)),
    )


def write_best(best: Candidate, folder: RunFolder, subject: Subject, data: Dataset) -> bool:
    """Writes a model as the best so far, and beside it what its classes are called.

    Returns:
        Whether there is something to say of the classes; see `write_classes`.
    """
    _write(best.graph, subject.understanding.packing, folder, BEST, subject, data)
    folder.best_accuracy = best.accuracy
    return write_classes(data, subject.scaling, folder.path)


def _write(
    graph: LayerGraph,
    packing: Packing | None,
    folder: RunFolder,
    name: str,
    subject: Subject,
    data: Dataset,
) -> None:
    """Writes a model, loads it back and compares outputs; it has no loss nor optimizer."""
    model = build_written(graph if packing is None else unpack(graph, packing))
    probe = subject.scaling.apply(np.asarray(data.x_train[:_PROBE_IMAGES]))
    save_verified(model, folder.path / name, probe, provenance=provenance_of(subject.roles))
