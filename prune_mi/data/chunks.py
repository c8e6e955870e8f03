"""Arrays read a few rows at a time, so that those that do not fit in memory can be read at all."""

from collections.abc import Iterator

import numpy as np

# Bounds the temporaries of what is computed on all images, in pixels.
_CHUNK_PIXELS = 1 << 22


def chunks(images: np.ndarray) -> Iterator[np.ndarray]:
    """Some images at a time, in order, at least one each; there is one or more."""
    step = max(1, _CHUNK_PIXELS // images[0].size)
    for start in range(0, len(images), step):
        yield images[start : start + step]
