"""The task's own loss of the judged output alone, for criteria that follow its slopes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from prune_mi.tasks.judge import Judge
from prune_mi.training.distillation import DistillationLoss
from prune_mi.training.plan import LossPlan


def loss_plan(judge: Judge, truth: np.ndarray) -> LossPlan:
    """What the loss is; the variance of numbers is that of `truth`."""
    variance = truth.var(axis=0) if judge.task.loss == "numbers" else ()
    return LossPlan(
        judge.task.loss, judge.head.from_logits, variance=tuple(float(each) for each in variance)
    )


def label_loss(judge: Judge, truth: np.ndarray) -> Callable[[Any, Any], Any]:
    """A loss of `(targets, outputs)`, one number for each sample, by the labels alone.

    Args:
        judge: Says what the task and the judged output are.
        truth: Of some samples, see `loss_plan`.
    """
    by_labels = DistillationLoss(loss_plan(judge, truth), weight=0.0, temperature=1.0)
    size = judge.head.size

    def loss(wanted: Any, outputs: Any) -> Any:
        return by_labels.call(wanted, outputs if judge.head.is_spatial else outputs[:, :size])

    return loss
