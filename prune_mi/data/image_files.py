"""Image files, decoded with care: any of them may be broken or hostile."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from prune_mi.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")

# Only these decoders are tried, whatever a file's name: Pillow knows formats that run programs.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")


# Pillow's names of pixel formats, by their number of channels.
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "F")


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What an image file says of itself.

    Attributes:
        height, width: In pixels.
        grey: Whether it is stored without colours; one with a palette may have some.
    """

    height: int
    width: int
    grey: bool

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width


def read_header(path: Path) -> ImageHeader | None:
    """An image's header, or None where there is no readable one."""
    try:
        with _opened(path) as image:
            return ImageHeader(image.height, image.width, image.mode in _GREY_MODES)
    # Decoders of broken files raise nearly anything.
    except Exception:
        return None


def decode_images(
    files: Sequence[Path], *, size: tuple[int, int], mode: str
) -> tuple[np.ndarray, np.ndarray]:
    """Decodes images, resized where their size differs: averaged, or bilinearly if they grow.

    Args:
        files: Of images; of moving ones, the first frame is taken.
        size: Height and width of the result.
        mode: Pillow's name of the pixel format: `L`, `RGB` or `RGBA`.

    Returns:
        uint8 images `(num_readable, H, W, C)` in the order of `files`, and bool `(len(files),)`,
        False for the files that could not be decoded.

    Raises:
        DataError: If the images do not fit in memory.
    """
    shape = (len(files), *size, len(mode))
    try:
        images = np.empty(shape, dtype=np.uint8)
    except MemoryError as error:
        raise DataError(
            f"{len(files)} images of {size[0]} x {size[1]} pixels do not fit in memory: "
            "pass fewer or smaller images"
        ) from error
    readable = np.zeros(len(files), dtype=np.bool_)
    count = 0
    for index, path in enumerate(files):
        try:
            images[count] = _decode(path, size, mode)
        except Exception:  # As in `read_header`.
            continue
        readable[index] = True
        count += 1
    return images[:count], readable


def _decode(path: Path, size: tuple[int, int], mode: str) -> np.ndarray:
    with _opened(path) as image:
        converted = image.convert(mode)
        if (converted.height, converted.width) != size:
            # Pixels are averaged where there are fewer, not weighed with their neighbours'.
            shrinks = size[1] <= converted.width and size[0] <= converted.height
            filtering = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
            converted = converted.resize((size[1], size[0]), filtering)
        return np.asarray(converted, dtype=np.uint8).reshape(*size, len(mode))


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=_FORMATS) as image:
            yield image
