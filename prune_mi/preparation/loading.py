"""A model file and a data set that belong together."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from prune_mi.config import RunSettings
from prune_mi.data import Dataset, check_against_model, load_dataset
from prune_mi.data.class_file import CLASS_FILE
from prune_mi.data.class_order import class_names, in_given_order, read_class_list
from prune_mi.data.fit_to_model import require_two_classes, shape_matches, shape_text
from prune_mi.data.labels import LabelForm
from prune_mi.errors import ConfigError, DataError
from prune_mi.graph.interface.binary_output import DESCRIPTIONS
from prune_mi.keras_io.loading.load import LoadedModel, load_model
from prune_mi.preparation.find_task import form_choice, found_task, metric_of
from prune_mi.preparation.interface import Interface, read_interface
from prune_mi.records import ModelSource, Observer
from prune_mi.tasks import agreement
from prune_mi.tasks.metric import Metric
from prune_mi.tasks.task import Task


def open_source(source: ModelSource, *, verify: bool = False) -> LoadedModel:
    """Opens a model file as the user says of it; see `load_model`."""
    loaded = load_model(
        source.path,
        model_json=source.model_json,
        allow_unsafe=source.allow_unsafe,
        custom_objects=source.custom_objects,
        verify=verify,
    )
    return replace(loaded, name=source.name)


def load_fitting_data(
    loaded: LoadedModel, settings: RunSettings, observer: Observer, *, beside: Path | None = None
) -> Dataset:
    """Loads the data that the settings name and checks it against a model's ends.

    Its classes are in the order that the settings say, or else `classes.json` beside the model.

    Args:
        loaded: The model.
        settings: Name the data.
        observer: Hears what was decided.
        beside: The model's file.

    Raises:
        DataError: If it cannot be loaded, or does not fit the model.
        ModelError: If nobody could judge the model's output.
        ConfigError: If the settings name no output of it, or no classes.
    """
    interface = read_interface(loaded.model, settings.output)
    shape = interface.inputs[0].shape
    height, width, channels = (*shape, 1)[:3] if len(shape) in (2, 3) else (None, None, None)
    data = load_dataset(
        settings.data,
        image_shape=(height, width, channels),
        inputs=interface.inputs,
        choose_form=form_choice(interface, loaded.compile_config, settings.task),
    )
    for note in data.notes:
        observer.note(note)
    if data.split_here:
        observer.note(
            "If the model was trained on some of these test images, its measured accuracy is too "
            f"high. In that case split the images into {data.source}/train and "
            f"{data.source}/test yourself."
        )
    task = found_task(interface, loaded.compile_config, settings.task, data.form)
    observer.note(_told_of(task, metric_of(task, settings)))
    if settings.classes is not None and data.form != "none":
        names = read_class_list(settings.classes)
        data = in_given_order(data, names, num_classes=_outputs(interface, data.form))
    elif beside is not None and data.form == "classes":
        data = _in_order_beside(data, beside.parent / CLASS_FILE, interface.num_classes, observer)
    if interface.unit is not None and data.form == "classes":
        is_linear = interface.unit == "logit"
        what = f"the model's output {interface.judged_name!r} is {DESCRIPTIONS[interface.unit]}"
        require_two_classes(data, what=what, linear=is_linear)
        told = unit_note(interface, data.class_names)
        if is_linear:
            told = told.replace(": it", ", and all labels are 0 or 1: it", 1)
        observer.note(told)
    if data.form == "masks":
        _require_size(data, interface)
    return check_against_model(
        data,
        input_shape=data.image_shape if len(interface.inputs) > 1 else shape,
        num_classes=_outputs(interface, data.form),
    )


def _told_of(task: Task, metric: Metric) -> str:
    if task.name == agreement.NAME:
        return (
            "There are no labels: what is kept is agreement with the original, which is distilled. "
            "Whether its answers are right is not known."
        )
    return f"Task: {task.name}. What is kept is {metric.words}."


def _outputs(interface: Interface, form: LabelForm) -> int:
    """Classes, flags or numbers of a model's judged output."""
    if form in ("flags", "numbers"):
        return interface.shape[-1] or 0
    if form == "masks":
        return max(interface.shape[-1] or 0, 2)
    return interface.num_classes


def _require_size(data: Dataset, interface: Interface) -> None:
    """Refuses masks that are not of the size of what the model yields."""
    size = data.y_train.shape[1:]
    if not shape_matches(size, interface.shape[:2]):
        raise DataError(
            f"masks of {data.source} have the shape {shape_text(size)}, but the model's output "
            f"{interface.judged_name!r} has a class for each of {shape_text(interface.shape[:2])} "
            "pixels; expected masks of that size: resize them by the nearest pixel"
        )


def unit_note(interface: Interface, names: Sequence[str] = ()) -> str:
    """How the one unit of a model's output is read.

    Args:
        interface: Its `unit` is not None.
        names: Of the two classes, where they are known.
    """
    zero, one = (f"class {label}" + (f" ({names[label]})" if names else "") for label in (0, 1))
    how = {
        "sigmoid": f"the probability of {one} against {zero}",
        "tanh": f"{one} above 0, {zero} below",
        "logit": f"the logit of {one} against {zero}, {one} where it is above 0",
    }
    unit = interface.unit or "sigmoid"
    name = interface.judged_name
    return f"The output {name} is {DESCRIPTIONS[unit]}: it is read as {how[unit]}."


def _in_order_beside(data: Dataset, path: Path, num_classes: int, observer: Observer) -> Dataset:
    """The data in the order of a class file, where it is there and speaks of these classes."""
    if not path.is_file():
        return data
    try:
        names = read_class_list(str(path))
    except ConfigError as error:
        observer.note(f"{CLASS_FILE} beside the model is ignored: {error}")
        return data
    fault = _unlike(names, data, num_classes)
    if fault:
        observer.note(f"{path} is ignored: {fault}.")
        return data
    if data.num_classes > num_classes:
        return data  # which the check of the labels tells
    ordered = in_given_order(data, names, num_classes=num_classes)
    if ordered.class_names != class_names(data):
        observer.note(f"Classes are in the order of {path}: {', '.join(names[:5])}, ...")
    return ordered


def _unlike(names: Sequence[str], data: Dataset, num_classes: int) -> str:
    """Why names from a file are not those of some classes; empty where they are."""
    told = f"its {len(names)} classes ({', '.join(names[:3])}, ...)"
    if len(names) != num_classes:
        return f"{told} do not fit this model, which has {num_classes} classes"
    if data.class_names and sorted(names) != sorted(data.class_names):
        return (
            f"{told} are not those of {data.source} ({', '.join(data.class_names[:3])}, ...); if "
            "only the names differ, use the same names in both"
        )
    is_of_labels = sorted(names) == sorted(map(str, range(num_classes)))
    if not data.class_names and any(name.isdecimal() for name in names) and not is_of_labels:
        return f"{told} are numbers, but not the labels 0 to {num_classes - 1}"
    return ""
