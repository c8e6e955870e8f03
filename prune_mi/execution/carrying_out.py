"""Carrying tasks out, in whatever process that is done.

Importing this module does not import Keras: a worker sets its threads first.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from prune_mi.config import ChannelCriterion
from prune_mi.execution.executor import tell
from prune_mi.execution.store import SharedData
from prune_mi.execution.tasks import (
    Evaluated,
    FailedEvaluation,
    Outcome,
    Ranked,
    RankTask,
    RecalibrateTask,
    ScreenTask,
    Task,
    TrainTask,
)
from prune_mi.graph.digest import weights_digest
from prune_mi.graph.ir import LayerGraph

if TYPE_CHECKING:
    from prune_mi.measure.predictor import Predictor
    from prune_mi.training.checkpoint import Checkpoint

_T = TypeVar("_T")

_CALIBRATION_BATCH = 128
_MOST_VALUES, _FEWEST_AT_ONCE = 2**24, 16  # of maps that are held at once


def evaluate(task: Task, data: SharedData) -> Outcome:
    """Carries a task out; a failure is a value.

    A training tells `(images done, images in all)` as it goes on.
    """
    started = time.monotonic()

    def carried_out() -> Outcome:
        if isinstance(task, ScreenTask):
            return _screen(task, data, started)
        if isinstance(task, RecalibrateTask):
            return _recalibrate(task, data, started)
        return _train(task, data, started)

    return _guarded(task.name, task.seed, carried_out)


def rank(task: RankTask, data: SharedData) -> Ranked | FailedEvaluation:
    """Ranks sites of a child on the shared ranking images; a failure is a value."""
    return _guarded(task.name, task.seed, lambda: _rank(task, data))


def _guarded(name: str, seed: int, action: Callable[[], _T]) -> _T | FailedEvaluation:
    import keras

    started = time.monotonic()
    try:
        keras.utils.set_random_seed(seed)  # dropout draws from Keras's global generator
        return action()
    except MemoryError:
        raise
    except Exception as error:  # a child may fail in any way; the run must not
        message = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        return FailedEvaluation(name, message, time.monotonic() - started)


def predict_slice(
    graph: LayerGraph, data: SharedData, name: str, start: int, stop: int, mirrored: bool
) -> np.ndarray:
    """A model's raw outputs on rows of a shared array, float32 `(stop - start, ...)`.

    With `mirrored`, the mean of those on each image and on its mirror image.
    """
    from prune_mi.execution.kept import kept_predictor

    predictor, images = kept_predictor(graph), data.load(name)[start:stop]
    outputs = predictor(images, data.scaling)
    if mirrored:
        outputs = (outputs + predictor(images[:, :, ::-1], data.scaling)) / 2
    return outputs


def compact_slice(
    graph: LayerGraph, data: SharedData, name: str, start: int, stop: int
) -> np.ndarray:
    """What has to be kept of a model's outputs on rows of a shared array; see `Judge.compact`."""
    from prune_mi.execution.kept import kept_predictor

    return _compact(kept_predictor(graph), data.load(name)[start:stop], data)


def _screen(task: ScreenTask, data: SharedData, started: float) -> Evaluated:
    graph = _repaired(task, data)
    found = _untrained(task.name, graph, data, data.screening_images, started)
    return replace(found, quality=found.quality + task.offset)


def _recalibrate(task: RecalibrateTask, data: SharedData, started: float) -> Evaluated:
    from prune_mi.repair.recalibrate import recalibrate

    images = _calibration_images(data, task.num_images)
    varied = task.augmentation.apply(images, rng=np.random.default_rng(task.seed))
    graph = recalibrate(task.graph, _batches(varied), keep_frozen=True)
    return _untrained(task.name, graph, data, task.num_validation, started)


def _untrained(
    name: str, graph: LayerGraph, data: SharedData, count: int | None, started: float
) -> Evaluated:
    quality, scores = _validate(graph, data, count)
    seconds = time.monotonic() - started
    return Evaluated(name, graph, quality, scores, 0, seconds, 0.0, seconds)


def _rank(task: RankTask, data: SharedData) -> Ranked:
    from prune_mi.information.criterion import RankingRequest
    from prune_mi.information.ranking import criterion

    chosen = criterion(task.settings.criterion)
    channels = _channels(task, task.channels, data) if task.channels else {}
    if not task.sites:
        return Ranked(task.name, (), (), chosen.measure, channels)
    request = RankingRequest(
        graph=task.graph,
        sites=task.sites,
        images=data.load("ranking_images"),
        truth=data.load("ranking_truth"),
        groups=data.load("ranking_groups"),
        scaling=data.scaling,
        judge=data.judge,
        settings=task.settings,
        seed=task.seed,
    )
    scores = chosen.score(request)
    return Ranked(
        task.name,
        tuple(float(gain) for gain in scores.gains),
        tuple(float(np.std(draws)) for draws in scores.draws),
        chosen.measure,
        channels,
    )


