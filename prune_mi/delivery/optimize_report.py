"""The end of `optimize`: the result and the control measured, written, and all of it summed up."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prune_mi.comparison.gates import Rivals, judge
from prune_mi.config import Gates, OptimizeSettings
from prune_mi.data.class_order import class_names
from prune_mi.delivery.final_training import Finalists
from prune_mi.delivery.measuring import installed_versions, measured_facts
from prune_mi.delivery.reliability import class_facts, class_warnings, limit_facts, unused_facts
from prune_mi.delivery.writing import unpacked_model, write_models
from prune_mi.evolution.limits import AllowedDrop
from prune_mi.evolution.strategy import Evolved
from prune_mi.keras_io.loading.load import LoadedModel
from prune_mi.keras_io.saving.save import saved_size
from prune_mi.measure.metric import unexplained_shares
from prune_mi.measure.quality import answers_of
from prune_mi.preparation.baseline import Baseline
from prune_mi.preparation.can_go import CanGo
from prune_mi.records import GateResult, ModelFacts, RunReport, Statistics, TrainedChild
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
    run: Run,
    *,
    baseline: Baseline,
    allowed: AllowedDrop,
    can_go: CanGo,
    settings: OptimizeSettings,
    gates: Gates | None,
) -> RunReport:
    """Measures the result and the control, writes the models, and sums the run up.

    Where nothing smaller was accepted the original itself is written out.
    """
    evolved, finalists, folder = made.evolved, made.finalists, run.folder
    final, given, start = finalists.result, baseline.given, baseline.start
    changed = bool(final.lineage)
    best = unpacked_model(final.graph, baseline) if changed else original.model
    files, unwritten = write_models(best, original, folder.path, baseline)
    size = (folder.path / files[0]).stat().st_size
    original_size = saved_size(original.model, folder.scratch) if changed else size
    if not changed and original.as_it_is:
        own = "best.h5" if original.is_h5 else "best.keras"
        if own in files:
            shutil.copyfile(original.path, folder.path / own)
    known = {id(given.graph): _of_given(baseline)}

    def asked(candidate: Trained) -> np.ndarray:
        if id(candidate.graph) not in known:  # the control may be what it began as
            known[id(candidate.graph)] = run.pool.predict(candidate.graph, "test_images")
        return known[id(candidate.graph)]

    def facts(candidate: Trained, size_bytes: int = original_size) -> ModelFacts:
        return measured_facts(
            candidate.graph,
            asked(candidate),
            baseline,
            val_accuracy=float(candidate.correct.mean()),
            size_bytes=size_bytes,
        )

    reference = facts(given)
    result = facts(final, size) if changed else reference
    outputs = asked(final) if changed else _of_given(baseline)
    recalibrated = facts(start) if start.graph is not given.graph else None
    control = None if finalists.control is None else facts(finalists.control)
    smaller = _smaller(result, reference, settings.objective)
    limit = limit_facts(final, evolved, allowed, baseline, settings, chosen=changed)
    classes = class_facts(
        _of_given(baseline)[:, : baseline.num_classes],
        outputs[:, : baseline.num_classes],
        baseline,
        limit=settings.max_accuracy_drop,
    )
    trained = list(evolved.trained)
    if changed:
        trained.append(TrainedChild("result", final.cost, final.correct))
    _write_answers(folder.answers, trained, allowed, baseline)
    # Of a model that is right only with other statistics, gates ask what it was given them for.
    before = asked(start) if baseline.profile.needs_statistics else _of_given(baseline)
    moved = _moved_outputs(outputs, baseline) if changed else []
    return RunReport(
        model=str(original.path),
        data=settings.data,
        objective=settings.objective,
        max_accuracy_drop=settings.max_accuracy_drop,
        smaller=smaller,
        reference=reference,
        control=control,
        result=result,
        removals=final.lineage,
        input_scaling=baseline.profile.scaling.kind,
        augmentation=finalists.augmentation or baseline.profile.augmentation.name,
        validation=baseline.roles.validation_source,
        images_trained=final.images_trained,
        control_images=finalists.control_images,
        recalibrated=recalibrated,
        statistics=made.statistics,
        limit=limit,
        classes=classes,
        can_go=can_go.text,
        can_go_share=can_go.share,
        unused=unused_facts(limit, run.budget, settings, smaller=smaller),
        elapsed_s=round(run.budget.elapsed(), 1),
        budget_s=settings.budget,
        generations=evolved.generations,
        stop_reason=evolved.stop_reason,
        seed=settings.seed,
        versions=installed_versions(),
        notes=(*run.notes.said, *moved, *unwritten, *class_warnings(classes)),
        folder=str(folder.path),
        files=files,
        gates=() if gates is None else _judged(gates, reference, result, before, outputs, baseline),
    )


def _of_given(baseline: Baseline) -> np.ndarray:
    """What the model as given yields on the test set."""
    if baseline.test_outputs is None:
        raise ValueError("the model as given was not asked about the test images")
    return baseline.test_outputs


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
    before, after = (
        answers_of(each[unseen], baseline.num_classes) for each in (reference_outputs, outputs)
    )
    rivals = Rivals(
        before=before,
        after=after,
        labels=baseline.data.y_test[unseen],
        names=class_names(baseline.data),
        params=(reference.num_params, result.num_params),
        macs=(reference.macs, result.macs),
        saved_bytes=(reference.size_bytes, result.size_bytes),
        size_bytes=result.size_bytes,
    )
    return judge(gates, rivals, baseline.metric)


def _write_answers(
    path: Path, trained: Sequence[TrainedChild], allowed: AllowedDrop, baseline: Baseline
) -> None:
    """Writes what each trained child and the result are right on, to choose again among them."""
    if trained:
        np.savez_compressed(
            path,
            labels=baseline.images.validation_labels,
            original=allowed.before,
            names=np.array([each.name for each in trained]),
            macs=np.array([each.cost.macs for each in trained]),
            params=np.array([each.cost.num_params for each in trained]),
            correct=np.stack([each.correct for each in trained]),
        )


def _moved_outputs(outputs: np.ndarray, baseline: Baseline) -> list[str]:
    """What is to be said of the outputs that were not judged."""
    profile, unseen = baseline.profile, baseline.roles.unseen
    sizes = profile.packing.other_sizes
    if not sizes:
        return []
    before, after = (each[unseen, profile.num_classes :] for each in (_of_given(baseline), outputs))
    shares = unexplained_shares(before, after, sizes)
    told = ", ".join(
        f"{name} {share:.4f}" for name, share in zip(profile.others, shares, strict=True)
    )
    return [
        f"Change of the other outputs on {len(unseen)} test samples that were not used for "
        "selection, measured as 1 - R^2 against the original (0: equal; 1: no better than the "
        f"original's mean): {told}."
    ]


def _smaller(result: ModelFacts, reference: ModelFacts, objective: str) -> bool:
    if objective == "params":
        return result.num_params < reference.num_params
    return result.macs < reference.macs
