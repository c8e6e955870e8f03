"""Which images are the same, told by short digests."""

import hashlib

import numpy as np

_BYTES = 16


def image_digests(images: np.ndarray) -> np.ndarray:
    """A digest of each image, uint8 `(N, 16)`: another one for other values, shapes or dtypes.

    Args:
        images: `(N, ...)`, any dtype.
    """
    array = np.ascontiguousarray(images)
    start = hashlib.blake2b(f"{array.dtype.str}{array.shape[1:]}".encode(), digest_size=_BYTES)
    found = np.empty((len(array), _BYTES), dtype=np.uint8)
    for place, image in enumerate(array):
        digest = start.copy()
        digest.update(image.tobytes())
        found[place] = np.frombuffer(digest.digest(), dtype=np.uint8)
    return found
