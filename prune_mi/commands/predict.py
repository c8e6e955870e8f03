"""`prune-mi predict`: a model asked what is in some images."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image
from scipy.special import softmax

from prune_mi.data import InputScaling, shape_text
from prune_mi.data.arrays import raw_images
from prune_mi.data.class_file import (
    CLASS_FILE,
    ClassFile,
    FileScaling,
    file_scaling,
    known_scaling,
    read_class_file,
    require_colours,
)
from prune_mi.data.class_order import read_class_list
from prune_mi.data.fit_to_model import shape_matches
from prune_mi.data.image_files import (
    FORMATS_TEXT,
    MODES,
    Depth,
    list_image_files,
)
from prune_mi.errors import ConfigError, DataError, ModelError
from prune_mi.graph.interface.binary_output import two_columns
from prune_mi.keras_io.model_graph.trace import model_ends, trace_model
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.preparation.find_task import task_of_head
from prune_mi.preparation.image_answers import ImagesRead, answers_about
from prune_mi.preparation.interface import Interface, read_interface
from prune_mi.preparation.loading import open_source, unit_note
from prune_mi.preparation.logits import yields_logits
from prune_mi.preparation.objects import opened_sources
from prune_mi.records import ImagePrediction, ImageValues, ModelSource, Predictions
from prune_mi.tasks.head import Head
from prune_mi.tasks.segmentation import decisions
from prune_mi.tasks.task import Task
from prune_mi.tasks.told import values_of

_PARTS = {"classes": "classes", "masks": "classes", "flags": "labels", "numbers": "numbers"}


def predict(
    model: str | PathLike[str] | keras.Model,
    images: Any,
    *,
    scaling: str | None = None,
    output: str | None = None,
    image_size: Sequence[int] | None = None,
    classes: str | Sequence[str] | None = None,
    masks: str | PathLike[str] | None = None,
    model_json: str | PathLike[str] | None = None,
    allow_unsafe: bool = False,
    custom_objects: str | None = None,
) -> Predictions:
    """Classifies images, as `prune-mi predict` does.

    Args:
        model: A loaded model, a file, the folder of a run, or what `optimize` gave back.
        images: Paths of image files and folders, one or several; or an array
            `(N, height, width, channels)` of raw pixels in the size that the model takes.
        scaling: What the model takes: `none`, `unit`, `signed`, `caffe` or `torch`; None takes what
            `classes.json` beside the file says, else `none`.
        output: Of a model with several outputs, the classes' one.
        image_size: Height and width, where the model takes images of any size.
        classes: Names of the classes in the order of the model's outputs, or the path of a file of
            them; they go before those of `classes.json`.
        masks: A folder that the class of each pixel is written into, as PNG files, where the model
            tells one.
        model_json: JSON of `model.to_json()`, where the file holds weights alone.
        allow_unsafe: Whether Python code in the file, such as a Lambda layer's, may run.
        custom_objects: A module's name or the path of a `.py` file with the model's own layers.

    Raises:
        PruneMIError: What was received, what was expected and how to mend it.
    """
    if isinstance(images, str | PathLike):
        images = [images]
    is_array = hasattr(images, "shape")
    if not is_array and not all(isinstance(each, str | PathLike) for each in images):
        raise DataError(
            "the images are a list of what is no path; expected paths, or one array of the shape "
            "(N, height, width, channels), such as np.stack of them"
        )
    trust = Trust(allow_unsafe, custom_objects)
    with opened_sources([model], model_json=model_json, trust=trust) as (source,):
        return predict_images(
            source,
            raw_images(np.asarray(images), where="the images")
            if is_array
            else [Path(each) for each in images],
            scaling=scaling,
            output=output,
            image_size=image_size,
            classes=classes,
            masks=None if masks is None else Path(masks),
        )


def predict_images(
    source: ModelSource,
    images: Sequence[Path] | np.ndarray,
    *,
    scaling: str | None = None,
    output: str | None = None,
    image_size: Sequence[int] | None = None,
    classes: str | Sequence[str] | None = None,
    masks: Path | None = None,
) -> Predictions:
    """Asks a model about image files: the class of each, its labels, numbers or pixels.

    Class names, and what the model wants its pixels to be, come from `classes.json` beside it; one
    that only says the order of classes, as `optimize` reads it too, will do for the names. Photos
    are turned as their EXIF tags say.

    Args:
        source: The model file, of Keras 2 or 3, which takes images.
        images: Files, or folders of them; or raw pixels `(N, height, width, channels)`.
        scaling: What the model takes: `none`, `unit`, `signed`, `caffe` or `torch`; None takes what
            `classes.json` says, else `none`.
        output: Of a model with several outputs, the classes' one.
        image_size: Height and width, where the model takes images of any size.
        classes: Names of the classes in the order of the model's outputs, or the path of a file of
            them; they go before those of `classes.json`.
        masks: A folder that the class of each pixel is written into, as PNG files, where the model
            tells one.

    Raises:
        DataError: If there are no such images, none of them can be read, or `classes.json` is
            broken or another model's.
        ModelError: If the model file cannot be used, or takes no images.
        ConfigError: If an argument is unknown or does not suit the model.
    """
    files = images if isinstance(images, np.ndarray) else list_image_files(images)
    beside = source.path.parent / CLASS_FILE
    class_file, known = _read_beside(beside)
    notes: list[str] = []
    kind = _scaling(scaling, class_file, notes, has_names=known is not None)
    given = None if classes is None else read_class_list(classes)
    loaded = open_source(source)
    notes.extend(loaded.notes)
    interface = read_interface(loaded.model, output)
    num_names = len(given or known or ())
    task = task_of_head(interface, loaded.compile_config, num_names=num_names)
    _require_masks(task, masks)
    names = _class_names(interface, task, class_file, known, beside, given, notes)
    if interface.unit is not None and task.loss == "classes":
        notes.append(unit_note(interface, names if known or given else ()))
    shape = _image_shape(interface, image_size, class_file)
    require_colours(kind, shape)

    raw_range = None if class_file is None else class_file.pixel_range

    def scaled(depth: Depth) -> InputScaling:
        return file_scaling(kind, pixel_range=raw_range, depth=depth)

    inputs, ends = model_ends(loaded.model)
    judged = keras.Model(inputs, ends[interface.judged])
    # Arrays are what the model was trained on, not what files of 8 bits hold.
    depth: Depth = 8 if raw_range is None else 32
    outputs, read = answers_about(judged, files, shape, scaled, depth)
    _require_answers(outputs, read, files, source)
    told: Sequence[ImagePrediction | ImageValues]
    if task.loss == "classes":
        shares = _probabilities(loaded.model, interface, outputs)
        told = [_prediction(*each, names) for each in zip(read.readable, shares, strict=True)]
    else:
        told = _told(task, interface, outputs, read.readable, names, masks)
    notes.extend(read.notes())
    return Predictions(
        model=source.told,
        task=task.name,
        scaling=scaled(8).describe(),
        images=tuple(told),
        broken=tuple(map(str, read.broken)),
        notes=tuple(notes),
    )


def _probabilities(model: keras.Model, interface: Interface, outputs: np.ndarray) -> np.ndarray:
    """Of each class, `(n, classes)`."""
    logits = yields_logits(trace_model(model), interface.judged, outputs)
    if interface.unit is not None:
        outputs = two_columns(outputs, interface.unit)
    return np.asarray(softmax(outputs, axis=1)) if logits else outputs


def _require_answers(
    outputs: np.ndarray, read: ImagesRead, files: Sequence[Path] | np.ndarray, source: ModelSource
) -> None:
    """Refuses images of which none can be read, and answers that are no numbers."""
    if not read.readable:
        raise DataError(
            f"none of the {len(files)} images can be read, the first is {files[0]}; expected "
            f"undamaged {FORMATS_TEXT} files"
        )
    if not np.isfinite(outputs).all():
        raise ModelError(
            f"the model {source.told} yields NaN or infinity for these images; expected a trained "
            "model, and pixels scaled as in its training (--scaling)"
        )


def _require_masks(task: Task, masks: Path | None) -> None:
    if masks is None:
        return
    if task.loss != "masks":
        raise ConfigError(
            f"a folder for masks was given, {masks}, but the model is for {task.name}; expected a "
            "model with a class for each pixel"
        )
    if masks.exists() and not masks.is_dir():
        raise ConfigError(f"the folder for masks is {masks}, which is a file; expected a folder")


def _told(
    task: Task,
    interface: Interface,
    outputs: np.ndarray,
    files: Sequence[Path | str],
    names: Sequence[str],
    masks: Path | None,
) -> list[ImageValues]:
    """What is said of each image; masks are written beside that."""
    linear = interface.ends_in == {"linear"}
    shape = outputs.shape[1:] if outputs.ndim > 1 else (1,)
    head = Head(shape, from_logits=linear and task.loss != "numbers")
    outputs = outputs.reshape(len(outputs), *shape)
    values = values_of(task, head, outputs, names)
    if masks is None:
        return [ImageValues(str(file), each) for file, each in zip(files, values, strict=True)]
    paths = [masks / f"{Path(file).stem}.png" for file in files]
    _require_other_files(paths, files)
    masks.mkdir(parents=True, exist_ok=True)
    depth = np.uint8 if len(names) <= 256 else np.uint16
    for path, mask in zip(paths, decisions(outputs, head), strict=True):
        Image.fromarray(mask.astype(depth)).save(path)
    return [
        ImageValues(str(file), each, str(path))
        for file, each, path in zip(files, values, paths, strict=True)
    ]


def _require_other_files(paths: Sequence[Path], files: Sequence[Path | str]) -> None:
    """Refuses masks that would replace an image, or one another."""
    images = {Path(file).resolve() for file in files}
    sources: dict[Path, Path | str] = {}
    for path, file in zip(paths, files, strict=True):
        if path.resolve() in images:
            raise ConfigError(
                f"the mask of {file} would be {path}, which is an image; expected another folder"
            )
        if path in sources:
            raise ConfigError(
                f"the masks of {sources[path]} and {file} would both be {path}; expected images of "
                "other names, or one folder of images at a time"
            )
        sources[path] = file


def _read_beside(path: Path) -> tuple[ClassFile | None, tuple[str, ...] | None]:
    """What a class file says, and the names in it; some say nothing else."""
    if not path.is_file():
        return None, None
    try:
        class_file = read_class_file(path)
    except DataError as error:
        try:
            return None, read_class_list(str(path))
        except ConfigError:
            raise error from None
    return class_file, class_file.classes


def _scaling(
    asked: str | None, class_file: ClassFile | None, notes: list[str], *, has_names: bool
) -> FileScaling:
    if asked is not None:
        return known_scaling(asked)
    if class_file is not None:
        return class_file.scaling
    why = (
        f"{CLASS_FILE} beside the model names no scaling"
        if has_names
        else f"There is no {CLASS_FILE} beside the model"
    )
    notes.append(
        f"{why}, so pixels are not scaled: 0 to 255, or 0 to 65535 in 16-bit files. If the "
        "model was trained on 0..1 or -1..1, pass --scaling unit or signed."
    )
    return "none"


def _image_shape(
    interface: Interface, image_size: Sequence[int] | None, class_file: ClassFile | None
) -> tuple[int, ...]:
    """Height, width and perhaps channels of what the model takes."""
    if len(interface.inputs) > 1:
        named = ", ".join(each.name for each in interface.inputs)
        raise ModelError(
            f"the model has {len(interface.inputs)} inputs: {named}; expected one input, for images"
        )
    wanted = interface.inputs[0].shape
    if len(wanted) not in (2, 3) or (len(wanted) == 3 and wanted[2] not in MODES):
        raise ModelError(
            f"the model takes samples of the shape {shape_text(wanted)}; expected images: (height, "
            "width), or (height, width, channels) with 1, 3 or 4 channels"
        )
    known = tuple(side for side in wanted if side is not None)
    if image_size is None:
        if len(known) == len(wanted):
            return known
        if class_file is not None:
            return class_file.input
        raise ConfigError(
            f"the model takes images of any size, {shape_text(wanted)}; pass the size that it was "
            "trained on with --image-size, such as 64x64"
        )
    channels = (side for side in wanted[2:] if side is not None)
    shape = (*image_size, *channels)
    if len(image_size) != 2 or not shape_matches(shape, wanted):
        raise ConfigError(
            f"the image size is {'x'.join(map(str, image_size))}, but the model takes "
            f"{shape_text(wanted)}; expected a height and a width that fit, such as 64x64"
        )
    return shape


def _class_names(
    interface: Interface,
    task: Task,
    class_file: ClassFile | None,
    known: tuple[str, ...] | None,
    beside: Path,
    given: tuple[str, ...] | None,
    notes: list[str],
) -> tuple[str, ...]:
    num_classes = interface.num_classes if task.loss == "classes" else interface.shape[-1] or 1
    if task.loss == "masks":
        num_classes = max(num_classes, 2)
    if given is not None:
        if len(given) != num_classes:
            raise ConfigError(
                f"{len(given)} classes were given, but the model has {num_classes}; expected one "
                "for each of its outputs, in their order (--classes)"
            )
        return given
    if known is None:
        notes.append(
            f"There is no {CLASS_FILE} beside the model, so its {_PARTS[task.loss]} are numbered."
        )
        return tuple(map(str, range(num_classes)))
    wanted = interface.inputs[0].shape
    fits = class_file is None or shape_matches(class_file.input, wanted)
    if len(known) != num_classes or not fits:
        its, own = (
            ("", "")
            if class_file is None
            else (f" and inputs {shape_text(class_file.input)}", f" and {shape_text(wanted)}")
        )
        raise DataError(
            f"{beside} belongs to another model: it has {len(known)} classes{its}, the model "
            f"{num_classes}{own}; move one of the two files to another folder"
        )
    return known


def _prediction(file: Path | str, row: np.ndarray, names: Sequence[str]) -> ImagePrediction:
    best, second = np.argsort(-row, kind="stable")[:2]
    return ImagePrediction(
        image=str(file),
        class_name=names[best],
        probability=float(row[best]),
        next_class=names[second],
        next_probability=float(row[second]),
    )
