"""What a model is for: found from its judged output, its loss and the labels.

One unit tells two classes apart where the labels are two, and foretells a number else, as a linear
one that was trained by a loss of numbers always does. Several units are classes behind a softmax,
labels behind sigmoids, and behind nothing whatever loss and labels say. Maps hold a class for each
pixel.
"""

from collections.abc import Mapping

import numpy as np

from prune_mi.config import OptimizeSettings, RunSettings, TaskName
from prune_mi.data.labels import FormChoice, LabelForm
from prune_mi.errors import ConfigError, DataError, ModelError
from prune_mi.keras_io.saving.compiling import CompileConfig, loss_name_of, regression_loss_of
from prune_mi.preparation.interface import Interface
from prune_mi.tasks import agreement
from prune_mi.tasks.catalog import task_of
from prune_mi.tasks.metric import Metric
from prune_mi.tasks.task import Task

_SIGMOIDS = frozenset({"sigmoid", "hard_sigmoid", "sparse_sigmoid"})
_TASKS: Mapping[LabelForm, TaskName] = {
    "classes": "classification",
    "flags": "multi-label",
    "numbers": "regression",
    "masks": "segmentation",
}


def form_choice(
    interface: Interface, compiled: CompileConfig | None, asked: TaskName | None
) -> FormChoice:
    """Says what the labels of a model's data are.

    Args:
        interface: The model's.
        compiled: What it was compiled with.
        asked: The setting `task`.
    """

    def choose(labels: np.ndarray | None) -> LabelForm:
        if asked == agreement.NAME:
            return "none"
        if labels is not None:
            return _task(interface, compiled, asked, labels).form
        if asked is not None:
            raise DataError(
                f"the task is {asked}, but the data have no labels; expected labels, or --task "
                "agreement, which keeps agreement with the original"
            )
        return "none"

    return choose


def found_task(
    interface: Interface,
    compiled: CompileConfig | None,
    asked: TaskName | None,
    form: LabelForm,
) -> Task:
    """The task of a model and of data that were loaded for it.

    Args:
        interface: The model's.
        compiled: What it was compiled with.
        asked: The setting `task`.
        form: Of the labels.

    Raises:
        ConfigError: If the model's output is not one of the task that was asked for.
        ModelError: If there are no labels, and nothing says what the output is.
    """
    if form == "none":
        return agreement.agreement(_task(interface, compiled, None, None))
    if asked is not None:
        return _task(interface, compiled, asked, None)
    if form == "classes" and interface.unit is not None:
        return task_of("binary")
    return task_of(_TASKS[form])


def task_of_head(interface: Interface, compiled: CompileConfig | None, *, num_names: int) -> Task:
    """The task of a model where nothing is known of its data.

    Args:
        interface: The model's.
        compiled: What it was compiled with.
        num_names: Names that are known; where there are two, one unit tells two classes apart.
    """
    if interface.unit is not None and num_names == 2:
        return task_of("binary")
    try:
        return _task(interface, compiled, None, None)
    except ModelError:  # nothing says what linear units are
        return task_of("binary" if interface.unit is not None else "classification")


def metric_of(task: Task, settings: RunSettings) -> Metric:
    """The metric that bears the limit.

    Raises:
        ConfigError: If the task has none of the name that was asked for.
    """
    asked = settings.metric if isinstance(settings, OptimizeSettings) else None
    metric = task.metric(asked)
    if metric is None:
        raise ConfigError(
            f"`metric` is {asked!r}, but the task is {task.name}; expected one of "
            f"{', '.join(each.name for each in task.metrics)}"
        )
    return metric


def _task(
    interface: Interface,
    compiled: CompileConfig | None,
    asked: TaskName | None,
    labels: np.ndarray | None,
) -> Task:
    if asked is not None:
        task = task_of(asked)
        _require_head(task, interface)
        return task
    if len(interface.shape) == 3:
        return task_of("segmentation")
    if interface.shape == (1,):
        return task_of(_of_unit(interface, compiled, labels))
    return task_of(_of_several(interface, compiled, labels))


