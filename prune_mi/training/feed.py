"""Batches for training: shuffled, augmented, scaled, made ahead of the step that takes them."""

import math
from dataclasses import dataclass

import keras
import numpy as np

from prune_mi.data import AugmentationPolicy, InputScaling


@dataclass(frozen=True, slots=True)
class TrainingImages:
    """What a training draws from.

    Attributes:
        images: Raw pixels `(n, ...)`; may be memory-mapped.
        targets: float `(n, ...)`, whatever the loss takes.
        scaling: Applied to each batch.
        augmentation: Applied to each batch after scaling.
    """

    images: np.ndarray
    targets: np.ndarray
    scaling: InputScaling
    augmentation: AugmentationPolicy


class Feed(keras.utils.PyDataset):
    """`num_batches` batches in a row; every epoch is shuffled anew from the seed."""

    def __init__(
        self, source: TrainingImages, *, batch_size: int, num_batches: int, seed: int
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=8)
        self._source = source
        self.batch_size = min(batch_size, len(source.images))
        self._num_batches = num_batches
        self._seed = seed
        self._epoch = -1
        self._order = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return self._num_batches

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch `index`, the same whenever it is asked for."""
        per_epoch = max(1, len(self._source.images) // self.batch_size)
        epoch, place = divmod(index, per_epoch)
        if epoch != self._epoch:
            order_rng = np.random.default_rng((self._seed, epoch))
            self._order = order_rng.permutation(len(self._source.images))
            self._epoch = epoch
        rows = np.sort(self._order[place * self.batch_size : (place + 1) * self.batch_size])
        rng = np.random.default_rng((self._seed, epoch, place + 1))
        policy = self._source.augmentation
        images = self._source.scaling.apply(np.asarray(self._source.images[rows]))
        return policy.apply(images, rng=rng), self._source.targets[rows]


def num_batches_for(num_images: int, batch_size: int) -> int:
    """Batches that show at least one and about `num_images` images."""
    return max(1, math.ceil(num_images / batch_size))
