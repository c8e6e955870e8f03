"""The loss of answers that a network itself deems likely: its slopes make its Fisher information.

    classes   -log p_y,  y drawn from p            masks     the mean over pixels of the same
    flags     the mean over labels of -log p_y, each drawn from its own p
    numbers   sum of e_k p_k / s_k,  e drawn from a standard normal, s_k^2 the variance of number k

with p softened by a temperature of 4, so that it is not a few doubtful images that decide. For a
small change d of what is within, E[(dL/dx d)^2] is the divergence of the answers, twice over: the
expectation over y of the squared gradient of log p is the Hessian of KL(p || q). What is drawn is
given as noise (Gumbel, logistic, normal), so that one pass forward serves to draw and to learn.

Source: Martens (2020), New insights and perspectives on the natural gradient method, section 9.2
(the Fisher information, not its empirical form by the labels).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from prune_mi.information.label_loss import loss_plan
from prune_mi.tasks.head import Head
from prune_mi.tasks.judge import Judge
from prune_mi.tasks.task import Loss
from prune_mi.training.terms import TERMS

TEMPERATURE = 4.0


def sampled_loss(judge: Judge, truth: np.ndarray) -> Callable[[Any, Any], Any]:
    """A loss of `(noise, outputs)`, one number for each sample.

    Args:
        judge: Says what the task and the judged output are.
        truth: Of some samples; the variance of numbers is taken from it.
    """
    plan = loss_plan(judge, truth)
    terms, kind, head = TERMS[plan.kind](plan, TEMPERATURE), plan.kind, judge.head

    def loss(noise: Any, outputs: Any) -> Any:
        outputs = ops.cast(outputs, "float32")
        read = terms.read(outputs if head.is_spatial else outputs[:, : head.size])
        if kind == "numbers":
            return ops.sum(ops.cast(noise, "float32") * read, axis=-1)
        logits = read / TEMPERATURE
        drawn = ops.stop_gradient(logits) + ops.cast(noise, "float32")
        if kind == "flags":
            yes = ops.cast(drawn > 0, "float32")
            return TEMPERATURE * ops.mean(ops.softplus(logits) - yes * logits, axis=-1)
        chosen = ops.one_hot(ops.argmax(drawn, axis=-1), logits.shape[-1])
        found = -TEMPERATURE * ops.sum(chosen * ops.log_softmax(logits), axis=-1)
        return ops.mean(found, axis=(1, 2)) if kind == "masks" else found

    return loss


def noise(judge: Judge, truth: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """What `sampled_loss` draws by for so many samples, float32 `(count, ...)`."""
    head, kind = judge.head, judge.task.loss
    if kind == "numbers":
        variance = np.maximum(truth.reshape(len(truth), -1).var(axis=0), 1e-12)
        drawn = rng.standard_normal((count, head.size)) / np.sqrt(variance)
        return np.asarray(drawn, dtype=np.float32)
    shape = (count, *_noise_shape(head, kind))
    found = _gumbel(shape, rng)
    return found - _gumbel(shape, rng) if kind == "flags" else found


def _gumbel(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Standard Gumbel numbers, in float32 from the start: masks ask for many."""
    drawn = rng.standard_exponential(shape, dtype=np.float32)
    return np.asarray(-np.log(np.maximum(drawn, np.finfo(np.float32).tiny)))


def _noise_shape(head: Head, kind: Loss) -> tuple[int, ...]:
    if kind == "masks":
        return (*head.shape[:-1], max(head.shape[-1], 2))
    return (head.size,)
