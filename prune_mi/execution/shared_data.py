"""Arrays that every child process reads: written once, memory-mapped everywhere."""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from prune_mi.data import AugmentationPolicy, InputScaling


@dataclass(frozen=True, slots=True)
class SharedData:
    """Where the arrays lie, and how images are fed.

    Attributes:
        folder: Holds arrays as `.npy`: `train_images` and `train_targets`, `val_images` and
            `val_labels`, `ranking_images` and `ranking_labels`, and what a model is to be asked
            about.
        scaling: The model's input scaling.
        screening_images: The first validation images, which untrained children are scored on.
        calibration_images: The first training images, for batch-norm statistics.
        calibration: How these are varied.
        num_classes: Classes, the first columns of a model's output.
    """

    folder: Path
    scaling: InputScaling
    screening_images: int
    calibration_images: int
    calibration: AugmentationPolicy
    num_classes: int

    def load(self, name: str) -> np.ndarray:
        """One array, memory-mapped; opened once a process and version."""
        path = self.folder / f"{name}.npy"
        return _open(path, path.stat().st_mtime_ns)


def write_shared(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes arrays for `SharedData.load`."""
    for name, array in arrays.items():
        fresh = folder / f"{name}.new.npy"
        np.save(fresh, array, allow_pickle=False)
        os.replace(fresh, folder / f"{name}.npy")  # workers may still map the old one


@lru_cache(maxsize=32)
def _open(path: Path, version: int) -> np.ndarray:
    array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return array
