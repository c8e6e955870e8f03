"""Tasks by name: each has a file of its own, which calls it `TASK`."""

from importlib import import_module

from prune_mi.tasks.task import Task


def task_of(name: str) -> Task:
    """The task of a name that `config.TaskName` lists; `multi-label` is in `multi_label.py`."""
    found: Task = import_module(f"prune_mi.tasks.{name.replace('-', '_')}").TASK
    return found
