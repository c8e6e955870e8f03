"""What a model takes, and whether a data set and a model belong together."""

from dataclasses import dataclass

import numpy as np

from prune_mi.data.dataset import Dataset
from prune_mi.errors import DataError, listed

_NAMED = 6


@dataclass(frozen=True, slots=True)
class ModelInput:
    """One input of a model.

    Attributes:
        name: Of its input layer.
        shape: Without the batch axis; None matches any size.
    """

    name: str
    shape: tuple[int | None, ...]


def shape_text(shape: tuple[int | None, ...]) -> str:
    """`(any, any, 3)`."""
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"


def shape_matches(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    """Whether a sample's shape is one that a model takes; None matches any size."""
    return len(shape) == len(wanted) and all(
        size in (None, actual) for actual, size in zip(shape, wanted, strict=True)
    )


def fitting_shape(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> tuple[int, ...] | None:
    """A sample's shape as a model takes it; None where it does not.

    A channel axis of size 1 is added or dropped where only that keeps a sample from fitting.
    """
    shorter = [shape[:-1]] if shape and shape[-1] == 1 else []
    tried = [shape, (*shape, 1), *shorter]
    return next((each for each in tried if shape_matches(each, wanted)), None)


def check_against_model(
    dataset: Dataset, *, input_shape: tuple[int | None, ...], num_classes: int
) -> Dataset:
    """Checks that the samples and labels are such as the model takes and gives.

    Args:
        dataset: Already validated.
        input_shape: The model's input without the batch axis; None matches any size.
        num_classes: Classes the model tells apart, or how many flags or numbers it yields.

    Returns:
        The data set, its samples given or relieved of a channel axis of size 1 where only that
        keeps them from the model's shape.

    Raises:
        DataError: If shapes differ, a label is out of range, or class counts differ; the message
            says both sides.
    """
    _check_classes(dataset, num_classes)
    shape = dataset.image_shape
    fitting = fitting_shape(shape, input_shape)
    if fitting == shape:
        return dataset
    if fitting is not None:
        return dataset.mapped(samples=lambda images: images.reshape(len(images), *fitting))
    raise DataError(
        f"{dataset.source} has samples of the shape {shape_text(shape)}, the model takes "
        f"{shape_text(input_shape)}; {_shape_hint(shape, input_shape)}"
    )


def require_two_classes(dataset: Dataset, *, what: str, linear: bool) -> None:
    """Checks the labels of data for a model whose output is one unit.

    Args:
        dataset: Already validated.
        what: How messages name the output.
        linear: Whether the unit is a linear one, which may as well be a regression's.

    Raises:
        DataError: If there are other classes than two, other labels than 0 and 1, or one of the two
            is missing in the training labels; the message says what comes closest.
    """
    source = dataset.source
    names = dataset.class_names
    if names and len(names) != 2:
        raise DataError(
            f"{source} has {len(names)} classes ({listed(names, _NAMED)}), but {what}, "
            "which is for two classes; expected two: leave the others out, or train a model with "
            "one unit for each class"
        )
    found = np.unique(np.concatenate([labels for _, _, labels in dataset.splits()]))
    told = f"the labels of {source} are {listed([str(each) for each in found], _NAMED)}"
    if not np.isin(found, (0, 1)).all():
        if len(found) == 2:
            raise DataError(
                f"{told}, but {what}; expected 0 and 1: write 0 for {found[0]} and 1 for {found[1]}"
            )
        if linear:
            raise DataError(
                f"{told}, and {what}: that is regression; expected a classifier. The closest "
                "supported models have two classes (labels 0 and 1, for below and above a "
                "threshold), or one unit for each class if the labels are classes"
            )
        raise DataError(
            f"{told}, but {what}, which is for two classes; expected 0 and 1: leave the other "
            "classes out, or train a model with one unit for each class"
        )
    training = np.unique(dataset.y_train)
    if len(training) < 2:
        raise DataError(
            f"all {len(dataset.y_train)} training labels of {source} are {training[0]}; expected "
            "both 0 and 1: add samples of the other class"
        )


def _shape_hint(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> str:
    if len(wanted) == 3 and len(shape) == 3:
        if shape_matches((shape[2], *shape[:2]), wanted):
            return "the model wants channels first: transpose the images, or convert the model"
        if wanted[2] in (None, shape[2]):
            return "resize the images to the model's height and width, or pass data it was made for"
        if shape_matches(shape[:2], wanted[:2]):
            return "convert the images to the model's number of channels (grey 1, colour 3)"
    return "pass the data that the model was trained on"


def _check_classes(dataset: Dataset, num_classes: int) -> None:
    if dataset.form == "none":
        return
    if dataset.form in ("flags", "numbers"):
        _check_columns(dataset, num_classes)
        return
    if dataset.form == "masks" and not dataset.class_names:
        _check_label_range(dataset, num_classes)  # a class may well be on no image
        return
    if dataset.class_names:
        _check_count(dataset, num_classes)
    _check_label_range(dataset, num_classes)  # names may have been given to labels that are not so
    _check_count(dataset, num_classes)


def _check_columns(dataset: Dataset, num_outputs: int) -> None:
    noun = "labels" if dataset.form == "flags" else "numbers"
    if dataset.num_classes != num_outputs:
        raise DataError(
            f"{dataset.source} has {dataset.num_classes} {noun} for each sample, but the model "
            f"yields {num_outputs}; expected equal numbers: pass the data that the model was "
            "trained on"
        )


def _check_count(dataset: Dataset, num_classes: int) -> None:
    if dataset.num_classes != num_classes:
        named = "named" if dataset.class_names else "counted by their highest label"
        raise DataError(
            f"{dataset.source} has {dataset.num_classes} classes ({named}), but the model has "
            f"{num_classes}; expected equal numbers: pass the data that the model was trained on"
        )


def _check_label_range(dataset: Dataset, num_classes: int) -> None:
    for split, _, labels in dataset.splits():
        lowest, highest = int(labels.min()), int(labels.max())
        if highest < num_classes:
            continue
        hint = (
            "they seem to count from 1: subtract 1"
            if lowest == 1 and highest == num_classes
            else "pass the data that the model was trained on"
        )
        raise DataError(
            f"labels of the {split} split of {dataset.source} are out of range: they reach "
            f"{highest}, so the data has at least {highest + 1} classes, but the model has "
            f"{num_classes}; expected labels in 0..{num_classes - 1}: {hint}"
        )
