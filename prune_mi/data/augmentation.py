"""Random flips and shifts of image batches."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

Fill = Literal["edge", "zero"]


@dataclass(frozen=True, slots=True)
class AugmentationPolicy:
    """Which augmentation a training uses.

    Attributes:
        flip: Whether images are mirrored left and right.
        max_shift: Pixels at most that they are shifted by, both ways and both axes, drawn
            uniformly; 0 shifts nothing.
        fill: What a shift uncovers in the scaled image: `edge` repeats its edge, `zero` is 0.
    """

    flip: bool
    max_shift: int
    fill: Fill = "edge"

    @property
    def name(self) -> str:
        """`none`, `flip`, `shift` or `flip+shift`."""
        return "+".join([*["flip"] * self.flip, *["shift"] * (self.max_shift > 0)]) or "none"

    @classmethod
    def parse(cls, name: str, height: int) -> Self:
        """Makes the policy that a name stands for.

        Args:
            name: `none`, `flip`, `shift` or `flip+shift`.
            height: Of the images, in pixels; shifts reach an eighth of it, as the usual 4 of 32.
                Images under 8 pixels are too small to shift.

        Raises:
            ValueError: If the name is unknown.
        """
        known = ("none", "flip", "shift", "flip+shift")
        if name not in known:
            raise ValueError(f"augmentation is {name!r}; expected one of {', '.join(known)}")
        return cls(flip="flip" in name, max_shift=height // 8 if "shift" in name else 0)

    def apply(self, batch: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
        """Mirrors each image with probability 1/2 and shifts it, each image on its own.

        Args:
            batch: Images `(N, H, W, C)` or `(N, H, W)`, any dtype.
            rng: Draws the flips and the shifts.

        Returns:
            A batch of the same shape and dtype; `batch` itself, of whatever shape, where there is
            nothing to do.

        Raises:
            ValueError: If `max_shift` is negative or `batch` has another rank.
        """
        if self.max_shift < 0:
            raise ValueError(f"max_shift is {self.max_shift}; expected pixels, at least 0")
        if not (self.flip or self.max_shift):
            return batch
        if batch.ndim not in (3, 4):
            raise ValueError(
                f"batch has the shape {batch.shape}; expected (N, H, W, C) or (N, H, W)"
            )
        if batch.size == 0:
            return batch
        num, height, width = batch.shape[:3]
        rows = np.broadcast_to(np.arange(height), (num, height))
        columns = np.broadcast_to(np.arange(width), (num, width))
        uncovered = None
        if self.max_shift:
            shifts = rng.integers(-self.max_shift, self.max_shift + 1, size=(2, num, 1))
            moved_rows, moved_columns = rows + shifts[0], columns + shifts[1]
            rows, columns = np.clip(moved_rows, 0, height - 1), np.clip(moved_columns, 0, width - 1)
            if self.fill == "zero":
                outside = (rows != moved_rows)[:, :, None], (columns != moved_columns)[:, None, :]
                uncovered = outside[0] | outside[1]
        if self.flip:
            mirrored = rng.random((num, 1)) < 0.5
            columns = np.where(mirrored, width - 1 - columns, columns)
        # One gather over whole pixels: index of pixel (row, column) of image n in the flat batch.
        first = np.arange(num)[:, None] * height
        pixels = (first + rows)[:, :, None] * width + columns[:, None, :]
        flat = batch.reshape(-1, *batch.shape[3:])
        augmented: np.ndarray = np.take(flat, pixels.ravel(), axis=0).reshape(batch.shape)
        if uncovered is not None:
            augmented[uncovered] = 0
        return augmented


NOT_VARIED = AugmentationPolicy(flip=False, max_shift=0)
