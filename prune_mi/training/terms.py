"""The two terms of a loss: what the labels ask for, and what the original yields.

    classes   CE(y, p)                      T^2 KL(q_T || p_T),  q_T = softmax(log q / T)
    masks     the mean over pixels of the same
    flags     mean over labels of BCE(y, p)   T^2 mean over labels of KL(q_T || p_T) of yes and no
    numbers   mean over numbers of (y - p)^2 / v    the same with q in place of y

v is the variance of each number over the training samples, so that the loss is 1 - R^2. Softmax is
invariant to a shift of its argument, so log-probabilities serve in place of logits.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from keras import ops

from prune_mi.tasks.probabilities import TINY
from prune_mi.tasks.task import Loss
from prune_mi.training.plan import LossPlan


class Terms(Protocol):
    """The terms of one kind of labels."""

    def __init__(self, plan: LossPlan, temperature: float) -> None: ...

    def split(self, wanted: Any, judged: Any) -> tuple[Any, Any]:
        """The labels, and what the original yields, from the targets of a batch."""

    def read(self, judged: Any) -> Any:
        """What both terms take of what the child yields, computed once."""

    def hard(self, labels: Any, read: Any) -> Any:
        """What the labels ask for, `(batch,)`."""

    def soft(self, teacher: Any, read: Any) -> Any:
        """What the original yields, `(batch,)`."""


class _Weighted:
    """Of what has classes or labels, which may be weighted."""

    def __init__(self, plan: LossPlan, temperature: float) -> None:
        self._from_logits = plan.from_logits
        self._temperature = temperature
        self._class_weights = plan.class_weights

    def split(self, wanted: Any, judged: Any) -> tuple[Any, Any]:
        return tuple(ops.split(wanted, 2, axis=-1))


class _Classes(_Weighted):
    def hard(self, labels: Any, read: Any) -> Any:
        found = -ops.sum(labels * read, axis=-1)
        if not self._class_weights:
            return found
        return found * ops.sum(labels * ops.convert_to_tensor(self._class_weights), axis=-1)

    def soft(self, teacher: Any, read: Any) -> Any:
        soft_teacher = ops.log_softmax(teacher / self._temperature)
        soft_child = ops.log_softmax(read / self._temperature)
        divergence = ops.sum(ops.exp(soft_teacher) * (soft_teacher - soft_child), axis=-1)
        return self._temperature**2 * divergence

    def read(self, judged: Any) -> Any:
        """Log-probabilities."""
        if self._from_logits:
            return ops.log_softmax(judged)
        return ops.log(ops.clip(judged, TINY, 1.0))


class _Masks(_Classes):
    def split(self, wanted: Any, judged: Any) -> tuple[Any, Any]:
        teacher = wanted[..., 1:]
        return ops.one_hot(ops.cast(wanted[..., 0], "int32"), teacher.shape[-1]), teacher

    def hard(self, labels: Any, read: Any) -> Any:
        return ops.mean(super().hard(labels, read), axis=(1, 2))

    def soft(self, teacher: Any, read: Any) -> Any:
        return ops.mean(super().soft(teacher, read), axis=(1, 2))

    def read(self, judged: Any) -> Any:
        """Log-probabilities of each pixel's classes."""
        if judged.shape[-1] > 1:
            return super().read(judged)
        if not self._from_logits:
            judged = ops.clip(judged, TINY, 1 - TINY)
            judged = ops.log(judged) - ops.log(1 - judged)
        return ops.log_softmax(ops.concatenate([ops.zeros_like(judged), judged], axis=-1))


class _Flags(_Weighted):
    def hard(self, labels: Any, read: Any) -> Any:
        found = ops.softplus(read) - labels * read
        if self._class_weights:
            found = found * ops.convert_to_tensor(self._class_weights)
        return ops.mean(found, axis=-1)

    def soft(self, teacher: Any, read: Any) -> Any:
        wanted, got = teacher / self._temperature, read / self._temperature
        p = ops.sigmoid(wanted)
        divergence = p * (wanted - got) + ops.softplus(got) - ops.softplus(wanted)
        return self._temperature**2 * ops.mean(divergence, axis=-1)

    def read(self, judged: Any) -> Any:
        """The logarithm of p / (1 - p)."""
        if self._from_logits:
            return judged
        p = ops.clip(judged, TINY, 1 - TINY)
        return ops.log(p) - ops.log(1 - p)


class _Numbers:
    def __init__(self, plan: LossPlan, temperature: float) -> None:
        self._variance = plan.variance

    def split(self, wanted: Any, judged: Any) -> tuple[Any, Any]:
        return tuple(ops.split(wanted, 2, axis=-1))

    def read(self, judged: Any) -> Any:
        return judged

    def hard(self, labels: Any, read: Any) -> Any:
        variance = ops.convert_to_tensor(self._variance, dtype="float32")
        return ops.mean(ops.square(read - labels) / variance, axis=-1)

    def soft(self, teacher: Any, read: Any) -> Any:
        return self.hard(teacher, read)


TERMS: Mapping[Loss, type[Terms]] = {
    "classes": _Classes,
    "flags": _Flags,
    "numbers": _Numbers,
    "masks": _Masks,
}
