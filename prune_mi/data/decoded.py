"""Image files of a data set, brought to one shape, and what is told of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prune_mi.data.image_files import (
    FULL_BRIGHT,
    MODES,
    SUFFIXES,
    Depth,
    ImageHeader,
    decode_images,
    read_header,
)
from prune_mi.data.splits import stratified_split
from prune_mi.errors import DataError, listed

ShapeChoice = Callable[[Sequence[ImageHeader]], tuple[int, int, int]]
"""From the headers of all readable images, at least one, to height, width and channels."""

_TEST_FRACTION = 0.2
_SPLIT_SEED = 0  # of every run, so that test images stay test images
_MOST_BROKEN = 0.1  # of all images
_FEW_BROKEN = 3  # are never too many
_NAMED = 5


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Images of one shape, by split.

    Attributes:
        images: `(num_readable, H, W, C)`; uint8, or float32 where some have more than 8 bits.
        readable: bool `(num_files,)`, which files these are.
        notes: What the user should know.
        full_value: Of a full-bright pixel, where files of 16 bits say it.
    """

    images: dict[str, np.ndarray]
    readable: dict[str, np.ndarray]
    notes: tuple[str, ...]
    full_value: float | None


def decode_splits(
    splits: Mapping[str, Sequence[Path]], *, folder: Path, choose_shape: ShapeChoice, what: str
) -> Decoded:
    """Decodes the images of every split.

    Files that are no readable image are left out and named in the notes.

    Args:
        splits: Files by split.
        folder: That messages name files relative to.
        choose_shape: Says which shape all images are converted to.
        what: Which images these are, after "has": `class folders`.

    Raises:
        DataError: If no image is readable, more than a tenth are broken, images of 32 bits are
            mixed with others, or memory does not suffice.
    """
    broken: list[str] = []
    readable, headers = _headers(splits, folder, broken)
    every = [header for split in headers.values() for header in split]
    if not every:
        raise DataError(
            f"{folder} has {what} but no readable image in them; expected "
            f"{', '.join(SUFFIXES)} files: add some, or convert yours"
        )
    height, width, channels = choose_shape(every)
    size, mode = (height, width), MODES[channels]
    depth = _common_depth(every, folder)
    images, sizes = {}, []
    for name, files in splits.items():
        tried = [file for file, is_so in zip(files, readable[name], strict=True) if is_so]
        images[name], decoded = decode_images(tried, size=size, mode=mode, depth=depth)
        for file, header, is_so in zip(tried, headers[name], decoded, strict=True):
            if is_so:
                sizes.append(header.size)
            else:
                broken.append(_relative(file, folder))
        readable[name][np.flatnonzero(readable[name])[~decoded]] = False
    _require_few_broken(broken, len(sizes) + len(broken), folder)
    notes = (*_notes(sizes, size, broken), *_depth_notes(every, depth))
    return Decoded(images, readable, notes, FULL_BRIGHT[depth] if depth == 16 else None)


def hold_out_tests(
    groups: np.ndarray, *, where: str, alike: str = ", the same share of each class"
) -> tuple[np.ndarray, np.ndarray, str]:
    """Splits samples that came without a split: a fifth of each group is for testing.

    Args:
        groups: int `(N,)`, of each sample; see `strata`.
        where: What has no split, for the note: `flowers has no train/ and test/`.
        alike: What the note says of the parts.

    Returns:
        Sorted indices to train and to test on, alike in every run, and what the user should know.
    """
    rest, held_out = stratified_split(
        groups, fraction=_TEST_FRACTION, rng=np.random.default_rng(_SPLIT_SEED)
    )
    note = (
        f"{where}, so its images are split: {len(rest)} to train on and {len(held_out)} to test "
        f"on{alike}"
    )
    return rest, held_out, note


def _headers(
    splits: Mapping[str, Sequence[Path]], folder: Path, broken: list[str]
) -> tuple[dict[str, np.ndarray], dict[str, list[ImageHeader]]]:
    readable, headers = {}, {}
    for name, files in splits.items():
        found = [read_header(file) for file in files]
        readable[name] = np.array([header is not None for header in found], dtype=np.bool_)
        headers[name] = [header for header in found if header is not None]
        broken += [
            _relative(file, folder)
            for file, header in zip(files, found, strict=True)
            if header is None
        ]
    return readable, headers


def _relative(file: Path, folder: Path) -> str:
    return str(file.relative_to(folder) if file.is_relative_to(folder) else file)


def _notes(sizes: list[tuple[int, int]], size: tuple[int, int], broken: Sequence[str]) -> list[str]:
    notes = []
    num_resized = sum(each != size for each in sizes)
    if num_resized:
        notes.append(
            f"{num_resized} of {len(sizes)} images were resized to "
            f"{size[0]} x {size[1]} pixels (height x width)"
        )
    if broken:
        notes.append(
            f"{len(broken)} broken {'image was' if len(broken) == 1 else 'images were'} skipped: "
            f"{listed(broken, _NAMED)}"
        )
    return notes


def _common_depth(headers: list[ImageHeader], folder: Path) -> Depth:
    depths = [header.depth for header in headers]
    numbers = depths.count(32)
    if numbers and numbers < len(depths):
        raise DataError(
            f"{numbers} of the {len(depths)} images of {folder} have 32 bits, the others 8 or 16; "
            "expected one kind, since the values of 32-bit images have no fixed range: convert some"
        )
    return max(depths)


def _depth_notes(headers: list[ImageHeader], depth: Depth) -> list[str]:
    notes = []
    num_flat = sum(header.depth < depth for header in headers)
    if num_flat:
        notes.append(
            f"{num_flat} of {len(headers)} images have 8 bits, the others 16. Values of 8 bits are "
            "multiplied by 257, so that 255 becomes 65535"
        )
    num_coloured = sum(header.depth == 16 and not header.grey for header in headers)
    if num_coloured:
        notes.append(
            f"{num_coloured} of {len(headers)} images have colours of 16 bits. Only the upper 8 "
            "bits are read; an .npz keeps all of them"
        )
    return notes


def _require_few_broken(broken: Sequence[str], total: int, folder: Path) -> None:
    if len(broken) > max(_FEW_BROKEN, _MOST_BROKEN * total):
        raise DataError(
            f"{len(broken)} of the {total} images of {folder} are broken: "
            f"{listed(broken, _NAMED)}; expected a tenth at most: repair or remove them"
        )
