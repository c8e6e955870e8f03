"""A data set in one `.npz` file."""

import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from prune_mi.data.dataset import Dataset
from prune_mi.data.labels import integer_labels, label_notes
from prune_mi.errors import DataError

_REQUIRED = ("x_train", "y_train", "x_test", "y_test")
_OPTIONAL = ("x_val", "y_val")

# What people call such arrays, by the words of a name.
_WORD = re.compile(r"[a-z]+")
_CAMEL = re.compile(r"([a-z])([A-Z])")
_MEANING = {
    word: meaning
    for meaning, words in {
        "x": "x image images img imgs data feature features input inputs",
        "y": "y label labels lbl target targets class classes",
        "train": "train training tr",
        "test": "test testing te",
    }.items()
    for word in words.split()
}


def load_npz(path: Path) -> Dataset:
    """Loads x_train, y_train, x_test, y_test and perhaps x_val, y_val.

    Nothing in the file is executed: pickled objects are refused.

    Args:
        path: Of the file. Images are `(N, H, W, C)` or `(N, H, W)`, other samples as the model
            takes them, `(N, ...)`; labels are integers or one-hot.

    Raises:
        DataError: If the file is not an `.npz` or is broken, an array is missing, or one is of
            the wrong type.
    """
    there = npz_names(path)
    missing = [name for name in _REQUIRED if name not in there]
    if missing:
        raise DataError(
            f"{path} lacks {', '.join(missing)}; it holds {', '.join(there) or 'no arrays'}; "
            f"expected {', '.join(_REQUIRED)} and perhaps {', '.join(_OPTIONAL)}: save it again "
            f"under these names{_likely_names(missing, there)}"
        )
    arrays = read_npz(path, lambda name: name in _REQUIRED + _OPTIONAL)
    if ("x_val" in arrays) != ("y_val" in arrays):
        alone = "x_val" if "x_val" in arrays else "y_val"
        raise DataError(
            f"{path} has only {alone}; expected both x_val and y_val, or neither: add the other"
        )
    images = {
        name: raw_images(array, where=f"{name} of {path}")
        for name, array in arrays.items()
        if name.startswith("x")
    }
    labels = {
        name: integer_labels(array, where=f"{name} of {path}")
        for name, array in arrays.items()
        if name.startswith("y")
    }
    return Dataset(
        x_train=images["x_train"],
        y_train=labels["y_train"],
        x_test=images["x_test"],
        y_test=labels["y_test"],
        x_val=images.get("x_val"),
        y_val=labels.get("y_val"),
        class_names=(),
        source=str(path),
        notes=label_notes(array for name, array in arrays.items() if name.startswith("y")),
        order_known=False,
        full_value=_full_value(arrays["x_train"], images["x_train"]),
    )


def _full_value(stored: np.ndarray, images: np.ndarray) -> float | None:
    """The value of a full-bright pixel, where the array's type says it: of 16 bits, unsigned."""
    return 65535.0 if stored.dtype == np.uint16 and images.dtype == np.float32 else None


def raw_images(images: np.ndarray, *, where: str) -> np.ndarray:
    """Brings pixels to one of the two types that data sets hold, values unchanged.

    Args:
        images: Numbers of any real type.
        where: How messages name the array.

    Returns:
        uint8 where the values are whole, typed as integers and within 0..255, else float32.

    Raises:
        DataError: If the array does not hold real numbers.
    """
    if images.dtype.kind not in "biuf":
        raise DataError(
            f"{where} holds {images.dtype} values; expected pixels, uint8 or float32: convert them"
        )
    if images.dtype in (np.uint8, np.float32):
        return images.astype(images.dtype.newbyteorder("="), copy=False)
    if images.dtype.kind != "f" and images.size and images.min() >= 0 and images.max() <= 255:
        return images.astype(np.uint8)
    # What overflows becomes infinite, which validation reports.
    with np.errstate(over="ignore"):
        return images.astype(np.float32)


def read_npz(path: Path, wanted: Callable[[str], bool]) -> dict[str, np.ndarray]:
    """The arrays whose names are wanted, by name; pickled objects are refused.

    Raises:
        DataError: If the file is not an `.npz`, is broken or does not fit in memory.
    """
    with _opened(path) as loaded:
        return {name: loaded[name] for name in loaded.files if wanted(name)}


def npz_names(path: Path) -> tuple[str, ...]:
    """The names of all arrays of an `.npz`, which are not read.

    Raises:
        DataError: If the file is not an `.npz` or is broken.
    """
    with _opened(path) as loaded:
        return tuple(loaded.files)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    hint = "expected an .npz that np.savez wrote: save it again, or fetch it again if downloaded"
    try:
        with warnings.catch_warnings():
            # Headers written by Python 2 need a second parse, which numpy warns of.
            warnings.simplefilter("ignore", UserWarning)
            # Opened here: numpy leaves files that turn out broken open.
            with path.open("rb") as file:
                loaded = np.load(file, allow_pickle=False)
                if not isinstance(loaded, np.lib.npyio.NpzFile):
                    raise DataError(f"{path} holds a single array; {hint}")
                yield loaded
    except MemoryError as error:
        raise DataError(f"{path} does not fit in memory: pass fewer or smaller images") from error
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError) as error:
        raise DataError(f"cannot read {path}: {_first_line(error)}; {hint}") from error
    except (zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is a broken zip: {_first_line(error)}; {hint}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _likely_names(missing: Sequence[str], there: Sequence[str]) -> str:
    """What the missing arrays may be called, and the line that renames them; may be empty."""
    likely = {name: found for name in missing if (found := _likely(name, there))}
    if not likely:
        return ""
    kept = [name for name in _REQUIRED if name in there]
    renamed = ", ".join(f"{new}=old[{old!r}]" for new, old in likely.items())
    same = "".join(f", {name}=old[{name!r}]" for name in kept)
    return f". Probably: old = np.load('old.npz'); np.savez('new.npz', {renamed}{same})"


def _likely(wanted: str, there: Sequence[str]) -> str | None:
    """The one array that is probably meant by a name such as x_train."""
    kind, split = wanted.split("_")
    found = [
        name
        for name in there
        if name not in _REQUIRED + _OPTIONAL
        and {_MEANING.get(word) for word in _WORD.findall(_CAMEL.sub(r"\1_\2", name).lower())}
        == {kind, split}
    ]
    return found[0] if len(found) == 1 else None
