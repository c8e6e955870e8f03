"""What is done to one child, in whatever process it is done.

Importing this module does not import Keras: a worker sets its threads first.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prune_mi.data import AugmentationPolicy
from prune_mi.execution.shared_data import SharedData
from prune_mi.graph.ir import LayerGraph

_CALIBRATION_BATCH = 128
_REFIT_IMAGES = 256


@dataclass(frozen=True, slots=True)
class ScreenTask:
    """Repair a child and score it untrained.

    Attributes:
        graph: The child, with the weights that it inherits.
        parent: What it was made from; its layers' outputs are what a refit aims at.
        seed: Draws the positions that a refit samples.
    """

    name: str
    graph: LayerGraph
    parent: LayerGraph
    seed: int


@dataclass(frozen=True, slots=True)
class TrainTask:
    """Train a child and score it on all validation images.

    Attributes:
        augmentation: Of its images.
        num_images, seconds, learning_rate, ...: See `training.fit.TrainingPlan`.
    """

    name: str
    graph: LayerGraph
    augmentation: AugmentationPolicy
    num_images: int
    seconds: float | None
    batch_size: int
    learning_rate: float
    distillation: float
    temperature: float
    from_logits: bool
    seed: int
    other_outputs: tuple[int, ...] = ()
    optimizer: str = "adam"
    cycles: int = 1


Task = ScreenTask | TrainTask


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A child's outcome.

    Attributes:
        graph: Repaired, and trained where that was asked.
        accuracy: On the screening images, or on all validation images after training.
        images_trained: Images its training saw.
        images_per_second: Of its training's steps, compilation apart; 0 where not trained.
        overhead_seconds: Everything but the training's steps.
    """

    name: str
    graph: LayerGraph
    accuracy: float
    images_trained: int
    seconds: float
    images_per_second: float
    overhead_seconds: float


@dataclass(frozen=True, slots=True)
class FailedEvaluation:
    """A child that could not be evaluated; the run goes on without it."""

    name: str
    message: str
    seconds: float


Outcome = Evaluated | FailedEvaluation


def evaluate(task: Task, data: SharedData, progress: Path | None) -> Outcome:
    """Carries a task out; a failure is a value."""
    import keras

    started = time.monotonic()
    try:
        keras.utils.set_random_seed(task.seed)  # dropout draws from Keras's global generator
        if isinstance(task, ScreenTask):
            return _screen(task, data, started)
        return _train(task, data, progress, started)
    except MemoryError:
        raise
    except Exception as error:  # a child may fail in any way; the run must not
        message = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        return FailedEvaluation(task.name, message, time.monotonic() - started)
    finally:
        if progress is not None:
            progress.unlink(missing_ok=True)


def predict_slice(
    graph: LayerGraph, data: SharedData, name: str, start: int, stop: int
) -> np.ndarray:
    """A model's outputs on rows of a shared array, float32 `(stop - start, columns)`."""
    from prune_mi.keras_io.build import build_model
    from prune_mi.measure.quality import predict

    return predict(build_model(graph), data.load(name)[start:stop], data.scaling)


def _screen(task: ScreenTask, data: SharedData, started: float) -> Evaluated:
    graph = _repaired(task, data)
    accuracy = _validate(graph, data, data.screening_images)
    seconds = time.monotonic() - started
    return Evaluated(task.name, graph, accuracy, 0, seconds, 0.0, seconds)


def _train(task: TrainTask, data: SharedData, progress: Path | None, started: float) -> Evaluated:
    from prune_mi.training.feed import TrainingImages
    from prune_mi.training.fit import TrainingPlan, train

    def report(done: int, total: int) -> None:
        if progress is not None:
            fresh = progress.with_suffix(".new")
            fresh.write_text(f"{done} {total}", encoding="ascii")
            os.replace(fresh, progress)

    source = TrainingImages(
        images=data.load("train_images"),
        targets=data.load("train_targets"),
        scaling=data.scaling,
        augmentation=task.augmentation,
    )
    plan = TrainingPlan(
        num_images=task.num_images,
        seconds=task.seconds,
        batch_size=task.batch_size,
        learning_rate=task.learning_rate,
        distillation=task.distillation,
        temperature=task.temperature,
        from_logits=task.from_logits,
        seed=task.seed,
        other_outputs=task.other_outputs,
        optimizer=task.optimizer,
        cycles=task.cycles,
    )
    trained = train(task.graph, source, plan, on_progress=report)
    if trained.diverged:
        raise FloatingPointError(f"the loss was not finite after {trained.images_trained} images")
    accuracy = _validate(trained.graph, data, None)
    seconds = time.monotonic() - started
    return Evaluated(
        name=task.name,
        graph=trained.graph,
        accuracy=accuracy,
        images_trained=trained.images_trained,
        seconds=seconds,
        images_per_second=trained.images_per_second,
        overhead_seconds=seconds - trained.step_seconds,
    )


def _repaired(task: ScreenTask, data: SharedData) -> LayerGraph:
    from prune_mi.repair.recalibrate import recalibrate
    from prune_mi.repair.refit import refit_consumers

    images = data.scaling.apply(np.asarray(data.load("train_images")[: data.calibration_images]))
    rng = np.random.default_rng(task.seed)
    graph = refit_consumers(task.parent, task.graph, images[:_REFIT_IMAGES], rng=rng)
    size = min(_CALIBRATION_BATCH, len(images))
    images = data.calibration.apply(images, rng=rng)
    batches = (images[start : start + size] for start in range(0, len(images) - size + 1, size))
    return recalibrate(graph, batches)


def _validate(graph: LayerGraph, data: SharedData, count: int | None) -> float:
    from prune_mi.keras_io.build import build_model
    from prune_mi.measure.quality import accuracy, predict

    images, labels = data.load("val_images")[:count], data.load("val_labels")[:count]
    outputs = predict(build_model(graph), images, data.scaling)
    return accuracy(outputs[:, : data.num_classes], labels)
