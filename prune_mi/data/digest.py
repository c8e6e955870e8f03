"""Whether two arrays of images are the same, told by a short text."""

import hashlib

import numpy as np


def images_digest(images: np.ndarray) -> str:
    """A text of 32 characters that is another one for other images, shapes or dtypes."""
    array = np.ascontiguousarray(images)
    digest = hashlib.blake2b(f"{array.dtype.str}{array.shape}".encode(), digest_size=16)
    digest.update(array.view(np.uint8).reshape(-1).data if array.size else b"")
    return digest.hexdigest()
