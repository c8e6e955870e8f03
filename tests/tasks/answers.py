"""Random answers and truths of every task."""

from dataclasses import dataclass

import numpy as np

from prune_mi.tasks.judge import Judge
from tests.judges import judge_for

SHAPES = {
    "classification": (7,),
    "binary": (2,),
    "multi-label": (4,),
    "regression": (3,),
    "counts": (3,),
    "segmentation": (6, 5, 3),
}
NUMBERS = ("regression", "counts")
METRICS = [
    ("classification", "accuracy"),
    ("classification", "balanced"),
    ("classification", "top-5"),
    ("binary", "accuracy"),
    ("binary", "balanced"),
    ("multi-label", "labels"),
    ("multi-label", "macro-f1"),
    ("regression", "r2"),
    ("regression", "mae"),
    ("counts", "d2"),
    ("counts", "mae"),
    ("segmentation", "pixels"),
    ("segmentation", "mean-iou"),
]


@dataclass(frozen=True)
class Answered:
    """Some samples, and what two models answer; the second is the worse one."""

    judge: Judge
    truth: np.ndarray
    first: np.ndarray
    second: np.ndarray


def answered(
    task: str,
    metric: str | None = None,
    *,
    num: int = 300,
    seed: int = 0,
    from_logits: bool = True,
    shape: tuple[int, ...] | None = None,
) -> Answered:
    """Answers that are right more often than not."""
    rng = np.random.default_rng(seed)
    shape = shape or SHAPES[task.removeprefix("agreement:")]
    truth, clear = _truth(task.removeprefix("agreement:"), shape, num, rng)
    first = clear + rng.normal(0, 1.0, clear.shape)
    second = first + rng.normal(0, 0.7, clear.shape)
    if not from_logits and task not in NUMBERS:
        first, second = (_probabilities(each, task) for each in (first, second))
    judge = judge_for(task, *shape, metric=metric, from_logits=from_logits, truth=truth)
    return Answered(judge, truth, first.astype(np.float32), second.astype(np.float32))


def _truth(
    task: str, shape: tuple[int, ...], num: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The truth, and outputs that would be right."""
    if task == "counts":
        counts = rng.poisson((0.5, 2, 7), (num, *shape)).astype(np.float32)
        counts[:2] = [[0], [3]]  # scikit-learn takes no column that never varies
        return counts, counts
    if task == "regression":
        numbers = rng.normal(2, 3, (num, *shape)).astype(np.float32)
        return numbers, numbers
    if task == "multi-label":
        flags = (rng.random((num, *shape)) < np.linspace(0.1, 0.6, *shape)).astype(np.uint8)
        return flags, 3.0 * flags - 1.5
    likely = np.linspace(1, 3, max(shape[-1], 2))
    classes = rng.choice(len(likely), (num, *shape[:-1]), p=likely / likely.sum())
    if task == "segmentation":
        classes = classes.astype(np.uint8)
        if shape[-1] == 1:
            return classes, 3.0 * classes[..., None] - 1.5
    return classes, 3.0 * np.eye(len(likely))[classes]


def _probabilities(outputs: np.ndarray, task: str) -> np.ndarray:
    if "multi-label" in task or outputs.shape[-1] == 1:
        return np.asarray(1 / (1 + np.exp(-outputs)))
    powers = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
