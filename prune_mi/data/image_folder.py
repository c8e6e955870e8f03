"""A folder of class folders of images, and the one shape that these are brought to."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from prune_mi.data.dataset import Dataset
from prune_mi.data.decoded import ShapeChoice, decode_splits, hold_out_tests
from prune_mi.data.image_files import SUFFIXES, ImageHeader, find_images, is_leftover
from prune_mi.errors import DataError

LONGEST_SIDE = 64
"""Of images that nobody has said the size of, in pixels: larger ones make a search slow."""

_MODEL_CHANNELS = (1, 3, 4)


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
    roots = _roots(folder)
    given = "train" in roots
    class_names = _agreed_class_names(roots, folder)
    found = {name: _scan(root, class_names, folder) for name, root in roots.items()}
    decoded = decode_splits(
        {name: files for name, (files, _) in found.items()},
        folder=folder,
        choose_shape=choose_shape,
        what="class folders",
    )
    loaded = {
        name: (images, found[name][1][decoded.readable[name]])
        for name, images in decoded.images.items()
    }
    notes = decoded.notes
    if not given:
        images, labels = loaded.pop("all")
        _check_classes(labels, class_names, folder)
        rest, held_out, note = hold_out_tests(labels, where=f"{folder} has no train/ and test/")
        loaded["train"] = images[rest], labels[rest]
        loaded["test"] = images[held_out], labels[held_out]
        notes += (note,)
    _check_classes(loaded["train"][1], class_names, folder)
    x_val, y_val = loaded.get("val", (None, None))
    return Dataset(
        *loaded["train"],
        *loaded["test"],
        x_val,
        y_val,
        class_names,
        str(folder),
        notes,
        split_here=not given,
        order_known=False,
        full_value=decoded.full_value,
    )


def is_unlabelled(folder: Path) -> bool:
    """Whether a folder, or its train/ and test/, holds images and no folders of classes."""
    roots = [folder / name for name in ("train", "test", "val") if (folder / name).is_dir()]
    roots = roots or [folder]
    there = [entry for root in roots for entry in root.iterdir() if not is_leftover(entry.name)]
    return not any(entry.is_dir() for entry in there) and any(
        entry.suffix.lower() in SUFFIXES for entry in there
    )


def load_unlabelled(folder: Path, *, choose_shape: ShapeChoice) -> Dataset:
    """Loads `train/*.png`, `test/*.png` and perhaps `val/*.png`, or `*.png`, split here.

    Args:
        folder: That `is_unlabelled` says yes of.
        choose_shape: Says which shape all images are converted to.

    Raises:
        DataError: As of a folder of class folders.
    """
    folder = folder.resolve()
    roots = _roots(folder)
    decoded = decode_splits(
        {
            name: [file for file in find_images(root) if _inside(file, folder)]
            for name, root in roots.items()
        },
        folder=folder,
        choose_shape=choose_shape,
        what="no class folders",
    )
    x, notes = dict(decoded.images), decoded.notes
    if "all" in x:
        images = x.pop("all")
        rest, held_out, note = hold_out_tests(
            np.zeros(len(images), np.int64), where=f"{folder} has no train/ and test/", alike=""
        )
        x |= {"train": images[rest], "test": images[held_out]}
        notes += (note,)
    y = {name: np.zeros(len(images), dtype=np.int64) for name, images in x.items()}
    return Dataset(
        x["train"],
        y["train"],
        x["test"],
        y["test"],
        x.get("val"),
        y.get("val"),
        (),
        str(folder),
        notes,
        split_here="all" in roots,
        full_value=decoded.full_value,
        form="none",
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


def _roots(folder: Path) -> dict[str, Path]:
    """The folders of the splits that there are; `all` is what is not split yet.

    Raises:
        DataError: If one of train/ and test/ is missing.
    """
    roots = {name: folder / name for name in ("train", "test", "val") if (folder / name).is_dir()}
    if ("train" in roots) != ("test" in roots):
        there, missing = ("train", "test") if "train" in roots else ("test", "train")
        raise DataError(
            f"{folder} has {there}/ but no {missing}/; expected both, or class folders alone: add "
            f"{missing}/, or pass {folder / there} to have it split"
        )
    return roots if "train" in roots else {"all": folder}


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


def _scan(root: Path, class_names: tuple[str, ...], folder: Path) -> tuple[list[Path], np.ndarray]:
    """Image files of one split, sorted, with their classes."""
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(class_names):
        inside = [file for file in find_images(root / name) if _inside(file, folder)]
        files += inside
        labels += [label] * len(inside)
    return files, np.asarray(labels, dtype=np.int64)


def _check_classes(labels: np.ndarray, class_names: tuple[str, ...], folder: Path) -> None:
    counts = np.bincount(labels, minlength=len(class_names))
    if not counts.all():
        name = class_names[int(np.argmin(counts))]
        raise DataError(
            f"class {name!r} of {folder} has no readable image to train on; expected at least one "
            f"a class: add images, or remove the folder {name}"
        )
