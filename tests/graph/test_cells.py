"""Dense kernels for flattened images of other sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.graph.resizing import resampled_kernel

_SIZES = st.integers(1, 9)


def _kernel(*sizes: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(int(np.prod(sizes)), 3))


@pytest.mark.parametrize(("large", "small"), [(8, 4), (5, 3), (7, 4), (9, 3), (6, 1), (3, 3)])
def test_images_constant_over_cells_are_read_alike(large: int, small: int) -> None:
    cell = -(-large // small)
    images = np.random.default_rng(1).normal(size=(2, small, small, 2))
    spread = images.repeat(cell, 1).repeat(cell, 2)[:, :large, :large]
    old, new = (large, large, 2), (small, small, 2)
    kernel = _kernel(*old)
    fewer = resampled_kernel(kernel, old, new)
    np.testing.assert_allclose(images.reshape(2, -1) @ fewer, spread.reshape(2, -1) @ kernel)
    kernel = _kernel(*new)
    more = resampled_kernel(kernel, new, old)
    np.testing.assert_allclose(spread.reshape(2, -1) @ more, images.reshape(2, -1) @ kernel)


@given(old=st.tuples(_SIZES, _SIZES), new=st.tuples(_SIZES, _SIZES))
def test_wholly_constant_images_are_read_alike(old: tuple[int, int], new: tuple[int, int]) -> None:
    kernel = _kernel(*old, 2).astype("float32")
    found = resampled_kernel(kernel, (*old, 2), (*new, 2))
    assert found.shape == (new[0] * new[1] * 2, 3) and found.dtype == kernel.dtype
    values = np.array([0.3, -2.0])
    np.testing.assert_allclose(
        np.tile(values, new[0] * new[1]) @ found,
        np.tile(values, old[0] * old[1]) @ kernel,
        atol=1e-5,
    )


def test_equal_sizes_leave_the_kernel_as_it_is() -> None:
    kernel = _kernel(3, 4, 2)
    np.testing.assert_array_equal(resampled_kernel(kernel, (3, 4, 2), (3, 4, 2)), kernel)
