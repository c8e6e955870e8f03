"""Training a graph: Muon, Adam or SGD under cosines, by images or until a deadline."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np

from prune_mi.graph.channels.padding import padded
from prune_mi.graph.edit import with_weights
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.forward.forward_pass import needs_xla
from prune_mi.keras_io.model_graph.trace import read_weights
from prune_mi.training.checkpoint import Checkpoint, State
from prune_mi.training.distillation import DistillationLoss
from prune_mi.training.feed import Feed, TrainingImages, made_ahead, num_batches_for
from prune_mi.training.fused_norms import build_for_training
from prune_mi.training.muon import Muon, worthwhile_kernels
from prune_mi.training.odd_widths import norm_multiple
from prune_mi.training.plan import TrainingPlan
from prune_mi.training.schedule import Schedule
from prune_mi.training.steps import Steps, batches_at_once, steps_of

_STEPS_TO_TIME = 8
_TELL_SECONDS = 2.0
_CALL_SECONDS = 0.5
_BATCH_NORM_MOMENTUM = 0.95
_MOMENTUM = 0.9


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained graph.

    Attributes:
        images_trained: Images seen, repeats counted.
        images_per_second: Of the steps, compiling apart; 0 where they were few.
        step_seconds: What these steps took.
        earlier_seconds: Of that, what an interrupted process spent, which it goes on from.
        diverged: Whether the loss ceased to be finite.
    """

    graph: LayerGraph
    images_trained: int
    images_per_second: float
    step_seconds: float
    earlier_seconds: float
    diverged: bool


def train(
    graph: LayerGraph,
    source: TrainingImages,
    plan: TrainingPlan,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Trained:
    """Trains all trainable weights of a graph.

    Args:
        graph: The network; frozen layers stay as they are.
        source: Images with `DistillationLoss` targets.
        plan: Length and rates.
        on_progress: Called with images seen and images expected in all, about every two seconds.
        checkpoint: Where a long training is written now and then, and is gone on from; None:
            nowhere.

    Returns:
        The trained graph; if the loss ever ceased to be finite, the graph as given, `diverged`.
    """
    started = time.monotonic()
    padding = padded(graph, norm_multiple())
    inner = graph if padding is None else padding.graph
    model = build_for_training(inner)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, _BATCH_NORM_MOMENTUM)
        if layer.name in graph.frozen:
            layer.trainable = False
    batch_size = min(plan.recipe.batch_size, len(source.images))
    model.compile(
        optimizer=_optimizer(plan, model, graph, batch_size),
        loss=DistillationLoss(
            plan.loss,
            weight=plan.recipe.distillation,
            temperature=plan.recipe.temperature,
        ),
        jit_compile=keras.backend.backend() == "jax" or needs_xla(model),
    )
    # Built only now, since Keras may have wrapped it; unbuilt, TensorFlow traces the step twice.
    model.optimizer.build(model.trainable_variables)
    total = num_batches_for(plan.num_images, batch_size)
    feed = Feed(source, batch_size=batch_size, num_batches=total, seed=plan.seed)
    before = None if checkpoint is None else checkpoint.load(_shapes(model))
    earlier_seconds = 0.0 if before is None else before.progress.step_seconds
    seconds = plan.seconds_left(earlier_seconds)
    if before is not None:
        _set_variables(model, before.variables)
    schedule = Schedule(
        total,
        deadline=None if seconds is None else started + seconds,
        peak=plan.learning_rate,
        cycles=plan.recipe.cycles,
        done=None if before is None else before.progress,
    )
    steps = steps_of(model)

    def tell(done: int) -> None:
        if on_progress is not None:
            on_progress(done * batch_size, max(done, round(schedule.expected)) * batch_size)

    def save() -> None:
        if checkpoint is not None and checkpoint.is_due:
            steps.finish()
            checkpoint.save(State(schedule.progress, _variables(model)))

    diverged = _take(feed, steps, schedule, tell, save)
    steps.finish()
    enough = schedule.timed_steps >= _STEPS_TO_TIME and schedule.step_seconds > 0
    rate = schedule.timed_steps * feed.batch_size / schedule.step_seconds if enough else 0.0
    learned = graph
    if not diverged:
        weights = read_weights(model, inner)
        learned = with_weights(graph, weights) if padding is None else padding.back(weights)
    return Trained(
        graph=learned,
        images_trained=schedule.steps * feed.batch_size,
        images_per_second=rate,
        step_seconds=schedule.step_seconds,
        earlier_seconds=earlier_seconds,
        diverged=diverged,
    )


def _take(
    feed: Feed,
    steps: Steps,
    schedule: Schedule,
    tell: Callable[[int], object],
    save: Callable[[], object],
) -> bool:
    """Takes the steps of a feed until they or the time end; whether a loss was not finite."""
    making = time.monotonic()
    num_bytes = sum(array.nbytes for array in feed[0])
    at_once = batches_at_once(num_bytes, time.monotonic() - making)
    total, told, compiled = len(feed), -math.inf, False

    def placed(index: int) -> tuple[Any, Any]:
        return steps.place(*feed.stacked(index * at_once, min((index + 1) * at_once, total)))

    left = range(schedule.steps // at_once, math.ceil(total / at_once))
    with closing(made_ahead(placed, left)) as stacks:
        for images, targets in stacks:
            if not compiled and steps.compile(images, targets):
                schedule.begin()
            compiled = True
            end = min((schedule.steps // at_once + 1) * at_once, total)
            while schedule.steps < end:
                count = min(schedule.steps_within(_CALL_SECONDS), end - schedule.steps)
                first = schedule.steps % at_once
                loss = steps.run(images, targets, schedule.rates(count), start=first)
                schedule.told(count)
                if time.monotonic() - told > _TELL_SECONDS:
                    told = time.monotonic()
                    tell(schedule.steps)
                if not math.isfinite(loss):
                    return True
                if schedule.over:
                    return False
                save()
    return False


def _variables(model: keras.Model) -> list[np.ndarray]:
    """All that steps change: weights, the state of random layers, the optimizer's."""
    everything = [*model.variables, *model.optimizer.variables]
    return [keras.ops.convert_to_numpy(each) for each in everything]


def _shapes(model: keras.Model) -> list[tuple[int, ...]]:
    return [tuple(each.shape) for each in (*model.variables, *model.optimizer.variables)]


def _set_variables(model: keras.Model, values: Sequence[np.ndarray]) -> None:
    everything = [*model.variables, *model.optimizer.variables]
    for variable, value in zip(everything, values, strict=True):
        variable.assign(value)


def _optimizer(
    plan: TrainingPlan, model: keras.Model, graph: LayerGraph, batch_size: int
) -> keras.optimizers.Optimizer:
    kind: Callable[..., keras.optimizers.Optimizer] = keras.optimizers.Adam
    if plan.recipe.optimizer == "sgd":
        kind = partial(keras.optimizers.SGD, momentum=_MOMENTUM, nesterov=True)
    if plan.recipe.optimizer == "muon":
        kind = partial(Muon, kernels=worthwhile_kernels(model, graph, batch_size=batch_size))
    return kind(
        plan.learning_rate,
        global_clipnorm=plan.recipe.clip_norm,
    )
