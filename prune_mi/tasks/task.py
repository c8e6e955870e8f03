"""A task: what is kept of a model while it becomes smaller, in one place."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from prune_mi.data.labels import LabelForm
from prune_mi.tasks.head import Head
from prune_mi.tasks.metric import Metric

Loss = Literal["classes", "flags", "numbers", "masks"]
"""The losses of `training.losses`, named after the labels that they learn from."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One class, label or number by itself.

    Attributes:
        place: Among the names.
        rows: bool `(n,)`, the samples that speak of it.
        scores: float or bool `(n,)`; those of the other rows mean nothing.
    """

    place: int
    rows: np.ndarray
    scores: np.ndarray


def as_they_are(outputs: np.ndarray, head: Head) -> np.ndarray:
    """All that is yielded."""
    return outputs


@dataclass(frozen=True, slots=True)
class Task:
    """What a model is for; its file calls it `TASK`, see `tasks.catalog`.

    Attributes:
        name: As `--task` has it.
        form: Of its labels.
        metrics: The first bears the limit, unless `--metric` names another.
        loss: What trainings minimise, and what they take from the original.
        divergence: How far answers are from others, in bits, float64 `(n,)`; from `(known, left)`,
            raw outputs of the head.
        targets: What trainings learn from: the truth and the original's raw outputs of the head (or
            None) side by side, float `(n, ...)`.
        parts: Each class, label or number by itself, from answers and truth.
        part: What such a part is called.
        by_part: What is told of each, for people.
        decisions: What is decided, int `(n, ...)`, from answers; None where numbers are foretold.
        compact: What of raw outputs answers are made of, where that is less than all.
        moves_with_image: Whether the truth is turned and shifted with its image.
    """

    name: str
    form: LabelForm
    metrics: tuple[Metric, ...]
    loss: Loss
    divergence: Callable[[np.ndarray, np.ndarray, Head], np.ndarray]
    targets: Callable[[np.ndarray, np.ndarray | None, Head], np.ndarray]
    parts: Callable[[np.ndarray, np.ndarray, Head], list[Part]]
    part: str
    by_part: str
    decisions: Callable[[np.ndarray, Head], np.ndarray] | None
    compact: Callable[[np.ndarray, Head], np.ndarray] = as_they_are
    moves_with_image: bool = False

    def metric(self, name: str | None) -> Metric | None:
        """The metric of a name, the first where none is named; None where there is none such."""
        if name is None:
            return self.metrics[0]
        return next((each for each in self.metrics if each.name == name), None)
