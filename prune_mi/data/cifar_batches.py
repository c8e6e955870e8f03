"""The `cifar-10-batches-py` folder, read without trusting its pickles.

A pickle can call any function it names. These files need four names, so only four are known here,
and each is a stand-in written in Python: not even numpy's own constructors are handed
untrusted state.

References:
    Krizhevsky, Learning multiple layers of features from tiny images (2009);
    https://www.cs.toronto.edu/~kriz/cifar.html describes the files.
"""

import pickle
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from prune_mi.data.dataset import Dataset
from prune_mi.errors import DataError

_TRAIN = tuple(f"data_batch_{index}" for index in range(1, 6))
_TEST = "test_batch"
_META = "batches.meta"
_PIXELS = 3 * 32 * 32


def is_cifar_batches(folder: Path) -> bool:
    """Whether a folder looks like `cifar-10-batches-py`, complete or not."""
    return any((folder / name).is_file() for name in (*_TRAIN, _TEST, _META))


def load_cifar_batches(folder: Path) -> Dataset:
    """Loads the official Python version of CIFAR-10.

    Args:
        folder: With data_batch_1 to data_batch_5, test_batch and batches.meta.

    Returns:
        uint8 images `(N, 32, 32, 3)`, in the files' order.

    Raises:
        DataError: If a file is missing, is broken, or asks for anything but arrays and plain
            containers.
    """
    missing = [name for name in (*_TRAIN, _TEST, _META) if not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"{folder} lacks {', '.join(missing)}; expected the whole cifar-10-batches-py folder: "
            "unpack cifar-10-python.tar.gz again"
        )
    train = [_load_batch(folder / name) for name in _TRAIN]
    x_test, y_test = _load_batch(folder / _TEST)
    return Dataset(
        x_train=np.concatenate([images for images, _ in train]),
        y_train=np.concatenate([labels for _, labels in train]),
        x_test=x_test,
        y_test=y_test,
        x_val=None,
        y_val=None,
        class_names=_load_class_names(folder / _META),
        source=str(folder),
    )


def _load_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    content = _unpickle(path)
    data, labels = content.get(b"data"), content.get(b"labels")
    if not isinstance(data, _PickledArray) or not isinstance(labels, list):
        raise DataError(
            f"{path} has no array `data` with a list `labels`; expected CIFAR-10's own batches: "
            "unpack cifar-10-python.tar.gz again"
        )
    rows = data.pixels
    if rows is None or rows.ndim != 2 or rows.shape[1] != _PIXELS or len(rows) != len(labels):
        shape = None if rows is None else rows.shape
        raise DataError(
            f"{path} has data of the shape {shape} and {len(labels)} labels; expected "
            f"uint8 (N, {_PIXELS}) and N labels: unpack cifar-10-python.tar.gz again"
        )
    wrong = [label for label in labels if not (isinstance(label, int) and 0 <= label <= 9)]
    if wrong:
        raise DataError(
            f"{path} has the label {str(wrong[0])[:40]}; expected whole numbers from 0 to 9: "
            "unpack cifar-10-python.tar.gz again"
        )
    # A row is the red plane, then green, then blue.
    images = np.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    return images, np.asarray(labels, dtype=np.int64)


def _load_class_names(path: Path) -> tuple[str, ...]:
    names = _unpickle(path).get(b"label_names")
    if not isinstance(names, list) or not all(isinstance(name, bytes | str) for name in names):
        raise DataError(
            f"{path} has no list `label_names`; expected CIFAR-10's own batches.meta: unpack "
            "cifar-10-python.tar.gz again"
        )
    return tuple(
        name.decode("utf-8", "replace") if isinstance(name, bytes) else name for name in names
    )


class _PickledArray:
    """Stands in for a numpy array of bytes under construction."""

    def __init__(self, *_: object) -> None:
        self.pixels: np.ndarray | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran_order, content = state
        if not (isinstance(dtype, _PickledDtype) and dtype.code == "u1"):
            raise pickle.UnpicklingError("an array is not of type uint8")
        if not isinstance(content, bytes):
            raise pickle.UnpicklingError("an array's content is not bytes")
        flat = np.frombuffer(content, np.uint8)
        self.pixels = flat.reshape(shape, order="F" if fortran_order is True else "C")


class _PickledDtype:
    """Stands in for a numpy dtype; its state, byte order and the like, is of no use to bytes."""

    def __init__(self, code: object, *_: object) -> None:
        self.code = code.decode("latin1") if isinstance(code, bytes) else code

    def __setstate__(self, state: object) -> None: ...


class _Latin1(bytes):
    """Stands in for `codecs.encode`, by which Python 3 writes bytes in protocol 2."""

    def __new__(cls, text: str, encoding: str | bytes) -> Self:
        if encoding not in ("latin1", b"latin1"):
            raise pickle.UnpicklingError(f"text is encoded as {encoding!r}, not latin1")
        return super().__new__(cls, text.encode("latin1"))

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("bytes have no state")


# Classes with a `__setstate__`, every one: on other things a pickle may set any attribute.
_KNOWN_NAMES: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _PickledArray,
    ("numpy._core.multiarray", "_reconstruct"): _PickledArray,
    ("numpy", "ndarray"): _PickledArray,
    ("numpy", "dtype"): _PickledDtype,
    ("_codecs", "encode"): _Latin1,
}


class _Unpickler(pickle.Unpickler):
    """Knows the names that CIFAR-10's files need and no other."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="bytes")

    def find_class(self, module: str, name: str) -> Any:
        """Refuses every name that is not known."""
        try:
            return _KNOWN_NAMES[module, name]
        except KeyError:
            raise DataError(
                f"it asks for {module}.{name}, which CIFAR-10's files never do and hostile ones may"
            ) from None


def _unpickle(path: Path) -> dict[Any, Any]:
    hint = "unpack cifar-10-python.tar.gz from its official source again"
    try:
        with path.open("rb") as file:
            content = _Unpickler(file).load()
    except DataError as error:
        raise DataError(f"{path} is refused: {error}; {hint}") from error
    # A broken or hostile pickle can make the machine raise nearly anything.
    except Exception as error:
        raise DataError(f"cannot read {path}: {error or type(error).__name__}; {hint}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds a {type(content).__name__}; expected a dictionary: {hint}")
    # Files pickled anew by Python 3 have text keys.
    return {
        key.encode("utf-8", "replace") if isinstance(key, str) else key: value
        for key, value in content.items()
    }
