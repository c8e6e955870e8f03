"""Where arrays lie that calls read: put by the parent, got by name in whatever process they run.

A store is pickled with each call, and then holds the versions that were there at that moment.
"""

import os
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np

from prune_mi.data import AugmentationPolicy, InputScaling
from prune_mi.data.chunks import FilePart, chunks, file_part, forget
from prune_mi.tasks.judge import Judge

_MOST_OPEN = 32


class Store(Protocol):
    """Arrays by name; putting one again makes another version of it."""

    def put(self, name: str, array: np.ndarray, rows: np.ndarray | None = None) -> None:
        """Makes an array known to calls that are submitted from now on.

        The version before the last one is forgotten.

        Args:
            name: Of the array.
            array: `(N, ...)`; may be larger than memory.
            rows: Which rows of it, int `(n,)`, in their order; None: all.
        """

    def get(self, name: str) -> np.ndarray:
        """The array's version of when this store was pickled, or the last one.

        Raises:
            KeyError: If nothing was put under that name.
        """

    def drop(self, name: str) -> None:
        """Forgets an array; nothing may be under way that reads it."""


class FolderStore:
    """A store on a disk that all processes see: `.npy` files, memory-mapped.

    An array that is mapped from a file already is read from there and not copied.

    Args:
        folder: Is there already; `put` writes into it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._versions: dict[str, int] = {}
        self._elsewhere: dict[str, FilePart] = {}

    def put(self, name: str, array: np.ndarray, rows: np.ndarray | None = None) -> None:
        version = self._versions.get(name, 0) + 1
        self._elsewhere.pop(name, None)
        part = file_part(array) if rows is None and array.size else None
        if part is not None:
            self._elsewhere[name] = part
            self._versions[name] = version
            return
        path = self._path(name, version)
        fresh = path.with_suffix(".new.npy")
        _write(fresh, array, rows)
        os.replace(fresh, path)
        self._versions[name] = version
        with suppress(OSError):  # Windows keeps what is still mapped
            self._path(name, version - 2).unlink(missing_ok=True)

    def get(self, name: str) -> np.ndarray:
        part = self._elsewhere.get(name)
        return _opened(self._path(name, self._versions[name]) if part is None else part)

    def drop(self, name: str) -> None:
        self._elsewhere.pop(name, None)
        with suppress(OSError):
            self._path(name, self._versions[name]).unlink(missing_ok=True)

    def _path(self, name: str, version: int) -> Path:
        return self._folder / f"{name}.{version}.npy"


def _write(path: Path, array: np.ndarray, rows: np.ndarray | None) -> None:
    """A `.npy` file of some rows of an array, which need not fit in memory."""
    count = len(array) if rows is None else len(rows)
    header = {
        "descr": np.lib.format.dtype_to_descr(array.dtype),
        "fortran_order": False,
        "shape": (count, *array.shape[1:]),
    }
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for chunk in chunks(array, rows) if count and array.size else ():
            file.write(np.ascontiguousarray(chunk).tobytes())


@lru_cache(maxsize=_MOST_OPEN)
def _opened(path: Path | FilePart) -> np.ndarray:
    if isinstance(path, FilePart):
        array = path.mapped()
    else:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    _LATELY.append(array)
    return array


_LATELY: deque[np.ndarray] = deque(maxlen=_MOST_OPEN)


def forget_mapped() -> None:
    """Gives back the memory of all arrays that this process has read from stores."""
    for array in _LATELY:
        forget(array)


@dataclass(frozen=True, slots=True)
class SharedData:
    """Where the arrays lie, and how images are fed.

    Attributes:
        store: Holds `train_images` and `train_targets`, `val_images` and `val_truth`,
            `ranking_images`, `ranking_truth` and `ranking_groups`, and what a model is to be
            asked about.
        scaling: The model's input scaling.
        screening_images: The first validation images, which untrained children are scored on.
        calibration_images: The first training images, for batch-norm statistics.
        calibration: How these are varied.
        judge: Judges their answers.
    """

    store: Store
    scaling: InputScaling
    screening_images: int
    calibration_images: int
    calibration: AugmentationPolicy
    judge: Judge

    def load(self, name: str) -> np.ndarray:
        """One array; it must not be written to."""
        return self.store.get(name)
