"""From what a user writes after `--data` to a data set, of those that have a name or of others."""

import difflib
import importlib
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from prune_mi.config import HandedOver
from prune_mi.data.cifar_batches import is_cifar_batches, load_cifar_batches
from prune_mi.data.csv_file import CSV_SUFFIXES, load_csv
from prune_mi.data.dataset import Dataset, validate_dataset
from prune_mi.data.decoded import ShapeChoice
from prune_mi.data.described_records import DESCRIPTION_SUFFIXES, load_records
from prune_mi.data.fit_to_model import ModelInput, shape_text
from prune_mi.data.given import Given, load_given
from prune_mi.data.image_folder import (
    is_unlabelled,
    load_image_folder,
    load_unlabelled,
    shape_for_model,
)
from prune_mi.data.labels import FormChoice, LabelForm, as_classes, as_form, integer_labels
from prune_mi.data.mask_folder import has_masks, load_mask_folder
from prune_mi.data.npz_file import load_npz, load_npz_inputs
from prune_mi.data.splits import stratified_split
from prune_mi.data.user_code import called_function, names_function, require_function_file
from prune_mi.errors import DataError

CIFAR10_VARIABLE = "PRUNE_MI_CIFAR10"

# The digits' splits are the same in every run, whatever the run's seed.
_DIGITS_SPLIT_SEED = 20190304
_DIGITS_TEST_FRACTION = 0.25
_DIGITS_VAL_FRACTION = 0.25  # of the rest

_CLASS_NAMES = {
    name: tuple(names.split(", "))
    for name, names in {
        "cifar10": "airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck",
        "digits": "0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        "fashion_mnist": "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, "
        "Bag, Ankle boot",
        "mnist": "0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
    }.items()
}


def load_digits() -> Dataset:
    """Scikit-learn's 1797 digits, float32 `(N, 8, 8, 1)` with values 0..16; needs no network.

    1011 train, 337 validate and 449 test.
    """
    # Here and not above: the import takes a second.
    from sklearn.datasets import load_digits as load

    pixels, target = load(return_X_y=True)
    images = np.asarray(pixels, dtype=np.float32).reshape(-1, 8, 8, 1)
    labels = integer_labels(np.asarray(target), where="labels of digits")
    rng = np.random.default_rng(_DIGITS_SPLIT_SEED)
    rest, test = stratified_split(labels, fraction=_DIGITS_TEST_FRACTION, rng=rng)
    train, val = stratified_split(labels[rest], fraction=_DIGITS_VAL_FRACTION, rng=rng)
    train, val = rest[train], rest[val]
    return Dataset(
        x_train=images[train],
        y_train=labels[train],
        x_test=images[test],
        y_test=labels[test],
        x_val=images[val],
        y_val=labels[val],
        class_names=_CLASS_NAMES["digits"],
        source="digits",
    )


def load_cifar10() -> Dataset:
    """CIFAR-10 from the file that PRUNE_MI_CIFAR10 names, else from keras.datasets.

    Raises:
        DataError: If the variable names nothing readable, or the download fails.
    """
    named = os.environ.get(CIFAR10_VARIABLE)
    if not named:
        return load_keras("cifar10")
    path = Path(named).expanduser()
    if path.is_dir() and is_cifar_batches(path):
        loaded = load_cifar_batches(path)
    elif path.is_file():
        loaded = load_npz(path)
    else:
        raise DataError(
            f"{CIFAR10_VARIABLE} names {path}, where there is no such file; expected an .npz or a "
            "cifar-10-batches-py folder: correct the variable, or unset it to download the data"
        )
    return replace(
        loaded,
        class_names=_CLASS_NAMES["cifar10"],
        source="cifar10",
        notes=(f"cifar10 is read from {path}, which {CIFAR10_VARIABLE} names",),
        order_known=True,
        full_value=None,
    )


