"""Models that are asked about the same test images, side by side."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from prune_mi.comparison.gates import Rivals, changed_decisions
from prune_mi.config import OptimizeSettings
from prune_mi.data import Dataset
from prune_mi.data.class_order import class_names, in_given_order
from prune_mi.errors import DataError, ModelError
from prune_mi.execution.pool import WorkerPool, temporary_pool
from prune_mi.graph.cost import graph_cost
from prune_mi.keras_io.loading.load import LoadedModel
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.keras_io.saving.save import saved_size
from prune_mi.measure.bounds import DEVIATIONS
from prune_mi.measure.limit import paired_drop
from prune_mi.measure.metric import quality_interval
from prune_mi.preparation.baseline import shared_data
from prune_mi.preparation.interface import read_interface
from prune_mi.preparation.loading import load_fitting_data, open_source
from prune_mi.preparation.profile import Profile
from prune_mi.preparation.selected_on import is_forgotten, selected_on
from prune_mi.preparation.study import study, study_as
from prune_mi.records import (
    ClassQuality,
    Comparison,
    Cost,
    EvaluatedModel,
    Evaluation,
    ModelSource,
    Observer,
)
from prune_mi.runs.folder import SELECTION_FILE
from prune_mi.runs.notes import NoteTaker
from prune_mi.tasks.agreement import answers_as_truth
from prune_mi.tasks.judge import Judge


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A model, and what it answers.

    Attributes:
        path: Its file.
        name: How reports name it.
        cost: Counted on its graph.
        size_bytes: Of its file, or of all files of its folder.
        saved_bytes: Of the same model as `.keras`, without an optimizer's state.
        names: Of the classes, labels or numbers, in the order of the first model's outputs.
        outputs: What it answers, in that order, as `WorkerPool.predict` has it.
        truth: Likewise, in the form of the task.
        selected_on: bool `(n,)`, the test images that the run which wrote it has selected on.
        profile: How it was asked.
    """

    path: Path
    name: str
    cost: Cost
    size_bytes: int
    saved_bytes: int
    names: tuple[str, ...]
    outputs: np.ndarray
    truth: np.ndarray
    selected_on: np.ndarray
    profile: Profile


def opened_pool(
    sources: Sequence[ModelSource], settings: OptimizeSettings, observer: Observer
) -> AbstractContextManager[WorkerPool]:
    """Where several models are asked, all of which are trusted alike."""
    trust = Trust(sources[0].allow_unsafe, sources[0].custom_objects)
    return temporary_pool(workers=settings.workers, observer=observer, trust=trust)


def ask(
    source: ModelSource,
    settings: OptimizeSettings,
    observer: Observer,
    *,
    pool: WorkerPool,
    first: Asked | None = None,
    as_first: bool = False,
) -> Asked:
    """Opens a model and asks it about the test images.

    Args:
        source: Its file.
        settings: The data, and how they are read.
        observer: Hears what was found.
        pool: Where it is asked.
        first: The model that its answers are to be compared with.
        as_first: Whether it is to be asked as that one was, and not found out about by itself: a
            candidate that is right by chance alone is to be measured all the same.

    Raises:
        PruneMIError: As `prune_mi.optimize` does for its model, data and settings.
        ModelError: If it does not tell the same classes apart as `first`.
    """
    with _named(source.path):
        loaded = open_source(source)
        for note in loaded.notes:
            observer.note(note)
        if first is not None:
            num_classes = read_interface(loaded.model, settings.output).num_classes
            if num_classes != len(first.names):
                raise ModelError(
                    f"{source.told} tells {num_classes} classes apart, and {first.name} tells "
                    f"{len(first.names)} apart; expected models with the same classes"
                )
        data = load_fitting_data(loaded, settings, observer, beside=source.path)
        like = first if as_first else None
        profile, data = _profiled(loaded, data, settings, observer, pool=pool, like=like)
        pool.use(shared_data(pool.store, profile, settings))
        pool.store.put("test_images", data.x_test)
        outputs = pool.predict(profile.graph, "test_images")
        if data.form == "none":
            known = first.truth if first is not None else None
            own_answers = answers_as_truth(profile.judge.task, outputs, profile.head)
            data = replace(data, y_test=own_answers if known is None else known)
        own = class_names(data)
        names = own if first is None else first.names
        truth = data.y_test
        if not profile.head.is_spatial:
            outputs = profile.head.of(outputs)
        if data.form == "classes":
            places = _places(own, names, source.told)
            outputs, truth = outputs[:, np.argsort(places)], places[truth]
        if first is not None and not np.array_equal(truth, first.truth):
            raise DataError(
                f"the test labels differ: {source.told} has {len(truth)} test images and "
                f"{first.name} has {len(first.truth)}; expected a data set that both models read "
                "alike"
            )
        saved = saved_size(loaded.model, pool.folder)
        return Asked(
            path=source.path,
            name=source.told,
            cost=graph_cost(profile.packing.original),
            size_bytes=saved if source.name else _file_size(source.path),
            saved_bytes=saved,
            names=names,
            outputs=outputs,
            truth=truth,
            selected_on=selected_on(source.path, data.x_test),
            profile=profile,
        )


