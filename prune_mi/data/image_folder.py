"""A folder of class folders of images, and the one shape that these are brought to."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prune_mi.data.dataset import Dataset
from prune_mi.data.image_files import (
    FULL_BRIGHT,
    MODES,
    SUFFIXES,
    Depth,
    ImageHeader,
    decode_images,
    find_images,
    is_leftover,
    read_header,
)
from prune_mi.data.splits import stratified_split
from prune_mi.errors import DataError, listed

ShapeChoice = Callable[[Sequence[ImageHeader]], tuple[int, int, int]]
"""From the headers of all readable images, at least one, to height, width and channels."""

LONGEST_SIDE = 64
"""Of images that nobody has said the size of, in pixels: larger ones make a search slow."""

_MODEL_CHANNELS = (1, 3, 4)
_TEST_FRACTION = 0.2
_SPLIT_SEED = 0  # of every run, so that test images stay test images
_MOST_BROKEN = 0.1  # of all images
_FEW_BROKEN = 3  # are never too many
_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Split:
    """Image files of one split, sorted, with their classes and their headers."""

    files: tuple[Path, ...]
    labels: np.ndarray
    headers: tuple[ImageHeader, ...]


def load_image_folder(folder: Path, *, choose_shape: ShapeChoice) -> Dataset:
    """Loads `train/CLASS/*.png`, `test/...` and perhaps `val/...`, or `CLASS/*.png`, split here.

    Links that lead out of the folder are not followed, hidden files and folders are passed over,
    and photos are turned as their EXIF tags say. Files that are no readable image are skipped and
    named in the notes, unless they are more than a tenth of all.

    Args:
        folder: Whose class folders, sorted, number the classes.
        choose_shape: Says which shape all images are converted to.

    Returns:
        Images `(N, H, W, C)`, uint8; float32 of 0..65535 where some have 16 bits, and of their own
        values where they are numbers of 32.

    Raises:
        DataError: If there are no class folders, one of train/ and test/ is missing, splits differ
            in their classes, a class has no readable image, many images are broken, images of 32
            bits are mixed with others, or memory does not suffice.
    """
    folder = folder.resolve()
    roots = {name: folder / name for name in ("train", "test", "val") if (folder / name).is_dir()}
    if ("train" in roots) != ("test" in roots):
        there, missing = ("train", "test") if "train" in roots else ("test", "train")
        raise DataError(
            f"{folder} has {there}/ but no {missing}/; expected both, or class folders alone: add "
            f"{missing}/, or pass {folder / there} to have it split"
        )
    given = "train" in roots
    roots = roots if given else {"all": folder}
    broken: list[str] = []
    class_names = _agreed_class_names(roots, folder)
    splits = {name: _scan(root, class_names, folder, broken) for name, root in roots.items()}
    headers = [header for split in splits.values() for header in split.headers]
    if not headers:
        raise DataError(
            f"{folder} has class folders but no readable image in them; expected "
            f"{', '.join(SUFFIXES)} files: add some, or convert yours"
        )
    height, width, channels = choose_shape(headers)
    size, mode = (height, width), MODES[channels]
    depth = _common_depth(headers, folder)
    loaded, sizes = {}, []
    for name, split in splits.items():
        images, readable = decode_images(split.files, size=size, mode=mode, depth=depth)
        loaded[name] = images, split.labels[readable]
        for file, header, is_readable in zip(split.files, split.headers, readable, strict=True):
            if is_readable:
                sizes.append(header.size)
            else:
                broken.append(str(file.relative_to(folder)))
    _require_few_broken(broken, len(sizes) + len(broken), folder)
    notes = _notes(sizes, size, broken) + _depth_notes(headers, depth)
    if not given:
        images, labels = loaded.pop("all")
        _check_classes(labels, class_names, folder)
        rest, held_out = stratified_split(
            labels, fraction=_TEST_FRACTION, rng=np.random.default_rng(_SPLIT_SEED)
        )
        loaded["train"] = images[rest], labels[rest]
        loaded["test"] = images[held_out], labels[held_out]
        notes.append(
            f"{folder} has no train/ and test/, so its images are split: {len(rest)} to train on "
            f"and {len(held_out)} to test on, the same share of each class"
        )
    _check_classes(loaded["train"][1], class_names, folder)
    x_val, y_val = loaded.get("val", (None, None))
    return Dataset(
        *loaded["train"],
        *loaded["test"],
        x_val,
        y_val,
        class_names,
        str(folder),
        tuple(notes),
        split_here=not given,
        order_known=False,
        full_value=FULL_BRIGHT[depth] if depth == 16 else None,
    )


def shape_for_model(
    headers: Sequence[ImageHeader], *, wanted: tuple[int | None, int | None, int | None]
) -> tuple[int, int, int]:
    """What a model takes; where it takes any size, the commonest, the largest of equally common.

    Args:
        headers: Of all images.
        wanted: Height, width and channels; None leaves the choice to the images, and takes 3
            channels.

    Raises:
        DataError: If images do not come with that number of channels.
    """
    height, width, channels = wanted
    if channels is not None and channels not in _MODEL_CHANNELS:
        raise DataError(
            f"the model takes images of {channels} channels; an image folder gives 1 (grey), 3 "
            "(colour) or 4 (with opacity): pass an .npz instead"
        )
    counts = Counter((header.height, header.width) for header in headers)
    # The largest, so that the choice does not hang on the files' order.
    common = max(counts, key=lambda size: (counts[size], size))
    return height or common[0], width or common[1], channels or 3


def shape_for_search(
    headers: Sequence[ImageHeader], *, image_size: tuple[int, int] | None
) -> tuple[int, int, int]:
    """The size asked for, or else the median one, made smaller where it is large.

    The median height and the median width, both divided by the same number where the longer one
    is above `LONGEST_SIDE`, which it then is. One channel where all images are grey, else three.
    """
    channels = 1 if all(header.grey for header in headers) else 3
    if image_size is not None:
        return *image_size, channels
    height, width = (
        float(np.median(sides))
        for sides in zip(*((header.height, header.width) for header in headers), strict=True)
    )
    shrink = max(1.0, max(height, width) / LONGEST_SIDE)
    return max(1, round(height / shrink)), max(1, round(width / shrink)), channels


def _agreed_class_names(roots: dict[str, Path], folder: Path) -> tuple[str, ...]:
    names = {
        split: sorted(
            entry.name
            for entry in root.iterdir()
            if entry.is_dir() and not is_leftover(entry.name) and _inside(entry, folder)
        )
        for split, root in roots.items()
    }
    first, expected = next(iter(names.items()))
    if len(expected) < 2:
        raise DataError(
            f"{roots[first]} holds {len(expected)} class folders; expected at least two, each with "
            f"the images of a class ({', '.join(SUFFIXES)})"
        )
    for split, found in names.items():
        if found != expected:
            differing = sorted(set(found) ^ set(expected))
            raise DataError(
                f"{first}/ and {split}/ of {folder} differ in their class folders: "
                f"{', '.join(differing[:5])}{', ...' if len(differing) > 5 else ''} "
                f"{'is' if len(differing) == 1 else 'are'} in one only; expected the same classes "
                "in every split: rename or add folders"
            )
    return tuple(expected)


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder)


def _scan(root: Path, class_names: tuple[str, ...], folder: Path, broken: list[str]) -> _Split:
    files: list[Path] = []
    labels: list[int] = []
    headers: list[ImageHeader] = []
    for label, name in enumerate(class_names):
        for file in find_images(root / name):
            if not _inside(file, folder):
                continue
            header = read_header(file)
            if header is None:
                broken.append(str(file.relative_to(folder)))
                continue
            files.append(file)
            labels.append(label)
            headers.append(header)
    return _Split(tuple(files), np.asarray(labels, dtype=np.int64), tuple(headers))


def _check_classes(labels: np.ndarray, class_names: tuple[str, ...], folder: Path) -> None:
    counts = np.bincount(labels, minlength=len(class_names))
    if not counts.all():
        name = class_names[int(np.argmin(counts))]
        raise DataError(
            f"class {name!r} of {folder} has no readable image to train on; expected at least one "
            f"a class: add images, or remove the folder {name}"
        )


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