def load_keras(name: str) -> Dataset:
    """One of keras.datasets, downloaded on first use.

    Args:
        name: `cifar10`, `fashion_mnist` or `mnist`.

    Returns:
        uint8 images `(N, H, W, C)`.

    Raises:
        DataError: If it is neither in Keras's cache nor can be downloaded.
    """
    module = importlib.import_module(f"keras.datasets.{name}")
    try:
        (x_train, y_train), (x_test, y_test) = module.load_data()
    # Keras raises a bare Exception where a download fails, others where the cached file is broken.
    except Exception as error:
        also = f", or name a file with {CIFAR10_VARIABLE}" if name == "cifar10" else ""
        raise DataError(
            f"cannot get {name} from keras.datasets: {' '.join(str(error).split())}; connect to "
            "the internet, or pass the data as an .npz (the data set digits needs no download)"
            f"{also}"
        ) from error
    return Dataset(
        x_train=_with_channel(x_train),
        y_train=integer_labels(np.asarray(y_train), where=f"y_train of {name}"),
        x_test=_with_channel(x_test),
        y_test=integer_labels(np.asarray(y_test), where=f"y_test of {name}"),
        x_val=None,
        y_val=None,
        class_names=_CLASS_NAMES[name],
        source=name,
    )


def _with_channel(images: np.ndarray) -> np.ndarray:
    return images if images.ndim == 4 else images[..., None]


_WANTED: dict[LabelForm, str] = {
    "flags": "several labels for each, 0 or 1: pass an .npz with rows of them (y_train, y_test)",
    "numbers": "numbers to predict: pass an .npz with them (y_train, y_test)",
    "masks": "a mask for each: pass an .npz with masks (y_train, y_test), or a folder that has "
    "images/ and masks/",
}

_NAMED: dict[str, Callable[[], Dataset]] = {
    "cifar10": load_cifar10,
    "fashion_mnist": partial(load_keras, "fashion_mnist"),
    "mnist": partial(load_keras, "mnist"),
    "digits": load_digits,
}

DATASET_NAMES = tuple(_NAMED)


def load_dataset(
    spec: Given,
    *,
    image_shape: tuple[int | None, int | None, int | None] | None = None,
    choose_shape: ShapeChoice | None = None,
    choose_form: FormChoice = as_classes,
    inputs: Sequence[ModelInput] = (),
) -> Dataset:
    """Loads and validates a data set.

    Args:
        spec: A text or path: `cifar10`, `fashion_mnist`, `mnist` or `digits`; the path of an
            `.npz` file, of a folder of class folders of images, or of images/ and masks/, of a
            CSV file that names images, or of a cifar-10-batches-py folder; `module:function` or
            `file.py:function`, whose function gives arrays, datasets or iterables. Or these
            themselves, see `load_given`; or what was handed over from Python.
        image_shape: Height, width and channels that images of a folder are converted to; None
            leaves the choice to the folder. Other sources stay as they are.
        choose_shape: Goes before `image_shape`: says the same of a folder when its images' own
            sizes are known.
        choose_form: Says what the labels are, from those of the training samples as they are
            stored, or from None where there are none; it is called once.
        inputs: The model's. Where there are several, only an `.npz` has an array for each.

    Returns:
        A data set that `validate_dataset` accepts.

    Raises:
        DataError: If there is no such data, or it cannot be used.
    """
    if choose_shape is None:
        choose_shape = partial(shape_for_model, wanted=image_shape or (None, None, None))
    source = "the data given"
    if isinstance(spec, HandedOver):
        source, spec = str(spec), spec.value
    if not isinstance(spec, str | Path):
        dataset = load_given(spec, choose_form, source=source, inputs=inputs)
    elif is_function(str(spec)):
        with called_function(str(spec)) as given:
            dataset = load_given(given, choose_form, source=str(spec), inputs=inputs)
    elif len(inputs) > 1:
        dataset = _load_inputs(str(spec), inputs, choose_form)
    else:
        dataset = _load(str(spec), choose_shape, choose_form, inputs)
    validate_dataset(dataset)
    return dataset


