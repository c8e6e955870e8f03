"""A model file and a data set that belong together."""

from collections.abc import Sequence

import keras

from prune_mi.config import RunSettings
from prune_mi.data import Dataset, check_against_model, load_dataset
from prune_mi.data.two_classes import require_two_classes
from prune_mi.graph.one_unit import DESCRIPTIONS
from prune_mi.keras_io.load import LoadedModel, load_model
from prune_mi.records import ModelSource, Observer
from prune_mi.stages.interface import Interface, read_interface


def open_source(source: ModelSource, *, verify: bool = False) -> LoadedModel:
    """Opens a model file as the user says of it; see `load_model`."""
    return load_model(
        source.path,
        architecture=source.architecture,
        allow_unsafe=source.allow_unsafe,
        custom_objects=source.custom_objects,
        verify=verify,
    )


def load_fitting_data(model: keras.Model, settings: RunSettings, observer: Observer) -> Dataset:
    """Loads the data that the settings name and checks it against a model's ends.

    Raises:
        DataError: If it cannot be loaded, or does not fit the model.
        ModelError: If the model is no classifier.
        ConfigError: If the settings name no output of it.
    """
    interface = read_interface(model, settings.output)
    shape = interface.inputs[0].shape
    height, width, channels = (*shape, 1)[:3] if len(shape) in (2, 3) else (None, None, None)
    data = load_dataset(
        settings.data, image_shape=(height, width, channels), inputs=interface.inputs
    )
    for note in data.notes:
        observer.note(note)
    if data.split_here:
        observer.note(
            "A model that has been trained on some of these test images is flattered by them: give "
            f"{data.source} a train/ and a test/ then."
        )
    if interface.unit is not None:
        _require_two_classes(interface, data, observer)
    return check_against_model(
        data,
        input_shape=data.image_shape if len(interface.inputs) > 1 else shape,
        num_classes=interface.num_classes,
    )


def unit_note(interface: Interface, names: Sequence[str] = ()) -> str:
    """How the one unit of a model's output is read.

    Args:
        interface: Its `unit` is not None.
        names: Of the two classes, where they are known.
    """
    one = f"class 1 ({names[1]})" if names else "class 1"
    how = {
        "sigmoid": f"it is read as the probability of {one}",
        "tanh": f"it is read as the sign of {one}, above 0",
        "logit": f"it is read as the logit of {one}, above 0",
    }
    unit = interface.unit or "sigmoid"
    zero = f", else class 0 ({names[0]})" if names else ", else class 0"
    return f"The output {interface.judged_name} is {DESCRIPTIONS[unit]}: {how[unit]}{zero}."


def _require_two_classes(interface: Interface, data: Dataset, observer: Observer) -> None:
    unit = interface.unit or "sigmoid"
    require_two_classes(
        data,
        what=f"the model's output {interface.judged_name!r} is {DESCRIPTIONS[unit]}",
        linear=unit == "logit",
    )
    note = unit_note(interface, data.class_names)
    if unit == "logit":
        note = note.replace(": it", ", and the labels are 0 and 1 alone: it", 1)
    observer.note(note)
