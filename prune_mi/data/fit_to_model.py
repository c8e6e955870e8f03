"""Whether a data set and a model belong together."""

from dataclasses import replace

import numpy as np

from prune_mi.data.dataset import Dataset
from prune_mi.data.model_input import shape_matches, shape_text
from prune_mi.errors import DataError


def check_against_model(
    dataset: Dataset, *, input_shape: tuple[int | None, ...], num_classes: int
) -> Dataset:
    """Checks that the samples and labels are such as the model takes and gives.

    Args:
        dataset: Already validated.
        input_shape: The model's input without the batch axis; None matches any size.
        num_classes: Classes the model tells apart.

    Returns:
        The data set, its samples given or relieved of a channel axis of size 1 where only that
        keeps them from the model's shape.

    Raises:
        DataError: If shapes differ, a label is out of range, or class counts differ; the message
            says both sides.
    """
    _check_classes(dataset, num_classes)
    shape = dataset.image_shape
    if shape_matches(shape, input_shape):
        return dataset
    if shape_matches((*shape, 1), input_shape):
        return _reshape(dataset, (*shape, 1))
    if shape and shape[-1] == 1 and shape_matches(shape[:-1], input_shape):
        return _reshape(dataset, shape[:-1])
    raise DataError(
        f"{dataset.source} has samples of the shape {shape_text(shape)}, the model takes "
        f"{shape_text(input_shape)}; {_shape_hint(shape, input_shape)}"
    )


def _reshape(dataset: Dataset, shape: tuple[int, ...]) -> Dataset:
    def reshaped(images: np.ndarray) -> np.ndarray:
        return images.reshape(len(images), *shape)

    return replace(
        dataset,
        x_train=reshaped(dataset.x_train),
        x_test=reshaped(dataset.x_test),
        x_val=None if dataset.x_val is None else reshaped(dataset.x_val),
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
    if dataset.class_names:
        _check_count(dataset, num_classes)
    _check_label_range(dataset, num_classes)  # names may have been given to labels that are not so
    _check_count(dataset, num_classes)


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
