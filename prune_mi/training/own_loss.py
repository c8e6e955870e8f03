"""A loss of the user's own, called as it was in the training of the original."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from prune_mi.errors import ModelError, first_line
from prune_mi.keras_io.saving.compiling import made_loss
from prune_mi.tasks.head import Head
from prune_mi.tasks.judge import Judge
from prune_mi.tasks.probabilities import TINY
from prune_mi.tasks.task import Loss
from prune_mi.training.plan import LossPlan, OwnLoss
from prune_mi.training.terms import TERMS

_FEW = 256  # samples that a loss is tried on

OfEach = Callable[[Any, Any], Any]
"""From labels and what is yielded to the loss of each sample, `(batch,)`."""


def own_loss(plan: OwnLoss) -> OfEach:
    """The loss of each sample.

    Args:
        plan: Which, and how it takes labels.
    """
    called = _called(plan)

    return lambda labels, judged: plan.scale * _of_each(called(labels, judged))


def _of_each(found: Any) -> Any:
    """One number for each sample, from what a loss yields."""
    axes = tuple(range(1, len(found.shape)))
    return ops.mean(found, axis=axes) if axes else found


def _called(plan: OwnLoss) -> OfEach:
    """What it yields by itself, which may have a number for each class."""
    loss = made_loss(plan.config)
    if isinstance(loss, keras.losses.Loss):
        loss = loss.call  # before any mean over the batch

    def called(labels: Any, judged: Any) -> Any:
        if plan.unit is not None:
            labels, judged = labels[..., 1:], _as_unit(judged, plan.unit)
        elif not plan.one_hot:
            labels = ops.argmax(labels, axis=-1)
        return ops.cast(loss(labels, judged), "float32")

    return called


def _as_unit(judged: Any, unit: str) -> Any:
    """What one unit yielded, from the two columns that it is read as; one channel is its own."""
    if judged.shape[-1] == 1:
        return judged
    if unit == "tanh":
        return judged[..., 1:] - judged[..., :1]
    return judged[..., 1:]


def fitted_own_loss(written: Any, judge: Judge, truth: np.ndarray, *, unit: str | None) -> OwnLoss:
    """How a loss of the user's own is called, found out by calling it.

    It is scaled so that the best constant answer loses as much as by the task's own loss.

    Args:
        written: As the model's file has it.
        judge: Knows the task and the judged output.
        truth: Of training samples.
        unit: How the judged output is read where it is one unit of two classes.

    Raises:
        ModelError: If it takes the labels in no form that is known.
    """
    some = truth[:_FEW]
    head, kind = replace(judge.head, from_logits=False), judge.task.loss
    targets = ops.convert_to_tensor(judge.task.targets(some, None, head).astype("float32"))
    labels, constant = _at_chance(kind, targets, head, truth)
    plan = LossPlan(
        kind=kind, variance=tuple(truth.var(axis=0).tolist() if kind == "numbers" else ())
    )
    standard = float(ops.mean(_standard(kind, plan, labels, constant)))
    if kind == "masks" and head.shape[-1] == 1:
        unit = "sigmoid"  # a channel of its own for the one class, as a unit has
    yielded = _as_yielded(constant, judge)
    faults: list[str] = []
    found: list[tuple[int, OwnLoss]] = []
    for one_hot in (True, False) if kind in ("classes", "masks") and unit is None else (True,):
        tried = OwnLoss(written, one_hot, unit, 1.0)
        try:
            whole = _called(tried)(labels, yielded)
            each = _of_each(whole)
            value = float(ops.mean(each))
        except Exception as error:  # whatever the user's function makes of it
            faults.append(first_line(error))
            continue
        if tuple(each.shape) == (len(some),) and math.isfinite(value):
            scale = standard / value if value > 0 else 1.0
            found.append((len(whole.shape), replace(tried, scale=scale)))
        else:
            faults.append(f"it yields {value} of the shape {tuple(each.shape)}")
    if found:  # a loss that gathers by class takes 0 and 1 for classes, and yields one for each
        return min(found, key=lambda pair: pair[0])[1]
    raise ModelError(
        f"the model's own loss cannot be called with these labels: {'; '.join(faults)}; expected a "
        "function of labels and outputs that yields a number for each sample. Compile the model "
        "with a loss of Keras's to train by that"
    )


def _as_yielded(constant: Any, judge: Judge) -> Any:
    """Probabilities as the head yields them: as they are, or as logits."""
    if not judge.head.from_logits:
        return constant
    p = ops.clip(constant, TINY, 1 - TINY)
    if judge.task.loss == "flags" or constant.shape[-1] == 1:
        return ops.log(p) - ops.log(1 - p)
    return ops.log(p) - ops.log(p[..., :1])  # the first is 0, as of one unit read as two columns


def _standard(kind: Loss, plan: LossPlan, labels: Any, constant: Any) -> Any:
    """The task's own loss of a constant answer."""
    terms = TERMS[kind](plan, 1.0)
    return terms.hard(labels, terms.read(constant))


def _at_chance(kind: str, targets: Any, head: Head, truth: np.ndarray) -> tuple[Any, Any]:
    """Labels, and the best constant answer to them."""
    if kind == "masks":
        classes = max(head.shape[-1], 2)
        labels = ops.one_hot(ops.cast(targets[..., 0], "int32"), classes)
        mean = ops.mean(labels, axis=(0, 1, 2), keepdims=True)
        if head.shape[-1] == 1:
            return labels, ops.broadcast_to(mean[..., 1:], (*labels.shape[:-1], 1))
    else:
        labels = ops.split(targets, 2, axis=-1)[0]
        mean = ops.mean(labels, axis=0, keepdims=True)
    return labels, ops.broadcast_to(mean, labels.shape)