def _profiled(
    loaded: LoadedModel,
    data: Dataset,
    settings: OptimizeSettings,
    observer: Observer,
    *,
    pool: WorkerPool,
    like: Asked | None,
) -> tuple[Profile, Dataset]:
    """How a model is asked, by itself or like another one, and the data in its order."""
    compiled = loaded.compile_config
    if like is None:
        profile = study(
            loaded.model,
            data,
            settings,
            pool=pool,
            observer=observer,
            compiled=compiled,
            trains=False,
        )
        return profile, profile.arranged(data)
    profile = study_as(like.profile, loaded.model, data, settings, pool=pool, compiled=compiled)
    if not data.order_known:
        data = in_given_order(data, like.names, num_classes=len(like.names))
    return profile, data


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What is wrong with one of several models, told with its path."""
    try:
        yield
    except (DataError, ModelError) as error:
        if str(path) in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error


def _places(own: Sequence[str], names: Sequence[str], told: str) -> np.ndarray:
    """For each class of a model its place among those of the first."""
    if sorted(own) != sorted(names):
        raise ModelError(
            f"the classes of {told} are {', '.join(own[:5])}, ..., but the classes of the first "
            f"model are {', '.join(names[:5])}, ...; expected the same classes"
        )
    found = {name: place for place, name in enumerate(names)}
    return np.array([found[name] for name in own])


def _file_size(path: Path) -> int:
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files)


def kept_rows(asked: Sequence[Asked], notes: Observer) -> np.ndarray:
    """Bool `(n,)`: the test images that no run of these models has selected on.

    Args:
        asked: The models; their run folders tell which images these are.
        notes: Hears where one should tell and does not.
    """
    kept = np.ones(len(asked[0].truth), dtype=bool)
    for each in asked:
        kept &= ~each.selected_on
        if is_forgotten(each.path):
            notes.note(
                f"{each.name} was chosen on a part of its run's test images, but there is no "
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
        data=str(settings.data),
        task=asked[0].profile.judge.task.name,
        metric=asked[0].profile.judge.metric.words,
        num_images=int(rows.sum()),
        num_left_out=left_out,
        models=tuple(_evaluated(each, asked[0], rows) for each in asked),
        notes=tuple(notes.said),
    )


def _evaluated(model: Asked, first: Asked, rows: np.ndarray) -> EvaluatedModel:
    judge, truth = first.profile.judge, model.truth[rows]
    scores = judge.scores(model.outputs[rows], truth)
    ends = quality_interval(scores, judge.metric.weights(truth))
    low, high = sorted(judge.value(each) for each in ends)
    return EvaluatedModel(
        path=model.name,
        quality=judge.value(judge.quality(scores, truth)),
        low=low,
        high=high,
        metrics=judge.all_metrics(model.outputs[rows], truth),
        num_params=model.cost.num_params,
        macs=model.cost.macs,
        num_layers=model.cost.num_layers,
        size_bytes=model.size_bytes,
        saved_bytes=model.saved_bytes,
        classes=tuple(_classes(model, rows, judge)),
        against_first=None if model is first else _compared(model, first, rows),
    )


def _classes(model: Asked, rows: np.ndarray, judge: Judge) -> list[ClassQuality]:
    found = []
    for part in judge.task.parts(model.outputs[rows], model.truth[rows], judge.head):
        own = part.scores[part.rows]
        low, high = quality_interval(own, None)
        quality = float(own.mean())
        found.append(ClassQuality(model.names[part.place], len(own), quality, low, high))
    return found


def _compared(model: Asked, first: Asked, rows: np.ndarray) -> Comparison:
    judge, truth = first.profile.judge, model.truth[rows]
    before, after = first.outputs[rows], model.outputs[rows]
    drop = paired_drop(
        judge.scores(before, truth), judge.scores(after, truth), judge.weights(truth)
    )
    reach = DEVIATIONS * drop.standard_error
    sign = judge.scale if judge.metric.is_error else -1.0  # of an error, more is a rise
    low, high = sorted(sign * (drop.value + each) for each in (-reach, reach))
    changed = changed_decisions(judge, before, after, truth)
    return Comparison(
        change=sign * drop.value,
        low=low,
        high=high,
        decisions=None if changed is None else changed.total,
        changed=None if changed is None else changed.count,
        right_to_wrong=None if changed is None else changed.right_to_wrong,
        wrong_to_right=None if changed is None else changed.wrong_to_right,
    )


def rivals(baseline: Asked, candidate: Asked, rows: np.ndarray) -> Rivals:
    """Two models on some of the test images, bool `(n,)`."""
    return Rivals(
        judge=baseline.profile.judge,
        before=baseline.outputs[rows],
        after=candidate.outputs[rows],
        truth=baseline.truth[rows],
        names=baseline.names,
        params=(baseline.cost.num_params, candidate.cost.num_params),
        macs=(baseline.cost.macs, candidate.cost.macs),
        saved_bytes=(baseline.saved_bytes, candidate.saved_bytes),
        size_bytes=candidate.size_bytes,
    )
