"""Training a graph: Adam or SGD under cosines, by images or until a deadline."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from prune_mi.graph.edit import with_weights
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.build import build_model
from prune_mi.keras_io.callable import needs_xla
from prune_mi.keras_io.trace import read_weights
from prune_mi.training.distillation import DistillationLoss
from prune_mi.training.feed import Feed, TrainingImages, num_batches_for

_WARMUP = 0.05
_FLOOR = 0.01
_STEPS_TO_TIME = 8
_BATCH_NORM_MOMENTUM = 0.95
_MOMENTUM = 0.9


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How long and how fast to train.

    Attributes:
        num_images: Images to see, repeats counted.
        seconds: Wall-clock bound, or None. The schedule follows whichever of images and time is
            further on, so that the learning rate has reached its floor when time is up.
        batch_size: Images a step.
        learning_rate: Peak of the cosine.
        optimizer: `adam`, or `sgd` with Nesterov momentum 0.9.
        cycles: Cosines, all of one length, each from the peak down to the floor.
        distillation, temperature: See `DistillationLoss`.
        from_logits: Whether the model yields logits.
        seed: Orders and augments the images.
        other_outputs: See `DistillationLoss`.
    """

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


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained graph.

    Attributes:
        images_trained: Images seen, repeats counted.
        images_per_second: Of the steps after the first, which compiles; 0 where they were few.
        step_seconds: What these steps took.
        diverged: Whether the loss ceased to be finite.
    """

    graph: LayerGraph
    images_trained: int
    images_per_second: float
    step_seconds: float
    diverged: bool


def train(
    graph: LayerGraph,
    source: TrainingImages,
    plan: TrainingPlan,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> Trained:
    """Trains all trainable weights of a graph.

    Args:
        graph: The network; frozen layers stay as they are.
        source: Images with `DistillationLoss` targets.
        plan: Length and rates.
        on_progress: Called with images seen and images planned, about every two seconds.

    Returns:
        The trained graph; if the loss ever ceased to be finite, the graph as given, `diverged`.
    """
    started = time.monotonic()
    model = build_model(graph)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, _BATCH_NORM_MOMENTUM)
        if layer.name in graph.frozen:
            layer.trainable = False
    optimizer = _optimizer(plan)
    optimizer.build(model.trainable_variables)  # or TensorFlow traces the step twice
    model.compile(
        optimizer=optimizer,
        loss=DistillationLoss(
            weight=plan.distillation,
            temperature=plan.temperature,
            from_logits=plan.from_logits,
            other_outputs=plan.other_outputs,
        ),
        jit_compile=keras.backend.backend() == "jax" or needs_xla(model),
    )
    total = num_batches_for(plan.num_images, plan.batch_size)
    feed = Feed(source, batch_size=plan.batch_size, num_batches=total, seed=plan.seed)
    deadline = None if plan.seconds is None else started + plan.seconds
    clock = _Schedule(total, deadline, plan, on_progress)
    model.fit(feed, epochs=1, steps_per_epoch=total, shuffle=False, verbose=0, callbacks=[clock])
    images = clock.steps * feed.batch_size
    enough = clock.steps > _STEPS_TO_TIME and clock.step_seconds > 0
    rate = (clock.steps - 1) * feed.batch_size / clock.step_seconds if enough else 0.0
    result = graph if clock.diverged else with_weights(graph, read_weights(model, graph))
    return Trained(result, images, rate, clock.step_seconds, clock.diverged)


def _optimizer(plan: TrainingPlan) -> keras.optimizers.Optimizer:
    if plan.optimizer == "sgd":
        return keras.optimizers.SGD(plan.learning_rate, momentum=_MOMENTUM, nesterov=True)
    return keras.optimizers.Adam(plan.learning_rate)


class _Schedule(keras.callbacks.Callback):
    """Warm-up, then cosines down to a floor, over steps or time; stops at the deadline.

    Source of the cosine: Loshchilov & Hutter (2017), SGDR.
    """

    def __init__(
        self,
        total: int,
        deadline: float | None,
        plan: TrainingPlan,
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        super().__init__()
        self._total = total
        self._deadline = deadline
        self._peak = plan.learning_rate
        self._cycles = plan.cycles
        self._batch_size = plan.batch_size
        self._on_progress = on_progress
        self._first_step_end: float | None = None
        self._last_report = 0.0
        self.steps = 0
        self.step_seconds = 0.0
        self.diverged = False

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        done = self.steps / self._total
        if self._deadline is not None and self._first_step_end is not None:
            spent = time.monotonic() - self._first_step_end
            done = max(done, spent / max(self._deadline - self._first_step_end, 1e-9))
        self.model.optimizer.learning_rate = self._peak * _cosine(min(done, 1.0), self._cycles)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        now = time.monotonic()
        self.steps += 1
        if self._first_step_end is None:
            self._first_step_end = now
        self.step_seconds = now - self._first_step_end
        if logs is not None and not np.isfinite(logs.get("loss", 0.0)):
            self.diverged = True
            self.model.stop_training = True
        if self._on_progress is not None and now - self._last_report > 2.0:
            self._last_report = now
            self._on_progress(self.steps * self._batch_size, self._total * self._batch_size)
        if self._deadline is not None and now >= self._deadline:
            self.model.stop_training = True


def _cosine(done: float, cycles: int) -> float:
    """Share of the peak; the warm-up is the first cosine's alone."""
    if done < _WARMUP / cycles:
        return max(done * cycles / _WARMUP, _FLOOR)
    phase = cycles * done % 1.0 if done < 1.0 else 1.0
    if done < 1 / cycles:
        phase = (phase - _WARMUP) / (1 - _WARMUP)
    return _FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * phase))
