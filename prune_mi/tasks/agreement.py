"""No labels: what is kept is agreement with the original.

What the original answers stands for the truth, in the form that the labels of its task would have,
and what it yields is distilled. So of every task there is an agreement; no truth is seen.
"""

from dataclasses import replace

import numpy as np

from prune_mi.tasks.head import Head
from prune_mi.tasks.task import Task

NAME = "agreement"


def agreement(task: Task) -> Task:
    """The agreement with a model of a task."""
    first = replace(task.metrics[0], words=f"agreement with the original ({task.metrics[0].words})")
    if task.name in ("classification", "binary"):
        first = replace(first, words="agreement with the original")
    return replace(task, name=NAME, form="none", metrics=(first, *task.metrics[1:]))


def answers_as_truth(task: Task, answers: np.ndarray, head: Head) -> np.ndarray:
    """What a model answers, as labels of its task would say it.

    Args:
        task: The agreement, or the task itself.
        answers: Of the original.
        head: Its judged output.
    """
    if task.decisions is None:
        return head.of(answers).astype(np.float32)
    decided = task.decisions(answers, head)
    return decided.astype(np.int64 if decided.ndim == 1 else np.uint8)