def is_function(spec: str) -> bool:
    """Whether a text names a function, and no file has that name."""
    return names_function(spec) and not _is_there(spec)


def _is_there(spec: str) -> bool:
    try:
        return Path(spec).expanduser().exists()
    except (OSError, ValueError):
        return False


def require_named(spec: str) -> None:
    """Refuses data that are not there, before anything that takes seconds.

    Raises:
        DataError: If there is neither a data set nor a file or folder of that name.
    """
    if is_function(spec):
        require_function_file(spec)
        return
    path = Path(spec).expanduser()
    try:
        there = spec in _NAMED or path.is_dir() or path.is_file()
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read the data {spec!r}: {error}; {_accepted()}") from error
    if not there:
        raise _unusable(spec, "there is no such name, file or folder")


def _load(
    spec: str,
    choose_shape: ShapeChoice,
    choose_form: FormChoice,
    inputs: Sequence[ModelInput],
) -> Dataset:
    if spec in _NAMED:
        return _in_form(_NAMED[spec](), choose_form)
    require_named(spec)
    path = Path(spec).expanduser()
    try:
        if path.is_dir():
            if is_cifar_batches(path):
                return _in_form(load_cifar_batches(path), choose_form)
            if has_masks(path):
                return load_mask_folder(path, choose_shape=choose_shape, choose_form=choose_form)
            if is_unlabelled(path) and choose_form(None) == "none":
                return load_unlabelled(path, choose_shape=choose_shape)
            loaded = load_image_folder(path, choose_shape=choose_shape)
            return _in_form(loaded, choose_form)
        if path.suffix.lower() == ".npz":
            return load_npz(path, choose_form=choose_form)
        if path.suffix.lower() in CSV_SUFFIXES:
            return load_csv(path, choose_shape=choose_shape, choose_form=choose_form)
        if path.suffix.lower() in DESCRIPTION_SUFFIXES:
            return load_records(
                path, choose_shape=choose_shape, choose_form=choose_form, inputs=inputs
            )
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read the data {spec!r}: {error}; {_accepted()}") from error
    raise _unusable(spec, "it is no .npz, .csv or .yaml file")


def _unusable(spec: str, fault: str) -> DataError:
    near = difflib.get_close_matches(spec.lower(), DATASET_NAMES, n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return DataError(f"cannot use the data {spec!r}: {fault}; {guess}{_accepted()}")


def _in_form(data: Dataset, choose_form: FormChoice) -> Dataset:
    """Data of classes, with its labels left out where none are wanted.

    Raises:
        DataError: If labels of another form are wanted.
    """
    form = choose_form(data.y_train)
    if form == "classes":
        return data
    if form != "none":
        raise DataError(f"{data.source} has one class for each image; expected {_WANTED[form]}")
    unlabelled = data.mapped(labels=lambda each: as_form(each, form, where="labels"))
    return replace(unlabelled, class_names=(), order_known=True, form=form)


def _load_inputs(spec: str, inputs: Sequence[ModelInput], choose_form: FormChoice) -> Dataset:
    path = Path(spec).expanduser()
    if path.suffix.lower() == ".npz" and path.is_file():
        return load_npz_inputs(path, inputs, choose_form=choose_form)
    named = ", ".join(f"{each.name} {shape_text(each.shape)}" for each in inputs)
    raise DataError(
        f"cannot use the data {spec!r}: the model has {len(inputs)} inputs ({named}), and "
        f"{'there is no such file' if path.suffix.lower() == '.npz' else 'only an .npz holds them'}"
        f"; expected the path of an .npz file with arrays such as x_train_{inputs[0].name}, "
        f"x_test_{inputs[0].name}, y_train and y_test"
    )


def _accepted() -> str:
    return (
        f"expected {', '.join(DATASET_NAMES)}, or the path of an .npz file (x_train, y_train, "
        "x_test, y_test), a folder of class folders of images, or of images/ and masks/, a "
        "CSV file of image files and labels, or a cifar-10-batches-py folder, or module:function"
    )
