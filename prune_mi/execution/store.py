"""Where arrays lie that calls read: put by the parent, got by name in whatever process they run.

A store is pickled with each call, and then holds the versions that were there at that moment.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np

from prune_mi.data import AugmentationPolicy, InputScaling
from prune_mi.tasks.judge import Judge


class Store(Protocol):
    """Arrays by name; putting one again makes another version of it."""

    def put(self, name: str, array: np.ndarray) -> None:
        """Makes an array known to calls that are submitted from now on.

        The version before the last one is forgotten.
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

    Args:
        folder: Is there already; `put` writes into it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._versions: dict[str, int] = {}

    def put(self, name: str, array: np.ndarray) -> None:
        version = self._versions.get(name, 0) + 1
        path = self._path(name, version)
        fresh = path.with_suffix(".new.npy")
        np.save(fresh, array, allow_pickle=False)
        os.replace(fresh, path)
        self._versions[name] = version
        with suppress(OSError):  # Windows keeps what is still mapped
            self._path(name, version - 2).unlink(missing_ok=True)

    def get(self, name: str) -> np.ndarray:
        return _opened(self._path(name, self._versions[name]))

    def drop(self, name: str) -> None:
        with suppress(OSError):
            self._path(name, self._versions[name]).unlink(missing_ok=True)

    def _path(self, name: str, version: int) -> Path:
        return self._folder / f"{name}.{version}.npy"


@lru_cache(maxsize=32)
def _opened(path: Path) -> np.ndarray:
    array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


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
