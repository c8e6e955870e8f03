"""Image files, decoded with care: any of them may be broken or hostile."""

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from prune_mi.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
FORMATS_TEXT = "PNG, JPEG, BMP, GIF, WebP or TIFF"

# Only these decoders are tried, whatever a file's name: Pillow knows formats that run programs.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")


# Pillow's names of pixel formats, by their number of channels.
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "F")

Depth = Literal[8, 16, 32]
"""Bits of a pixel's values: 0..255, 0..65535, or 32 for numbers that may mean anything."""

FULL_BRIGHT: dict[Depth, float | None] = {8: 255.0, 16: 65535.0, 32: None}
"""The value of a full-bright pixel in a file of each depth; None where the file does not say."""

# What systems and programs leave in folders of images; names with a dot in front are theirs, too.
_LEFTOVERS = frozenset(
    {"__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "thumbs.db"}
)

# What the EXIF tag of how a camera was held asks for, as `ImageOps.exif_transpose` has it.
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What an image file says of itself.

    Attributes:
        height, width: In pixels, as it is to be shown: turned as its EXIF tag says.
        grey: Whether it is stored without colours; one with a palette may have some.
        depth: Bits of its values; coloured ones of 16 bits are read with the upper 8.
    """

    height: int
    width: int
    grey: bool
    depth: Depth = 8

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width


def is_leftover(name: str) -> bool:
    """Whether a file or folder of that name is a system's own and no image or class of the user."""
    return name.startswith(".") or name.lower() in _LEFTOVERS


def find_images(folder: Path) -> list[Path]:
    """All files at any depth that are images by their names, sorted; leftovers are passed over.

    Links to folders are not followed.
    """
    found = []
    for parent, folders, names in os.walk(folder, followlinks=False):
        folders[:] = [name for name in folders if not is_leftover(name)]
        found += [
            Path(parent, name)
            for name in names
            if Path(name).suffix.lower() in SUFFIXES and not is_leftover(name)
        ]
    return sorted(found)


def list_image_files(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The files that are meant, in the order given, each once; they may turn out to be broken.

    Args:
        paths: Of images, or of folders: of these all images in them, at any depth, by name,
            hidden ones aside.

    Raises:
        DataError: If there is no such file or folder, a file's name is no image's, or a folder has
            no images.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            images = find_images(path)
            if not images:
                raise DataError(f"{path} has no images in it; expected {', '.join(SUFFIXES)} files")
            found.update(dict.fromkeys(images))
        elif not path.exists():
            raise DataError(
                f"there is no such image: {path}; expected a file or a folder of images"
            )
        elif path.suffix.lower() not in SUFFIXES:
            raise DataError(
                f"{path} is not an image of a known type; expected {', '.join(SUFFIXES)}: "
                "convert it"
            )
        else:
            found[path] = None
    return tuple(found)


def read_header(source: Path | BytesIO) -> ImageHeader | None:
    """An image's header, or None where there is no readable one."""
    try:
        with open_image(source) as image:
            height, width = image.height, image.width
            # Pillow has turned the sides of a TIFF already, and loads a PNG to look for a tag
            # behind its pixels, where hardly anybody writes it.
            has_tag = image.format != "TIFF" and (image.format != "PNG" or "exif" in image.info)
            if has_tag and _orientation(image) in _SIDEWAYS:
                height, width = width, height
            return ImageHeader(height, width, image.mode in _GREY_MODES, _depth(image))
    # Decoders of broken files raise nearly anything.
    except Exception:
        return None


def decode_images(
    files: Sequence[Path], *, size: tuple[int, int], mode: str, depth: Depth = 8
) -> tuple[np.ndarray, np.ndarray]:
    """Decodes images, resized where their size differs: averaged, or bilinearly if they grow.

    They are turned as their EXIF tags say.

    Args:
        files: Of images; of moving ones, and of those of several pages, the first is taken.
        size: Height and width of the result.
        mode: Pillow's name of the pixel format: `L`, `RGB` or `RGBA`.
        depth: Of the deepest of the files; files of 8 bits among ones of 16 are multiplied by 257,
            which brings 255 to 65535.

    Returns:
        Images `(num_readable, H, W, C)` in the order of `files`, uint8 of 8 bits and else float32,
        and bool `(len(files),)`, False for the files that could not be decoded.

    Raises:
        DataError: If the images do not fit in memory.
    """
    shape = (len(files), *size, len(mode))
    try:
        images = np.empty(shape, dtype=np.uint8 if depth == 8 else np.float32)
    except MemoryError as error:
        raise DataError(
            f"{len(files)} images of {size[0]} x {size[1]} pixels do not fit in memory: "
            "pass fewer or smaller images"
        ) from error
    readable = np.zeros(len(files), dtype=np.bool_)
    count = 0
    for index, path in enumerate(files):
        try:
            images[count] = decode_image(path, size, mode, depth)
        except Exception:  # As in `read_header`.
            continue
        readable[index] = True
        count += 1
    return images[:count], readable


def decode_image(
    source: Path | BytesIO, size: tuple[int, int], mode: str, depth: Depth
) -> np.ndarray:
    """One image `(H, W, C)` as `decode_images` has it; Pillow raises nearly anything."""
    with open_image(source) as image:
        own = _depth(image)
        image.load()  # which turns a TIFF, and takes its tag away
        turn = _TURNS.get(_orientation(image))
        turned = image if turn is None else image.transpose(turn)
        if image.mode == "F" or image.mode.startswith("I"):
            return _deep_values(turned, size, mode, own)
        values = np.asarray(_resized(turned.convert(mode), size)).reshape(*size, len(mode))
        return values if depth == 8 else values * np.float32(257)


def _deep_values(image: Image.Image, size: tuple[int, int], mode: str, depth: Depth) -> np.ndarray:
    """A grey image's own values, float32 `(H, W, C)`: alike in all colours, and opaque."""
    # Pillow's own conversion of some of these modes cuts at 255.
    grey = Image.fromarray(np.asarray(image).astype(np.float32))
    values = np.asarray(_resized(grey, size)).reshape(*size, 1)
    if mode != "RGBA":
        return np.repeat(values, len(mode), axis=2)
    opaque = np.full_like(values, FULL_BRIGHT[depth] or 1.0)
    return np.concatenate([values, values, values, opaque], axis=2)


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    if (image.height, image.width) == size:
        return image
    # Pixels are averaged where there are fewer, not weighed with their neighbours'.
    shrinks = size[1] <= image.width and size[0] <= image.height
    filtering = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return image.resize((size[1], size[0]), filtering)


def _depth(image: Image.Image) -> Depth:
    """Of an image that is not loaded yet."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        return 16
    if image.mode in ("I", "F"):
        return 32
    # Pillow has no colours of 16 bits: it reads the upper 8, and only its decoder knows.
    return 16 if image.format in ("PNG", "TIFF") and ";16" in str(getattr(image, "tile", "")) else 8


def _orientation(image: Image.Image) -> int:
    """What the EXIF tag says, 1 to 8; 1, upright, where it says nothing that can be read."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # As in `read_header`: a broken tag leaves a good image.
        return 1


@contextmanager
def open_image(source: Path | BytesIO) -> Iterator[Image.Image]:
    """An image file open, of the known formats only; Pillow raises nearly anything."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        # Of a path Pillow maps uncompressed pixels into memory, a TIFF's with its sides turned.
        opened = source if isinstance(source, BytesIO) else source.open("rb")
        with opened as file, Image.open(file, formats=_FORMATS) as image:
            yield image