def _of_unit(
    interface: Interface, compiled: CompileConfig | None, labels: np.ndarray | None
) -> TaskName:
    loss = regression_loss_of(compiled, interface.judged_name, interface.judged)
    if interface.unit is None or (interface.unit == "logit" and loss is not None):
        _refuse_softmax(interface)
        return "regression"
    if labels is None:
        if interface.unit == "logit" and _loss(interface, compiled) is None:
            raise ModelError(
                f"the model's output {interface.judged_name!r} is one linear unit, which may tell "
                "two classes apart or foretell a number, and there are no labels and no loss that "
                "would say which; expected labels, or a compiled model"
            )
        return "binary"
    is_number = labels.dtype.kind == "f" and not _are_whole(labels)
    if is_number or (interface.unit == "logit" and not _are_two(labels)):
        return "regression"
    return "binary"


def _of_several(
    interface: Interface, compiled: CompileConfig | None, labels: np.ndarray | None
) -> TaskName:
    are_numbers = labels is not None and labels.dtype.kind == "f" and not _are_whole(labels)
    if "softmax" in interface.ends_in:
        return "classification"
    loss = regression_loss_of(compiled, interface.judged_name, interface.judged)
    if interface.ends_in <= _SIGMOIDS:
        return "regression" if are_numbers else "multi-label"
    if interface.ends_in != {"linear"} or loss is not None:
        return "regression"
    if "binary" in (_loss(interface, compiled) or ""):
        return "multi-label"
    if labels is None:
        if _loss(interface, compiled) is None:
            raise ModelError(
                f"the model's output {interface.judged_name!r} is {interface.num_classes} linear "
                "units, which may be classes or numbers, and there are no labels and no loss that "
                "would say which; expected labels, a compiled model, or one that ends in a softmax"
            )
        return "classification"
    if are_numbers:
        return "regression"
    if labels.ndim == 2 and labels.shape[1] == interface.num_classes:
        if not np.isin(labels, (0, 1)).all():
            return "regression"
        return "classification" if (labels.sum(axis=1) == 1).all() else "multi-label"
    return "classification"


def _loss(interface: Interface, compiled: CompileConfig | None) -> str | None:
    return loss_name_of(compiled, interface.judged_name, interface.judged)


def _are_whole(labels: np.ndarray) -> bool:
    return bool(np.isfinite(labels).all() and (labels == np.round(labels)).all())


def _are_two(labels: np.ndarray) -> bool:
    return bool(np.isin(labels, (0, 1)).all() or np.isin(labels, (-1, 1)).all())


def _require_head(task: Task, interface: Interface) -> None:
    """Refuses an output that is none of a task that was asked for."""
    is_unit, is_map = interface.shape == (1,), len(interface.shape) == 3
    fits = {
        "classes": not is_map and (interface.unit is not None or not is_unit),
        "flags": not is_map,
        "numbers": not is_map,
        "masks": is_map,
    }
    if task.name == "binary":
        fits["classes"] = interface.unit is not None
    if not fits[task.form]:
        expected = {
            "classes": "(batch, classes), or one unit for two classes",
            "flags": "(batch, labels)",
            "numbers": "(batch, numbers)",
            "masks": "(batch, height, width, classes)",
        }
        raise ConfigError(
            f"the task is {task.name}, but the model's output {interface.judged_name!r} has the "
            f"shape {('batch', *interface.shape)} and ends in {' and '.join(interface.ends_in)}; "
            f"expected {expected[task.form]}"
        )


def _refuse_softmax(interface: Interface) -> None:
    if interface.ends_in == {"softmax"}:
        raise ModelError(
            f"the model's output {interface.judged_name!r} is one unit that ends in softmax, which "
            "is 1 for every input: a softmax needs one unit for each class; expected a sigmoid, a "
            "tanh or a logit for two classes, or one unit for each class"
        )
