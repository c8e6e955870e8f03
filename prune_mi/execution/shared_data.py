"""What every child process reads, and how."""

from dataclasses import dataclass

import numpy as np

from prune_mi.config import Metric
from prune_mi.data import AugmentationPolicy, InputScaling
from prune_mi.execution.store import Store


@dataclass(frozen=True, slots=True)
class SharedData:
    """Where the arrays lie, and how images are fed.

    Attributes:
        store: Holds `train_images` and `train_targets`, `val_images` and `val_labels`,
            `ranking_images` and `ranking_labels`, and what a model is to be asked about.
        scaling: The model's input scaling.
        screening_images: The first validation images, which untrained children are scored on.
        calibration_images: The first training images, for batch-norm statistics.
        calibration: How these are varied.
        num_classes: Classes, the first columns of a model's output.
        metric: What models are scored by.
    """

    store: Store
    scaling: InputScaling
    screening_images: int
    calibration_images: int
    calibration: AugmentationPolicy
    num_classes: int
    metric: Metric = "accuracy"

    def load(self, name: str) -> np.ndarray:
        """One array; it must not be written to."""
        return self.store.get(name)
