"""Arrays that every child process reads: written once, memory-mapped everywhere."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from prune_mi.data import AugmentationPolicy, InputScaling


@dataclass(frozen=True, slots=True)
class SharedData:
    """Where the arrays lie, and how images are fed.

    Attributes:
        folder: Holds `train_images`, `train_targets`, `val_images`, `val_labels` as `.npy`.
        scaling: The model's input scaling.
        augmentation: For training.
        num_classes: Number of classes.
        screening_images: The first validation images, which untrained children are scored on.
        calibration_images: The first training images, for batch-norm statistics.
    """

    folder: Path
    scaling: InputScaling
    augmentation: AugmentationPolicy
    num_classes: int
    screening_images: int
    calibration_images: int

    def load(self, name: str) -> np.ndarray:
        """One array, memory-mapped; opened once a process."""
        return _open(self.folder / f"{name}.npy")


def write_shared(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes arrays for `SharedData.load`."""
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)


@lru_cache(maxsize=32)
def _open(path: Path) -> np.ndarray:
    array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return array
