"""Batches for training: shuffled, augmented, scaled, made ahead of the step that takes them."""

import math
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from prune_mi.data import AugmentationPolicy, InputScaling
from prune_mi.data.chunks import FEW_ROWS, LARGE, forget

_T = TypeVar("_T")
_AHEAD = 4


@dataclass(frozen=True, slots=True)
class TrainingImages:
    """What a training draws from.

    Attributes:
        images: Raw pixels `(n, ...)`; may be memory-mapped.
        targets: float `(n, ...)`, whatever the loss takes.
        scaling: Applied to each batch.
        augmentation: Applied to each batch after scaling.
        targets_move: Whether targets are maps that are turned and shifted with their images.
    """

    images: np.ndarray
    targets: np.ndarray
    scaling: InputScaling
    augmentation: AugmentationPolicy
    targets_move: bool = False


class Feed:
    """`num_batches` batches in a row, none larger than the source; every epoch is shuffled anew."""

    def __init__(
        self, source: TrainingImages, *, batch_size: int, num_batches: int, seed: int
    ) -> None:
        self._source = source
        self.batch_size = batch_size
        self._num_batches = num_batches
        self._seed = seed
        self._epoch = -1
        self._read_rows = 0
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
        raw = np.asarray(self._source.images[rows])
        images = self._source.scaling.apply(raw)
        self._read_rows += len(rows)
        if self._source.images.nbytes > LARGE and self._read_rows >= FEW_ROWS:
            forget(self._source.images)
            self._read_rows = 0
        targets = self._source.targets[rows]
        if self._source.targets_move:
            if targets.shape[1:3] != images.shape[1:3]:  # pixels of other sizes
                policy = replace(policy, max_shift=0)
            same = np.random.default_rng((self._seed, epoch, place + 1))
            targets = replace(policy, fill="edge").apply(targets, rng=same)
        return policy.apply(images, rng=rng), targets

    def stacked(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Batches `start` to `stop`, each array with an axis for them in front."""
        images, targets = zip(*(self[index] for index in range(start, stop)), strict=True)
        return np.stack(images), np.stack(targets)


def made_ahead(make: Callable[[int], _T], places: range) -> Generator[_T, None, None]:
    """`make(place)` of each place in order, a few of them ahead, in a thread of its own.

    Close the iterator where it is left early: that ends the thread.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as thread:
        waiting: deque[Future[_T]] = deque()
        try:
            for index in places:
                waiting.append(thread.submit(make, index))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            thread.shutdown(cancel_futures=True)


def num_batches_for(num_images: int, batch_size: int) -> int:
    """Batches that show at least one and about `num_images` images."""
    return max(1, math.ceil(num_images / batch_size))
