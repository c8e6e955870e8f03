from time import perf_counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.data.augmentation import AugmentationPolicy


def make_batch(num: int = 16, height: int = 9, width: int = 7) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.random((num, height, width, 3), dtype=np.float32)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.int16])
@pytest.mark.parametrize("shape", [(5, 9, 7, 3), (5, 9, 7), (5, 8, 8, 1)])
def test_shape_and_dtype_stay(shape: tuple[int, ...], dtype: type) -> None:
    batch = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    before = batch.copy()
    augmented = AugmentationPolicy(True, 2).apply(batch, rng=np.random.default_rng(0))
    assert augmented.shape == shape
    assert augmented.dtype == dtype
    np.testing.assert_array_equal(batch, before)


def test_nothing_to_do_is_the_identity() -> None:
    batch = make_batch()
    assert AugmentationPolicy(False, 0).apply(batch, rng=np.random.default_rng(0)) is batch
    empty = batch[:0]
    assert (
        AugmentationPolicy(True, 2).apply(empty, rng=np.random.default_rng(0)).shape == empty.shape
    )


def test_a_flip_mirrors_about_half_of_the_images_and_leaves_the_others() -> None:
    batch = make_batch(num=400)
    flipped = AugmentationPolicy(True, 0).apply(batch, rng=np.random.default_rng(0))
    mirrored = (flipped == batch[:, :, ::-1]).all(axis=(1, 2, 3))
    same = (flipped == batch).all(axis=(1, 2, 3))
    assert (mirrored ^ same).all()
    assert 150 < mirrored.sum() < 250


@given(st.integers(0, 2**16), st.integers(1, 12), st.booleans())
def test_each_image_is_an_edge_padded_crop(seed: int, max_shift: int, flip: bool) -> None:
    batch = make_batch(num=4, height=5, width=4)
    augmented = AugmentationPolicy(flip, max_shift).apply(batch, rng=np.random.default_rng(seed))
    margin = ((0, 0), (max_shift, max_shift), (max_shift, max_shift), (0, 0))
    padded = np.pad(batch, margin, mode="edge")
    offsets = range(2 * max_shift + 1)
    for image, source in zip(augmented, padded, strict=True):
        crops = [
            source[row : row + 5, column : column + 4] for row in offsets for column in offsets
        ]
        if flip:
            crops += [crop[:, ::-1] for crop in crops]
        assert any(np.array_equal(image, crop) for crop in crops)


@pytest.mark.parametrize("flip", [False, True])
def test_a_shift_may_uncover_zeros(flip: bool) -> None:
    batch = make_batch(num=64) + 1.0
    varied = AugmentationPolicy(flip, 2, "zero").apply(batch, rng=np.random.default_rng(0))
    padded = np.pad(batch, ((0, 0), (2, 2), (2, 2), (0, 0)))
    height, width = batch.shape[1:3]
    for image, whole in zip(varied, padded, strict=True):
        crops = [
            whole[row : row + height, column : column + width]
            for row in range(5)
            for column in range(5)
        ]
        crops += [crop[:, ::-1] for crop in crops] if flip else []
        assert any(np.array_equal(image, crop) for crop in crops)
    assert (varied == 0).any()


def test_every_shift_occurs() -> None:
    ramp = np.broadcast_to(np.arange(9.0)[:, None], (500, 9, 9))
    shifted = AugmentationPolicy(False, 2).apply(ramp, rng=np.random.default_rng(0))
    assert set(shifted[:, 4, 4]) == {2.0, 3.0, 4.0, 5.0, 6.0}


def test_the_generator_decides() -> None:
    batch = make_batch()
    first, same, other = (
        AugmentationPolicy(True, 2).apply(batch, rng=np.random.default_rng(seed))
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_a_batch_takes_milliseconds() -> None:
    batch = make_batch(num=128, height=32, width=32)
    rng = np.random.default_rng(0)
    best_s = 1.0
    for _ in range(20):
        start = perf_counter()
        AugmentationPolicy(True, 4).apply(batch, rng=rng)
        best_s = min(best_s, perf_counter() - start)
    # Meant to be under 2 ms; the bound leaves room for a loaded machine.
    assert best_s < 0.01


@pytest.mark.parametrize(
    ("name", "flip", "max_shift"),
    [("none", False, 0), ("flip", True, 0), ("shift", False, 4), ("flip+shift", True, 4)],
)
def test_policies_parse_and_name_themselves(name: str, flip: bool, max_shift: int) -> None:
    policy = AugmentationPolicy.parse(name, 32)
    assert policy == AugmentationPolicy(flip=flip, max_shift=max_shift)
    assert policy.name == name


def test_wrong_arguments_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="augmentation is 'rotate'; expected one of none, flip"):
        AugmentationPolicy.parse("rotate", 32)
    with pytest.raises(ValueError, match="max_shift is -1; expected pixels, at least 0"):
        AugmentationPolicy(False, -1).apply(make_batch(), rng=rng)
    with pytest.raises(ValueError, match=r"batch has the shape \(2, 3\); expected"):
        AugmentationPolicy(True, 0).apply(np.zeros((2, 3)), rng=rng)
