"""The end of `optimize`: the result and the control measured, written, and all of it summed up."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prune_mi.comparison.gates import Rivals, judge
from prune_mi.config import Gates, OptimizeSettings
from prune_mi.costs.objective import objective_of
from prune_mi.data.class_order import class_names
from prune_mi.delivery.frontier import points_of, written_frontier
from prune_mi.delivery.measuring import installed_versions, measured_facts
from prune_mi.delivery.missed import missed_limits
from prune_mi.delivery.reliability import class_facts, class_warnings, limit_facts, unused_facts
from prune_mi.delivery.trainings import Finalists
from prune_mi.delivery.writing import unpacked_model, write_model, write_models
from prune_mi.evolution.limits import AllowedDrop
from prune_mi.evolution.strategy import Evolved
from prune_mi.keras_io.loading.load import LoadedModel
from prune_mi.keras_io.saving.save import saved_size
from prune_mi.measure.metric import unexplained_shares
from prune_mi.preparation.baseline import Baseline
from prune_mi.preparation.can_go import CanGo
from prune_mi.records import GateResult, ModelFacts, RunReport, Statistics, TrainedChild
from prune_mi.runs.folder import BEST, CLOSEST, RunFolder
from prune_mi.runs.run import Run
from prune_mi.search.candidate import Trained


@dataclass(frozen=True, slots=True)
class Made:
    """What search and final training have come to.

    Attributes:
        evolved: Where the search ended.
        finalists: The result and the control.
        statistics: The batch-norm statistics that were compared for the start.
    """

    evolved: Evolved
    finalists: Finalists
    statistics: Statistics


def conclude(
    original: LoadedModel,
    made: Made,
    run: Run[OptimizeSettings],
    *,
    baseline: Baseline,
    allowed: AllowedDrop,
    can_go: CanGo,
    gates: Gates | None,
) -> RunReport:
    """Measures the result and the control, writes the models, and sums the run up.

    Where nothing smaller was accepted the original itself is written out.

    Returns:
        The report, but for what its events tell: generations, why they ended, and notes.
    """
    evolved, finalists, folder = made.evolved, made.finalists, run.folder
    settings = run.settings
    final, given, start = finalists.result, baseline.given, baseline.start
    changed = bool(final.lineage)
    files, unwritten = _write_result(original, final, run, baseline)
    size = (folder.path / files[0]).stat().st_size
    original_size = saved_size(original.model, folder.scratch) if changed else size
    models = _Models(run, baseline)
    reference = models.facts(given, original_size)
    result = models.facts(final, size) if changed else reference
    outputs = models.outputs(final if changed else given)
    other = start.graph is not given.graph
    recalibrated = models.facts(start, original_size) if other else None
    control = finalists.control
    objective = objective_of(settings, given.cost)
    smaller = objective.amount(final.cost) < objective.amount(given.cost)
    limit = limit_facts(final, evolved, allowed, baseline, settings, chosen=changed)
    classes = class_facts(models.outputs(given), outputs, baseline, limit=allowed.limit)
    trained = [*evolved.trained, *([TrainedChild("result", final.cost, final.scores)] * changed)]
    _write_answers(folder.answers, trained, allowed, baseline)
    # Of a model that is right only with other statistics, gates ask what it was given them for.
    before = models.outputs(start if baseline.profile.needs_statistics else given)
    moved = _moved_outputs(models.outputs(given), outputs, baseline) if changed else []
    for note in (*moved, *unwritten, *class_warnings(classes, baseline.judge)):
        run.notes.note(note)
    closest, missed = finalists.closest, tuple[str, ...]()
    if closest is not None:
        run.notes.note(_write_closest(original, closest, run, baseline))
        missed = missed_limits(closest, objective, baseline)
    frontier = written_frontier(
        original,
        points_of(evolved, start, finalists),
        finalists,
        run,
        baseline,
        measured={given.name: reference, final.name: result},
        files={final.name: files[0], **({closest.name: CLOSEST} if closest else {})},
    )
    return RunReport(
        **_given(original, run, baseline, can_go),
        smaller=smaller,
        reference=reference,
        control=None if control is None else models.facts(control, original_size),
        result=result,
        removals=final.lineage,
        augmentation=finalists.augmentation or baseline.profile.augmentation.name,
        images_trained=final.images_trained,
        control_images=finalists.control_images,
        recalibrated=recalibrated,
        statistics=made.statistics,
        limit=limit,
        classes=classes,
        unused=unused_facts(limit, run.budget, settings, smaller=smaller),
        elapsed_s=round(run.budget.elapsed(), 1),
        files=files,
        targets={each.kind.name: each.most for each in objective.targets},
        closest=None if closest is None else models.facts(closest, _size(folder, CLOSEST)),
        missed=missed,
        frontier=frontier,
        gates=() if gates is None else _judged(gates, reference, result, before, outputs, baseline),
    )


def _given(
    original: LoadedModel, run: Run[OptimizeSettings], baseline: Baseline, can_go: CanGo
) -> dict[str, Any]:
    """What the report has of what a run was given, and fields that its events fill."""
    settings, judge = run.settings, baseline.judge
    return {
        "model": original.told,
        "data": str(settings.data),
        "task": judge.task.name,
        "metric": judge.metric.name,
        "metric_words": judge.metric.words,
        "objective": settings.objective,
        "max_accuracy_drop": settings.allowed_drop,
        "input_scaling": baseline.profile.scaling.kind,
        "validation": baseline.roles.validation_source,
        "can_go": can_go.text,
        "can_go_share": can_go.share,
        "budget_s": settings.budget,
        "seed": settings.seed,
        "versions": installed_versions(),
        "folder": str(run.folder.path),
        "generations": (),
        "stop_reason": "",
        "notes": (),
    }


def _write_result(
    original: LoadedModel, final: Trained, run: Run[OptimizeSettings], baseline: Baseline
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The files that were written, and what could not be."""
    changed, folder = bool(final.lineage), run.folder.path
    best = unpacked_model(final.graph, baseline) if changed else original.model
    files, unwritten = write_models(best, original, folder, baseline)
    own = "best.h5" if original.is_h5 else BEST
    if not changed and original.as_it_is and own in files:
        shutil.copyfile(original.path, folder / own)
    return files, unwritten


