"""Tasks by name: each has a file of its own, which calls it `TASK`."""

from importlib import import_module
from typing import get_args

from prune_mi.config import TaskName
from prune_mi.tasks import agreement
from prune_mi.tasks.task import Task


def task_of(name: str) -> Task:
    """The task of a name that `config.TaskName` lists; `multi-label` is in `multi_label.py`."""
    found: Task = import_module(f"prune_mi.tasks.{name.replace('-', '_')}").TASK
    return found


def error_metrics() -> frozenset[str]:
    """Names of the metrics of which less is better."""
    tasks = [task_of(name) for name in get_args(TaskName) if name != agreement.NAME]
    return frozenset(each.name for task in tasks for each in task.metrics if each.is_error)
