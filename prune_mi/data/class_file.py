"""`classes.json`: what lies beside a model so that it can be asked about images.

    {"classes": ["cat", "dog"], "scaling": "none", "pixel_range": 255.0, "input": [48, 64, 3]}

`scaling` is what is done to the pixels before the model sees them: `none`, `unit` (0..1), `signed`
(-1..1), `caffe` or `torch`. `pixel_range` is the value of a full-bright pixel in the data that the
model was trained on, 255 in most image files: with `none`, pixels of a file are brought to it.
Files of 16 bits are taken as they are where it is above 255. `input` is the shape of a sample.
Other keys are passed over.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from prune_mi.data.dataset import Dataset
from prune_mi.data.fit_to_model import shape_text
from prune_mi.data.image_files import FULL_BRIGHT, Depth
from prune_mi.data.scaling import COLOUR_KINDS, InputScaling, pixel_range, scaling_of_range
from prune_mi.errors import ConfigError, DataError, RunError

CLASS_FILE = "classes.json"

FileScaling = Literal["none", "unit", "signed", "caffe", "torch"]
FILE_SCALINGS: tuple[FileScaling, ...] = get_args(FileScaling)
"""Those that need no statistics of training images."""


def known_scaling(said: str) -> FileScaling:
    """The scaling that a user has said.

    Raises:
        ConfigError: If it is none of `FILE_SCALINGS`.
    """
    for kind in FILE_SCALINGS:
        if kind == said:
            return kind
    raise ConfigError(f"`scaling` is {said!r}; expected one of {', '.join(FILE_SCALINGS)}")


def require_colours(kind: FileScaling, shape: tuple[int, ...]) -> None:
    """Refuses a scaling for three colours where samples of this shape have others.

    Raises:
        ConfigError: If they do.
    """
    if kind in COLOUR_KINDS and shape[2:] != (3,):
        raise ConfigError(
            f"`scaling` is {kind!r}, which is for images with three colour channels, but samples "
            f"have the shape {shape_text(shape)}; expected one of "
            f"{', '.join(each for each in FILE_SCALINGS if each not in COLOUR_KINDS)}"
        )


@dataclass(frozen=True, slots=True)
class ClassFile:
    """What a model's classes are called, and what it takes.

    Attributes:
        classes: Names in the order of the model's outputs, at least two.
        scaling: What is done to pixels before the model sees them.
        pixel_range: Of a full-bright pixel in the training data; above 0.
        input: Shape of one sample: (height, width, channels) of images.
    """

    classes: tuple[str, ...]
    scaling: FileScaling
    pixel_range: float
    input: tuple[int, ...]


def file_scaling(
    kind: FileScaling, *, pixel_range: float | None = None, depth: Depth = 8
) -> InputScaling:
    """The scaling from an image file's pixels to what a model takes.

    Args:
        kind: What the model takes: raw pixels, 0..1, -1..1, or one of those for colours.
        pixel_range: The value that a full-bright raw pixel has for the model; None where that is
            not known, and it is the file's.
        depth: Of the file. Pixels of 16 bits are taken to be as they were in training where
            `pixel_range` is above 255, and numbers of 32 bits always.

    Raises:
        DataError: If nothing says what the values of a file of 32 bits mean.
    """
    full = FULL_BRIGHT[depth]
    if pixel_range is not None and (full is None or (depth == 16 and pixel_range > 255)):
        full = pixel_range
    if full is None:
        if kind != "none":
            raise DataError(
                f"the scaling {kind} needs the value of a white pixel, which images of 32 bits do "
                f"not tell; expected `pixel_range` in a {CLASS_FILE} beside the model, --scaling "
                "none, or images of 8 or 16 bits"
            )
        full = 1.0
    if kind != "none":
        return scaling_of_range(kind, full)
    scale = np.asarray(full / (pixel_range or full), dtype=np.float32)
    return InputScaling(kind, None, scale, full)


def describe_classes(data: Dataset, scaling: InputScaling) -> ClassFile | None:
    """The class file of a model of some images; None where it cannot say how to feed the model.

    Args:
        data: What the model was trained on, with names for all classes.
        scaling: What was done to its values before the model saw them.
    """
    kind = next((each for each in FILE_SCALINGS if each == scaling.kind), None)
    if kind is None or len(data.image_shape) != 3 or not data.class_names:
        return None
    full = (data.full_value or pixel_range(data.x_train)) if kind == "none" else scaling.full
    return ClassFile(
        classes=data.class_names, scaling=kind, pixel_range=full, input=data.image_shape
    )


def write_class_file(content: ClassFile, path: Path) -> None:
    """Writes a class file; an older one is replaced.

    Raises:
        RunError: If it cannot be written.
    """
    values = {
        "classes": list(content.classes),
        "scaling": content.scaling,
        "pixel_range": content.pixel_range,
        "input": list(content.input),
    }
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error


def write_classes(data: Dataset, scaling: InputScaling, folder: Path) -> bool:
    """Writes the class file of a model of some images into the model's folder.

    Returns:
        Whether there is something to say; see `describe_classes`.

    Raises:
        RunError: If it cannot be written.
    """
    described = describe_classes(data, scaling)
    if described is not None:
        write_class_file(described, folder / CLASS_FILE)
    return described is not None


def read_class_file(path: Path) -> ClassFile:
    """Reads a class file.

    Raises:
        DataError: If it cannot be read, is no JSON object, or one of its values is missing or
            wrong; the message names it.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}; {_remedy(path)}") from error
    if not isinstance(values, dict):
        raise DataError(f"{path} holds a {type(values).__name__}; {_remedy(path)}")
    for key, (is_right, expected) in _EXPECTED.items():
        if not is_right(values.get(key)):
            found = f"`{key}` is {str(values[key])[:60]!r}" if key in values else f"no `{key}`"
            raise DataError(f"{path} has {found}; expected {expected}: {_remedy(path)}")
    return ClassFile(
        classes=tuple(values["classes"]),
        scaling=values["scaling"],
        pixel_range=float(values["pixel_range"]),
        input=tuple(values["input"]),
    )


def _is_names(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, str) for each in value)
        and len(set(value)) == len(value)
    )


def _is_range(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e30


def _is_shape(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(type(each) is int and each > 0 for each in value)
    )


_EXPECTED = {
    "classes": (_is_names, "a list of names, all different"),
    "scaling": (lambda value: value in FILE_SCALINGS, f"one of {', '.join(FILE_SCALINGS)}"),
    "pixel_range": (_is_range, "a number above 0, such as 255"),
    "input": (_is_shape, "a list of positive whole numbers, such as [64, 64, 3]"),
}


def _remedy(path: Path) -> str:
    return f"write it as a search does, or move {path.name} away to have the classes numbered"