def _write_closest(
    original: LoadedModel, closest: Trained, run: Run[OptimizeSettings], baseline: Baseline
) -> str:
    """Writes the nearest to what nothing has met, and says so."""
    model = unpacked_model(closest.graph, baseline)
    write_model(model, original, run.folder.path / CLOSEST, baseline)
    return f"{CLOSEST} is {closest.name}, the nearest to the limits that no model kept."


def _size(folder: RunFolder, name: str) -> int:
    return (folder.path / name).stat().st_size


class _Models:
    """Models measured on the whole test set, each asked about it once."""

    def __init__(self, run: Run[OptimizeSettings], baseline: Baseline) -> None:
        self._pool = run.pool
        self._baseline = baseline
        self._known: dict[int, np.ndarray] = {}
        if baseline.test_outputs is not None:
            self._known[id(baseline.given.graph)] = baseline.test_outputs

    def outputs(self, candidate: Trained) -> np.ndarray:
        """What it yields; the control may be what it began as."""
        key = id(candidate.graph)
        if key not in self._known:
            self._known[key] = self._pool.predict(candidate.graph, "test_images")
        return self._known[key]

    def facts(self, candidate: Trained, size_bytes: int) -> ModelFacts:
        """What the report says of it."""
        return measured_facts(
            candidate.graph,
            self.outputs(candidate),
            self._baseline,
            quality=candidate.quality,
            size_bytes=size_bytes,
        )


def _judged(
    gates: Gates,
    reference: ModelFacts,
    result: ModelFacts,
    reference_outputs: np.ndarray,
    outputs: np.ndarray,
    baseline: Baseline,
) -> tuple[GateResult, ...]:
    """The result held to its gates, on test images that no selection saw."""
    unseen = baseline.roles.unseen
    rivals = Rivals(
        judge=baseline.judge,
        before=reference_outputs[unseen],
        after=outputs[unseen],
        truth=baseline.data.y_test[unseen],
        names=class_names(baseline.data),
        params=(reference.num_params, result.num_params),
        macs=(reference.macs, result.macs),
        saved_bytes=(reference.size_bytes, result.size_bytes),
        size_bytes=result.size_bytes,
    )
    return judge(gates, rivals)


def _write_answers(
    path: Path, trained: Sequence[TrainedChild], allowed: AllowedDrop, baseline: Baseline
) -> None:
    """Writes what each validation image scores by trained children, to choose again among them."""
    if trained:
        np.savez_compressed(
            path,
            weights=allowed.weights,
            original=allowed.before,
            names=np.array([each.name for each in trained]),
            macs=np.array([each.cost.macs for each in trained]),
            params=np.array([each.cost.num_params for each in trained]),
            scores=np.stack([each.scores for each in trained]),
        )


def _moved_outputs(before: np.ndarray, after: np.ndarray, baseline: Baseline) -> list[str]:
    """What is to be said of the outputs that were not judged."""
    profile, unseen = baseline.profile, baseline.roles.unseen
    sizes = profile.packing.other_sizes
    if not sizes:
        return []
    given, now = (each[unseen, profile.head.size :] for each in (before, after))
    shares = unexplained_shares(given, now, sizes)
    told = ", ".join(
        f"{name} {share:.4f}" for name, share in zip(profile.others, shares, strict=True)
    )
    return [
        f"Change of the other outputs on {len(unseen)} test samples that were not used for "
        "selection, measured as 1 - R^2 against the original (0: equal; 1: no better than the "
        f"original's mean): {told}."
    ]
