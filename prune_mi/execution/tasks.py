"""What is done to one child, in whatever process it is done.

Importing this module does not import Keras: a worker sets its threads first.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from prune_mi.config import RankingSettings
from prune_mi.config.values import Repair
from prune_mi.data import AugmentationPolicy
from prune_mi.execution.executor import tell
from prune_mi.execution.store import SharedData
from prune_mi.graph.digest import weights_digest
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.site import Site
from prune_mi.training.plan import TrainingPlan

if TYPE_CHECKING:
    from prune_mi.measure.predictor import Predictor
    from prune_mi.training.checkpoint import Checkpoint

_T = TypeVar("_T")

_CALIBRATION_BATCH = 128
_MOST_VALUES, _FEWEST_AT_ONCE = 2**24, 16  # of maps that are held at once


@dataclass(frozen=True, slots=True)
class ScreenTask:
    """Repair a child and score it untrained.

    Attributes:
        graph: The child, with the weights that it inherits.
        parent: What it was made from; its layers' outputs are what a refit aims at.
        offset: What the screening images tell too little, added to the accuracy.
        seed: Draws the positions that a refit samples.
        kept: Of the parent's layers that make fewer channels now, the places of those that stay.
        repair: How.
    """

    name: str
    graph: LayerGraph
    parent: LayerGraph
    seed: int
    offset: float = 0.0
    kept: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    repair: Repair = "least-squares"


@dataclass(frozen=True, slots=True)
class TrainTask:
    """Train a child and score it on all validation images.

    Attributes:
        plan: How long and how fast; of no images, it is scored as it is.
        augmentation: Of its images.
        fresh: Whether it forgets its weights first.
        checkpoint: A file that a long training goes on from; None: it leaves none.
    """

    name: str
    graph: LayerGraph
    plan: TrainingPlan
    augmentation: AugmentationPolicy
    fresh: bool = False
    checkpoint: str | None = None

    @property
    def seed(self) -> int:
        """Of all that is drawn."""
        return self.plan.seed


@dataclass(frozen=True, slots=True)
class RankTask:
    """Rank sites of a child by what would be lost at each.

    Attributes:
        sites: Of the graph.
        settings: The criterion and its sizes.
        with_channels: Whether channels are scored, too.
    """

    name: str
    graph: LayerGraph
    sites: tuple[Site, ...]
    settings: RankingSettings
    seed: int
    with_channels: bool = False


@dataclass(frozen=True, slots=True)
class RecalibrateTask:
    """Give a network other batch-norm statistics and score it on all validation images.

    Attributes:
        num_images: Of the first training images, that statistics are taken from.
        augmentation: Of these.
        num_validation: The first validation images that it is scored on; None: all.
        seed: Varies the images.
    """

    name: str
    graph: LayerGraph
    num_images: int
    augmentation: AugmentationPolicy
    num_validation: int | None
    seed: int


Task = ScreenTask | TrainTask | RecalibrateTask


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A child's outcome.

    Attributes:
        graph: Repaired, and trained where that was asked.
        quality: On the screening images, or on all validation images after training; or what else
            the metric is.
        scores: bool `(n,)`, whether it is right for each of these.
        images_trained: Images its training saw.
        seconds: What it took, with the steps before the checkpoint that a training went on from.
        images_per_second: Of its training's steps, compilation apart; 0 where not trained.
        overhead_seconds: Everything but the training's steps.
    """

    name: str
    graph: LayerGraph
    quality: float
    scores: np.ndarray
    images_trained: int
    seconds: float
    images_per_second: float
    overhead_seconds: float

    @property
    def step_seconds(self) -> float:
        """What the steps of its training took."""
        return self.seconds - self.overhead_seconds


@dataclass(frozen=True, slots=True)
class FailedEvaluation:
    """A child that could not be evaluated, or whose worker died; the run goes on without it.

    Attributes:
        images_trained, step_seconds: Of a training that diverged, what it saw, and what that took.
    """

    name: str
    message: str
    seconds: float
    images_trained: int = 0
    step_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Ranked:
    """A child's sites.

    Attributes:
        gains: Of each site that was asked about, in the order of the task.
        spreads: Their standard errors.
        measure: What the gains are in, see `information.criterion.Measure`.
        channels: What each output channel of layers adds, by the layers' names; empty where that
            was not asked.
    """

    name: str
    gains: tuple[float, ...]
    spreads: tuple[float, ...]
    measure: str
    channels: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


Outcome = Evaluated | FailedEvaluation


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
    channels = _channels(task, data) if task.with_channels else {}
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


def _channels(task: RankTask, data: SharedData) -> dict[str, tuple[float, ...]]:
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
    found = by_layer(request.widths, channel_scores(task.settings.channel_criterion, request))
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
    return data.judge.quality(scores, truth), scores


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
