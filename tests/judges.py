"""Judges of answers, for tests."""

import numpy as np

from prune_mi.tasks.agreement import agreement
from prune_mi.tasks.catalog import task_of
from prune_mi.tasks.head import Head
from prune_mi.tasks.judge import Judge, judge_of


def judge_for(
    task: str,
    *shape: int,
    metric: str | None = None,
    from_logits: bool = False,
    truth: np.ndarray | None = None,
) -> Judge:
    """Judges what is kept in a task.

    Args:
        task: Its name; behind `agreement:` that of the task that it is the agreement of.
        *shape: Of one sample of the judged output.
        metric: Of the task; None: its first.
        from_logits: Whether the output yields logits.
        truth: Training samples, where the metric is an error.
    """
    of, _, name = task.rpartition("agreement:")
    found = task_of(name)
    found = agreement(found) if of or "agreement:" in task else found
    kept = found.metric(metric)
    assert kept is not None, metric
    head = Head(shape, from_logits)
    return judge_of(found, kept, head, np.zeros(1) if truth is None else truth)


def of_classes(num_classes: int, *, from_logits: bool = False, metric: str | None = None) -> Judge:
    """Judges classes; two columns of one unit too."""
    return judge_for("classification", num_classes, metric=metric, from_logits=from_logits)


def loaded(model: object, config: object = None) -> object:
    """A model as if it had been opened from a file."""
    from pathlib import Path

    from prune_mi.keras_io.loading.load import LoadedModel
    from prune_mi.keras_io.runtime.trust import Trust

    return LoadedModel(Path("model.keras"), model, config, Trust(), (), "3", True, None)  # type: ignore[arg-type]
