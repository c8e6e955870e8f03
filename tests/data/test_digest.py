"""Images told by their digests."""

import numpy as np

from prune_mi.data.dataset import image_digests


def test_equal_images_have_equal_digests_wherever_they_stand() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 4, 5, 3), dtype=np.uint8)
    found = image_digests(images)
    assert found.shape == (20, 16) and found.dtype == np.uint8
    assert len(np.unique(found, axis=0)) == 20
    order = rng.permutation(20)
    np.testing.assert_array_equal(image_digests(images[order]), found[order])
    np.testing.assert_array_equal(image_digests(images[::2]), found[::2])


def test_other_values_shapes_and_types_have_others() -> None:
    image = np.zeros((1, 4, 4, 1), dtype=np.uint8)
    other = image.copy()
    other[0, 3, 3, 0] = 1
    variants = [image, other, image.reshape(1, 2, 8, 1), image.astype(np.float32)]
    assert len({image_digests(each).tobytes() for each in variants}) == 4


def test_no_images_have_none() -> None:
    assert image_digests(np.zeros((0, 4, 4, 1))).shape == (0, 16)
