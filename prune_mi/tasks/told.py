"""What a model says of single samples, for people."""

from collections.abc import Sequence

import numpy as np

from prune_mi.tasks.head import Head
from prune_mi.tasks.multi_label import probabilities
from prune_mi.tasks.segmentation import decisions
from prune_mi.tasks.task import Task


def values_of(
    task: Task, head: Head, outputs: np.ndarray, names: Sequence[str]
) -> list[dict[str, float]]:
    """What a model says of each sample, by name; for tasks without one class a sample.

    Args:
        task: What the model is for.
        head: The judged output.
        outputs: Raw outputs of the head, `(n, *shape)`.
        names: Of labels, numbers or classes.

    Returns:
        For each sample the probability of each label, the numbers, or the share of the pixels that
        are of each class that is there.
    """
    if task.loss == "masks":
        decided = decisions(outputs, head)
        return [
            {
                names[place]: float(count / each.size)
                for place, count in enumerate(np.bincount(each.ravel(), minlength=len(names)))
                if count
            }
            for each in decided
        ]
    values = probabilities(outputs, head) if task.loss == "flags" else head.of(outputs)
    return [dict(zip(names, map(float, row), strict=True)) for row in values]