def _channels(
    task: RankTask, chosen: ChannelCriterion, data: SharedData
) -> dict[str, tuple[float, ...]]:
    """What each channel adds, by the layers that make them, in as many digits as matter."""
    from prune_mi.information.channels.scores import ChannelRequest, by_layer, channel_scores

    request = ChannelRequest(
        graph=task.graph,
        images=data.load("ranking_images"),
        truth=data.load("ranking_truth"),
        scaling=data.scaling,
        judge=data.judge,
        seed=task.seed,
    )
    found = by_layer(request.widths, channel_scores(chosen, request))
    return {
        name: tuple(float(f"{score:.6g}") for score in scores) for name, scores in found.items()
    }


def _train(task: TrainTask, data: SharedData, started: float) -> Outcome:
    from prune_mi.keras_io.model_graph.build import with_fresh_weights
    from prune_mi.training.feed import TrainingImages
    from prune_mi.training.fit import train

    if task.plan.num_images == 0:
        return _untrained(task.name, task.graph, data, None, started)
    source = TrainingImages(
        images=data.load("train_images"),
        targets=data.load("train_targets"),
        scaling=data.scaling,
        augmentation=task.augmentation,
        targets_move=data.judge.task.moves_with_image,
    )
    graph = task.graph
    if task.fresh:
        graph = with_fresh_weights(graph, rng=np.random.default_rng(task.seed))
    else:
        graph = _settled(graph, data)
    trained = train(
        graph,
        source,
        task.plan,
        on_progress=lambda *images: tell(images),
        checkpoint=None if task.checkpoint is None else _checkpoint(task, task.checkpoint),
    )
    if trained.diverged:
        return FailedEvaluation(
            task.name,
            f"the loss became NaN or infinite after {trained.images_trained} images",
            time.monotonic() - started + trained.earlier_seconds,
            trained.images_trained,
            trained.step_seconds,
        )
    quality, scores = _validate(trained.graph, data, None)
    seconds = time.monotonic() - started + trained.earlier_seconds
    return Evaluated(
        name=task.name,
        graph=trained.graph,
        quality=quality,
        scores=scores,
        images_trained=trained.images_trained,
        seconds=seconds,
        images_per_second=trained.images_per_second,
        overhead_seconds=seconds - trained.step_seconds,
    )


def _checkpoint(task: TrainTask, path: str) -> "Checkpoint":
    """Where a training is written; one of other weights or another recipe is another one."""
    from prune_mi.training.checkpoint import Checkpoint

    plan = replace(task.plan, seconds=None, seconds_in_all=None)
    if task.plan.seconds is not None:  # by a clock: how many images there will be is a guess
        plan = replace(plan, num_images=0)
    text = f"{weights_digest(task.graph)} {plan} {task.augmentation} {task.fresh}"
    return Checkpoint(Path(path), hashlib.sha256(text.encode()).hexdigest())


def _repaired(task: ScreenTask, data: SharedData) -> LayerGraph:
    from prune_mi.repair.recalibrate import settled
    from prune_mi.repair.refit import repaired

    rng = np.random.default_rng(task.seed)
    images = data.calibration.apply(_calibration_images(data, data.calibration_images), rng=rng)
    kept = {name: np.array(places) for name, places in task.kept.items()}
    graph = repaired(task.parent, task.graph, images, rng=rng, kept=kept, how=task.repair)
    return settled(graph, _batches(images))


def _settled(graph: LayerGraph, data: SharedData) -> LayerGraph:
    """What has been inserted as the identity made it in training too, unless repair has done so."""
    from prune_mi.repair.recalibrate import identity_norms, settled

    if not identity_norms(graph):
        return graph
    return settled(graph, _batches(_calibration_images(data, data.calibration_images)))


def _calibration_images(data: SharedData, count: int) -> np.ndarray:
    return data.scaling.apply(np.asarray(data.load("train_images")[:count]))


def _batches(images: np.ndarray) -> list[np.ndarray]:
    size = min(_CALIBRATION_BATCH, len(images))
    return [images[start : start + size] for start in range(0, len(images) - size + 1, size)]


def _validate(graph: LayerGraph, data: SharedData, count: int | None) -> tuple[float, np.ndarray]:
    """The quality on the first validation images, and what each of them scores."""
    from prune_mi.execution.kept import kept_predictor

    truth = np.asarray(data.load("val_truth")[:count])
    outputs = _compact(kept_predictor(graph), data.load("val_images")[:count], data)
    scores = data.judge.scores(outputs, truth)
    quality = data.judge.quality(scores, truth)
    if not np.isfinite(quality):
        raise ValueError("its answers to the validation images are NaN or infinite")
    return quality, scores


def _compact(predictor: "Predictor", images: np.ndarray, data: SharedData) -> np.ndarray:
    """What has to be kept of a model's outputs; of maps a part of the images at a time."""
    judge = data.judge
    if not judge.head.is_spatial:
        return judge.compact(predictor(images, data.scaling))
    step = max(_FEWEST_AT_ONCE, _MOST_VALUES // judge.head.size)
    return np.concatenate(
        [
            judge.compact(predictor(images[start : start + step], data.scaling))
            for start in range(0, len(images), step)
        ]
    )
