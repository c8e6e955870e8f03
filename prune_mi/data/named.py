"""The data sets that have a name."""

import importlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from prune_mi.data.cifar_batches import is_cifar_batches, load_cifar_batches
from prune_mi.data.dataset import Dataset
from prune_mi.data.labels import integer_labels
from prune_mi.data.npz_file import load_npz
from prune_mi.data.splits import stratified_split
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
