"""The end of `search`: start, result and average measured, written, and all of it summed up."""

import numpy as np

from prune_mi.config import SearchSettings
from prune_mi.data.class_file import CLASS_FILE
from prune_mi.delivery.measuring import installed_versions, measured_facts
from prune_mi.delivery.trainings import Finalists
from prune_mi.delivery.writing import unpacked_model, write_model, write_models
from prune_mi.evolution.first_training import FirstTraining
from prune_mi.evolution.strategy import Evolved
from prune_mi.graph.analysis.layer_counts import num_paper_layers
from prune_mi.graph.construction.ensemble import ensemble_graph
from prune_mi.graph.interface.packing import pack, unpack
from prune_mi.keras_io.model_graph.build import build_written
from prune_mi.keras_io.saving.save import saved_size
from prune_mi.preparation.baseline import Baseline
from prune_mi.preparation.roles import validation_images
from prune_mi.records import ModelFacts, SearchReport
from prune_mi.runs.folder import BEST, ENSEMBLE
from prune_mi.runs.run import Run
from prune_mi.search.candidate import Trained


def conclude_search(
    start: str,
    finalists: Finalists,
    evolved: Evolved,
    run: Run[SearchSettings],
    *,
    baseline: Baseline,
    first: FirstTraining | None,
) -> SearchReport:
    """Measures start, result and average on the test images, writes the models, sums up.

    Args:
        start: `seed`, or the model file.
        finalists: The finally trained models.
        evolved: Where the search ended.
        run: The run under way.
        baseline: What it began with; its test images are read here for the first time.
        first: What the first training took; None where a model was given.

    Returns:
        The report, but for what its events tell: generations, why they ended, and notes.
    """
    settings = run.settings
    folder, pool, data = run.folder, run.pool, baseline.data
    pool.store.put("test_images", data.x_test)
    best, given, members = finalists.result, baseline.given, finalists.members
    files, _ = write_models(unpacked_model(best.graph, baseline), None, folder.path, baseline)
    reference_size = saved_size(unpacked_model(given.graph, baseline), folder.scratch)
    ensemble = _average(members, run, baseline) if len(members) > 1 else None

    def facts(candidate: Trained, size_bytes: int, outputs: np.ndarray | None) -> ModelFacts:
        return measured_facts(
            candidate.graph,
            pool.predict(candidate.graph, "test_images") if outputs is None else outputs,
            baseline,
            quality=candidate.quality,
            size_bytes=size_bytes,
        )

    unseen = data.y_test[baseline.roles.unseen]
    images, training_s = (0, 0.0) if first is None else (first.images, first.seconds)
    beside = [ENSEMBLE] if ensemble else []
    beside += [CLASS_FILE] if (folder.path / CLASS_FILE).is_file() else []
    return SearchReport(
        start=start,
        data=str(settings.data),
        task=baseline.judge.task.name,
        metric=baseline.judge.metric.name,
        metric_words=baseline.judge.metric.words,
        method=settings.method,
        reference=facts(given, reference_size, baseline.test_outputs),
        result=facts(best, (folder.path / BEST).stat().st_size, None),
        ensemble=ensemble,
        members=tuple(each.name for each in members) if ensemble else (),
        layers=num_paper_layers(best.graph),
        better=best.quality > given.quality,
        lineage=best.lineage,
        trials=evolved.trials,
        adoptions=evolved.adoptions,
        augmentation=evolved.profile.augmentation.name,
        validation=baseline.roles.validation_source,
        images_trained=best.images_trained,
        total_images=images + evolved.images + finalists.images,
        training_s=round(training_s + evolved.training_s + finalists.training_s, 1),
        workers=pool.workers,
        elapsed_s=round(run.budget.elapsed(), 1),
        budget_s=settings.budget,
        generations=(),
        stop_reason="",
        seed=settings.seed,
        classes=data.class_names,
        versions=installed_versions(),
        notes=(),
        folder=str(folder.path),
        files=(*files, *beside),
        num_unseen=len(unseen),
        chance=baseline.judge.value(baseline.judge.chance(unseen)),
    )


def _average(
    members: tuple[Trained, ...], run: Run[SearchSettings], baseline: Baseline
) -> ModelFacts:
    """Writes the average of some networks, and measures it."""
    profile, pool = baseline.profile, run.pool
    averaged = ensemble_graph(
        [unpack(each.graph, profile.packing) for each in members],
        from_logits=[profile.head.from_logits] * len(members),
    )
    path = run.folder.path / ENSEMBLE
    write_model(build_written(averaged), None, path, baseline)
    averaged = pack(averaged).graph  # the answers of one unit as those of two classes
    images, truth = validation_images(baseline.data, baseline.roles)
    pool.store.put("asked_images", images)
    scores = baseline.judge.scores(pool.predict(averaged, "asked_images"), truth)
    return measured_facts(
        averaged,
        pool.predict(averaged, "test_images"),
        baseline,
        quality=baseline.judge.quality(scores, truth),
        size_bytes=path.stat().st_size,
    )
