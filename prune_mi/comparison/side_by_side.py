"""Models that were asked about the same test images, side by side."""

from collections.abc import Sequence

import numpy as np

from prune_mi.comparison.asking import Asked
from prune_mi.comparison.gates import Rivals, changed_answers
from prune_mi.config import Metric, OptimizeSettings
from prune_mi.errors import DataError
from prune_mi.measure.bounds import DEVIATIONS, accuracy_interval
from prune_mi.measure.limit import paired_drop
from prune_mi.measure.metric import image_weights, quality, quality_interval
from prune_mi.preparation.selected_on import is_forgotten
from prune_mi.records import ClassQuality, Comparison, EvaluatedModel, Evaluation, Observer
from prune_mi.runs.folder import SELECTION_FILE
from prune_mi.runs.notes import NoteTaker


def kept_rows(asked: Sequence[Asked], notes: Observer) -> np.ndarray:
    """Bool `(n,)`: the test images that no run of these models has selected on.

    Args:
        asked: The models; their run folders tell which images these are.
        notes: Hears where one should tell and does not.
    """
    kept = np.ones(len(asked[0].labels), dtype=bool)
    for each in asked:
        kept &= ~each.selected_on
        if is_forgotten(each.path):
            notes.note(
                f"{each.path} was chosen on a part of its run's test images, but there is no "
                f"{SELECTION_FILE} beside it that says on which. If they are among the images "
                "measured here, its figures are a little too good. Copy that file along with the "
                "model."
            )
    return kept


def side_by_side(
    asked: Sequence[Asked], rows: np.ndarray, settings: OptimizeSettings, notes: NoteTaker
) -> Evaluation:
    """The figures of models on some of the test images, each against the first.

    Args:
        asked: The models.
        rows: bool `(n,)`, the images that no run of these models selected on.
        settings: The data, and the metric.
        notes: Hears how many images are left out, and has what is told of the models.

    Raises:
        DataError: If no images are left.
    """
    left_out = int(len(rows) - rows.sum())
    if not rows.any():
        raise DataError(
            "the run of one of these models used all of these test images for selection; expected "
            "other test images"
        )
    if left_out:
        notes.note(
            f"{left_out:,} of {len(rows):,} test images are left out: a run used them to choose "
            "one of these models."
        )
    return Evaluation(
        data=settings.data,
        metric=settings.metric,
        num_images=int(rows.sum()),
        num_left_out=left_out,
        models=tuple(_evaluated(each, asked[0], rows, settings.metric) for each in asked),
        notes=tuple(notes.said),
    )


def _evaluated(model: Asked, first: Asked, rows: np.ndarray, metric: Metric) -> EvaluatedModel:
    labels, correct = model.labels[rows], model.correct[rows]
    low, high = quality_interval(correct, labels, metric)
    return EvaluatedModel(
        path=str(model.path),
        quality=quality(correct, labels, metric),
        low=low,
        high=high,
        num_params=model.cost.num_params,
        macs=model.cost.macs,
        num_layers=model.cost.num_layers,
        size_bytes=model.size_bytes,
        saved_bytes=model.saved_bytes,
        classes=tuple(_classes(model, rows)),
        against_first=None if model is first else _compared(model, first, rows, metric),
    )


def _classes(model: Asked, rows: np.ndarray) -> list[ClassQuality]:
    labels, correct = model.labels[rows], model.correct[rows]
    found = []
    for label in np.unique(labels):
        own = correct[labels == label]
        low, high = accuracy_interval(float(own.mean()), len(own))
        found.append(ClassQuality(model.names[label], len(own), float(own.mean()), low, high))
    return found


def _compared(model: Asked, first: Asked, rows: np.ndarray, metric: Metric) -> Comparison:
    before, after = first.correct[rows], model.correct[rows]
    drop = paired_drop(before, after, image_weights(model.labels[rows], metric))
    reach = DEVIATIONS * drop.standard_error
    changed = changed_answers(first.answers[rows], model.answers[rows])
    return Comparison(
        change=-drop.value,
        low=-drop.value - reach,
        high=-drop.value + reach,
        changed=int(changed.sum()),
        right_to_wrong=int((before & ~after).sum()),
        wrong_to_right=int((~before & after).sum()),
    )


def rivals(baseline: Asked, candidate: Asked, rows: np.ndarray) -> Rivals:
    """Two models on some of the test images, bool `(n,)`."""
    return Rivals(
        before=baseline.answers[rows],
        after=candidate.answers[rows],
        labels=baseline.labels[rows],
        names=baseline.names,
        params=(baseline.cost.num_params, candidate.cost.num_params),
        macs=(baseline.cost.macs, candidate.cost.macs),
        saved_bytes=(baseline.saved_bytes, candidate.saved_bytes),
        size_bytes=candidate.size_bytes,
    )
