"""From what a user writes after `--data` to a data set."""

import difflib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from prune_mi.data.cifar_batches import is_cifar_batches, load_cifar_batches
from prune_mi.data.dataset import Dataset, validate_dataset
from prune_mi.data.fit_to_model import ModelInput, shape_text
from prune_mi.data.image_folder import ShapeChoice, load_image_folder, shape_for_model
from prune_mi.data.named import load_cifar10, load_digits, load_keras
from prune_mi.data.npz_file import load_npz, load_npz_inputs
from prune_mi.errors import DataError

_NAMED: dict[str, Callable[[], Dataset]] = {
    "cifar10": load_cifar10,
    "fashion_mnist": partial(load_keras, "fashion_mnist"),
    "mnist": partial(load_keras, "mnist"),
    "digits": load_digits,
}

DATASET_NAMES = tuple(_NAMED)


def load_dataset(
    spec: str,
    *,
    image_shape: tuple[int | None, int | None, int | None] | None = None,
    choose_shape: ShapeChoice | None = None,
    inputs: Sequence[ModelInput] = (),
) -> Dataset:
    """Loads and validates a data set.

    Args:
        spec: `cifar10`, `fashion_mnist`, `mnist` or `digits`; or the path of an `.npz` file, of a
            folder of class folders of images, or of a cifar-10-batches-py folder.
        image_shape: Height, width and channels that images of a folder are converted to; None
            leaves the choice to the folder. Other sources stay as they are.
        choose_shape: Goes before `image_shape`: says the same of a folder when its images' own
            sizes are known.
        inputs: The model's. Where there are several, only an `.npz` has an array for each.

    Returns:
        A data set that `validate_dataset` accepts.

    Raises:
        DataError: If there is no such data, or it cannot be used.
    """
    if choose_shape is None:
        choose_shape = partial(shape_for_model, wanted=image_shape or (None, None, None))
    dataset = _load_inputs(spec, inputs) if len(inputs) > 1 else _load(spec, choose_shape)
    validate_dataset(dataset)
    return dataset


def require_named(spec: str) -> None:
    """Refuses data that are not there, before anything that takes seconds.

    Raises:
        DataError: If there is neither a data set nor a file or folder of that name.
    """
    path = Path(spec).expanduser()
    try:
        there = spec in _NAMED or path.is_dir() or path.is_file()
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read the data {spec!r}: {error}; {_accepted()}") from error
    if not there:
        raise _unusable(spec, "there is no such name, file or folder")


def _load(spec: str, choose_shape: ShapeChoice) -> Dataset:
    if spec in _NAMED:
        return _NAMED[spec]()
    require_named(spec)
    path = Path(spec).expanduser()
    try:
        if path.is_dir():
            if is_cifar_batches(path):
                return load_cifar_batches(path)
            return load_image_folder(path, choose_shape=choose_shape)
        if path.suffix.lower() == ".npz":
            return load_npz(path)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read the data {spec!r}: {error}; {_accepted()}") from error
    raise _unusable(spec, "it is not an .npz file")


def _unusable(spec: str, fault: str) -> DataError:
    near = difflib.get_close_matches(spec.lower(), DATASET_NAMES, n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return DataError(f"cannot use the data {spec!r}: {fault}; {guess}{_accepted()}")


def _load_inputs(spec: str, inputs: Sequence[ModelInput]) -> Dataset:
    path = Path(spec).expanduser()
    if path.suffix.lower() == ".npz" and path.is_file():
        return load_npz_inputs(path, inputs)
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
        "x_test, y_test), a folder of class folders of images, or a cifar-10-batches-py folder"
    )
