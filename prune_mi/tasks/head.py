"""The output that is judged, and where it lies in what a packed graph yields."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Head:
    """The judged output.

    Attributes:
        shape: Of one sample: `(classes,)`, `(labels,)`, `(numbers,)`, `(height, width, classes)`.
            One unit that tells two classes apart has the shape `(2,)`.
        from_logits: Whether it yields logits.
    """

    shape: tuple[int, ...]
    from_logits: bool = False

    @property
    def size(self) -> int:
        """Values of one sample."""
        return math.prod(self.shape)

    @property
    def is_spatial(self) -> bool:
        """Whether there is an answer for each pixel."""
        return len(self.shape) > 1

    def of(self, outputs: np.ndarray) -> np.ndarray:
        """The judged output's part of what a packed graph yields, `(n, *shape)`.

        Args:
            outputs: `(n, columns)`, its columns first; or `(n, *shape)` already.
        """
        if not self.is_spatial:
            return outputs[:, : self.size]
        return outputs.reshape(len(outputs), -1)[:, : self.size].reshape(-1, *self.shape)
