"""Arrays read a few rows at a time, so that those that do not fit in memory can be read at all.

What is read of an array that is mapped from a file stays in memory until something else needs the
room, and counts as the process's own. `forget` gives it back at once.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

LARGE = 1 << 28
"""Bytes of an array above which it is worth while to forget what was read of it."""

FEW_ROWS = 256
"""Rows here and there in a mapped file, after which it is forgotten: with each one the system maps
what lies around it too, a quarter of a MiB or so."""

# Bounds the temporaries of what is computed on all images, in pixels.
_CHUNK_PIXELS = 1 << 22


def chunks(images: np.ndarray, rows: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """Some images at a time, in order, at least one each; there is one or more.

    Args:
        images: `(N, ...)`; of one that is mapped from a file, what was read is forgotten again.
        rows: Which of them, int `(n,)`, in their order; None: all.
    """
    step = max(1, _CHUNK_PIXELS // max(1, images[0].size))
    if rows is not None and is_mapped(images):
        step = min(step, FEW_ROWS)
    for start in range(0, len(images) if rows is None else len(rows), step):
        yield images[start : start + step] if rows is None else images[rows[start : start + step]]
        forget(images)


def taken(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Some rows of an array, `(n, ...)`, in memory; no more of a mapped file than these stays."""
    if not is_mapped(images) or not len(rows):
        return np.asarray(images[rows])
    found = np.empty((len(rows), *images.shape[1:]), dtype=images.dtype)
    start = 0
    for chunk in chunks(images, rows):
        found[start : start + len(chunk)] = chunk
        start += len(chunk)
    return found


def extremes(images: np.ndarray) -> tuple[float, float]:
    """The lowest and the highest value of images, at least one."""
    found = [(chunk.min(), chunk.max()) for chunk in chunks(images)]
    lows, highs = zip(*found, strict=True)
    return float(np.min(lows)), float(np.max(highs))


def forget(array: np.ndarray) -> None:
    """Gives back the memory of an array that is mapped from a file, which is read anew if asked."""
    mapped = _mapping(array)
    if mapped is not None and hasattr(mapped, "madvise"):  # not on Windows
        mapped.madvise(mmap.MADV_DONTNEED)


def is_mapped(array: np.ndarray) -> bool:
    """Whether an array is read from a file as it is needed."""
    return _mapping(array) is not None


@dataclass(frozen=True, slots=True)
class FilePart:
    """Where in a file an array lies."""

    path: str
    offset: int
    dtype: str
    shape: tuple[int, ...]

    def mapped(self) -> np.ndarray:
        """The array, read as it is needed."""
        return np.memmap(
            self.path, dtype=self.dtype, mode="r", offset=self.offset, shape=self.shape
        )


def file_part(array: np.ndarray) -> FilePart | None:
    """Where an array lies in a file that has a name; None of others."""
    root: Any = array
    while isinstance(getattr(root, "base", None), np.ndarray):
        root = root.base
    if not is_mapped(root) or root.filename is None or not array.flags.c_contiguous:
        return None
    offset = root.offset + array.ctypes.data - root.ctypes.data
    return FilePart(str(root.filename), offset, array.dtype.str, array.shape)


def _mapping(array: np.ndarray) -> mmap.mmap | None:
    """The map of a file that nobody can write through; None where there is none."""
    found: Any = array
    while found is not None:
        if isinstance(found, np.memmap) and found.mode == "r":
            mapped = getattr(found, "_mmap", None)
            if isinstance(mapped, mmap.mmap):
                return mapped
        found = getattr(found, "base", None)
    return None
