"""What trainings learn from, packed into one array as `training.DistillationLoss` reads it."""

import numpy as np

from prune_mi.tasks.head import Head
from prune_mi.tasks.task import Task


def packed_targets(
    task: Task,
    head: Head,
    truth: np.ndarray,
    *,
    teacher: np.ndarray | None = None,
    others: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Labels, what the original yields, and what each sample weighs.

    Args:
        task: Says how the first two are written.
        head: The judged output.
        truth: `(n, ...)`, in the form of the task.
        teacher: The original's raw outputs `(n, ...)`, or None where they are not used.
        others: The original's other outputs side by side, float `(n, rest)`, or None.
        weights: float `(n,)`, or None where all count alike.

    Returns:
        Float `(n, labels + teacher + rest)`, of masks `(n, height, width, 1 + classes)`; with
        weights one channel more.
    """
    parts = [task.targets(truth, teacher, head), *([] if others is None else [others])]
    if weights is not None:
        shape = (len(weights), *(1,) * (parts[0].ndim - 1))
        parts.append(np.broadcast_to(weights.reshape(shape), (*parts[0].shape[:-1], 1)))
    if len(parts) == 1:
        return parts[0]
    dtype = parts[0].dtype if weights is None else np.float32  # weights may be of any size
    return np.concatenate(parts, axis=-1, dtype=dtype)
