"""Dense kernels for a flattened image that has other sizes than the one they were made for.

Where n values along an axis become m, B (n, m) tells each old value as a mean of new ones: with r =
ceil(n / m), old value i is new value i // r (a pooling's own cells), and the other way round where
there are more new values than old. With old images x = B y along every axis, x W = y (B^T W): the
kernel B^T W yields on y what W yields on y spread out. So nothing changes for images that are
constant over each cell; where the numbers do not go into each other, cells overlap and that holds
for wholly constant images.
"""

import numpy as np

from prune_mi.graph.ir import Shape


def resampled_kernel(kernel: np.ndarray, old: Shape, new: Shape) -> np.ndarray:
    """A kernel for images of other sizes.

    Args:
        kernel: `(values, units)`, a row for each value of an old image, flattened.
        old: Sizes of the image that it was made for, the batch left out, channels among them, all
            known.
        new: The same of the image that it is to read.

    Returns:
        The kernel `(new values, units)`, of the type of the old one.
    """
    grid = kernel.reshape(*(size or 0 for size in old), -1)
    for axis, (before, after) in enumerate(zip(old, new, strict=True)):
        if before != after:
            spread = _spread(before or 0, after or 0)
            grid = np.moveaxis(np.tensordot(spread, grid, axes=(0, axis)), 0, axis)
    return grid.reshape(-1, kernel.shape[-1]).astype(kernel.dtype)


def _spread(old: int, new: int) -> np.ndarray:
    """B: every old value as a mean of new ones, float64 `(old, new)`; rows sum to 1."""
    cells = _cells(new, old).T if old < new else _cells(old, new)
    return np.asarray(cells / cells.sum(axis=1, keepdims=True))


def _cells(many: int, few: int) -> np.ndarray:
    """How much of each of many values lies in each of few cells, `(many, few)`."""
    size = -(-many // few)
    if -(-many // size) == few:
        return np.eye(few)[np.arange(many) // size]
    ends = np.arange(1, many + 1)[:, None] / many, np.arange(1, few + 1)[None] / few
    starts = ends[0] - 1 / many, ends[1] - 1 / few
    overlap = np.minimum(*ends) - np.maximum(*starts)
    return np.where(overlap > 1e-9, overlap, 0.0)
