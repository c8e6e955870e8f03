"""A folder of images with a mask for each, which says a class for each pixel."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from prune_mi.data.dataset import Dataset
from prune_mi.data.decoded import ShapeChoice, decode_splits, hold_out_tests
from prune_mi.data.image_files import SUFFIXES, find_images, is_leftover, open_image, read_header
from prune_mi.data.labels import FormChoice, as_classes, labels_of_splits
from prune_mi.data.strata import strata
from prune_mi.errors import DataError, counted, listed

_IMAGES, _MASKS = "images", "masks"
_SPLITS = ("train", "test", "val")
_MASK_SUFFIXES = (".png", ".bmp", ".gif", ".tif", ".tiff")  # JPEG changes numbers
_ENDINGS = ("", "_mask", "-mask")
_NAMED = 5
_EXPECTED = "expected whole numbers from 0, a class for each pixel, in one channel or a palette"


def has_masks(folder: Path) -> bool:
    """Whether a folder, or its train/ or test/, holds images/ and masks/ and no other folder."""
    return any(
        _folders(root) == [_IMAGES, _MASKS]
        for root in (folder, *(folder / split for split in _SPLITS))
    )


def load_mask_folder(
    folder: Path, *, choose_shape: ShapeChoice, choose_form: FormChoice = as_classes
) -> Dataset:
    """Loads `train/images/*.png` with `train/masks/*.png`, `test/...` and perhaps `val/...`.

    Or `images/` and `masks/` alone, split here. A mask has the name of its image, perhaps with
    `_mask` behind it. Its pixels are numbers of classes, those of a palette their places in it;
    masks of 0 and 255 alone become 0 and 1. They are resized with their images, without mixing
    neighbours.

    Args:
        folder: That `has_masks` says yes of.
        choose_shape: Says which shape all images are converted to.
        choose_form: Says what the masks are taken for: masks, or nothing.

    Raises:
        DataError: If one of train/ and test/ is missing, an image has no mask or one of another
            size, a mask is no such, or as of a folder of class folders.
    """
    folder = folder.resolve()
    roots = {name: folder / name for name in _SPLITS if _folders(folder / name)}
    is_split = bool(roots) and _folders(folder) != [_IMAGES, _MASKS]
    if is_split and not {"train", "test"} <= set(roots):
        missing = next(name for name in ("train", "test") if name not in roots)
        raise DataError(
            f"{folder} has {', '.join(f'{name}/' for name in roots)} but no {missing}/; expected "
            f"both train/ and test/, each with {_IMAGES}/ and {_MASKS}/"
        )
    roots = roots if is_split else {"all": folder}
    pairs = {name: _pairs(root, folder) for name, root in roots.items()}
    decoded = decode_splits(
        {name: images for name, (images, _, _) in pairs.items()},
        folder=folder,
        choose_shape=choose_shape,
        what=f"{_IMAGES}/ and {_MASKS}/",
    )
    notes = decoded.notes
    x, stored = dict(decoded.images), {}
    for name, (images, masks, without) in pairs.items():
        kept = [
            pair
            for pair, is_so in zip(
                zip(images, masks, strict=True), decoded.readable[name], strict=True
            )
            if is_so
        ]
        size = (x[name].shape[1], x[name].shape[2])
        stored[name] = _decode_masks(kept, size, folder)
        if without:
            told = listed([str(each.relative_to(folder)) for each in without], _NAMED)
            notes += (f"{counted(len(without), 'mask')} without an image left out: {told}",)
    if not is_split:
        labels = stored.pop("all")
        rest, held_out, note = hold_out_tests(
            strata(labels, "masks"), where=f"{folder} has no train/ and test/", alike=""
        )
        every = x.pop("all")
        x |= {"train": every[rest], "test": every[held_out]}
        stored |= {"train": labels[rest], "test": labels[held_out]}
        notes += (note,)
    form = choose_form(stored["train"])
    y, told_of_labels = labels_of_splits(stored, form, source=str(folder))
    return Dataset(
        x_train=x["train"],
        y_train=y["train"],
        x_test=x["test"],
        y_test=y["test"],
        x_val=x.get("val"),
        y_val=y.get("val"),
        class_names=(),
        source=str(folder),
        notes=(*notes, *told_of_labels),
        split_here=not is_split,
        full_value=decoded.full_value,
        form=form,
    )


def _folders(root: Path) -> list[str]:
    """The names of the folders in a folder, sorted; none where there is no such folder."""
    if not root.is_dir():
        return []
    return sorted(
        each.name for each in root.iterdir() if each.is_dir() and not is_leftover(each.name)
    )


def _pairs(root: Path, folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """The images of a split and the mask of each, and masks without an image.

    Raises:
        DataError: If there are no images, or one has no mask.
    """
    missing = [name for name in (_IMAGES, _MASKS) if not (root / name).is_dir()]
    if missing:
        raise DataError(
            f"{root} has no {' and no '.join(f'{name}/' for name in missing)}; expected "
            f"{_IMAGES}/, and {_MASKS}/ with a mask of the same name for each image"
        )
    images = _inside(root / _IMAGES, folder)
    if not images:
        raise DataError(
            f"{root / _IMAGES} has no images in it; expected {', '.join(SUFFIXES)} files"
        )
    there = {
        file.relative_to(root / _MASKS).with_suffix(""): file
        for file in _inside(root / _MASKS, folder)
    }
    masks: list[Path] = []
    for image in images:
        name = image.relative_to(root / _IMAGES).with_suffix("")
        names = [name.with_name(name.name + ending) for ending in _ENDINGS]
        mask = next((there[each] for each in names if each in there), None)
        if mask is None:
            raise DataError(
                f"{image.relative_to(folder)} of {folder} has no mask; expected "
                f"{(root / _MASKS).relative_to(folder) / name}.png: add it, or remove the image"
            )
        if mask.suffix.lower() not in _MASK_SUFFIXES:
            raise DataError(
                f"the mask {mask.relative_to(folder)} of {folder} is {mask.suffix}, which changes "
                f"numbers when it is written; {_EXPECTED}: write it as PNG"
            )
        masks.append(mask)
    without = sorted(set(there.values()) - set(masks))
    return images, masks, without


def _inside(root: Path, folder: Path) -> list[Path]:
    """The images in a folder, less links that lead out of the data."""
    return [file for file in find_images(root) if file.resolve().is_relative_to(folder)]


def _decode_masks(
    pairs: Sequence[tuple[Path, Path]], size: tuple[int, int], folder: Path
) -> np.ndarray:
    """The masks of some images, int `(N, H, W)`, resized to a height and a width."""
    masks: np.ndarray = np.zeros((len(pairs), *size), dtype=np.uint8)
    for place, (image, file) in enumerate(pairs):
        mask = _decode_mask(file, folder)
        header = read_header(image)
        if header is None or mask.shape != header.size:
            own = "unknown" if header is None else f"{header.size[0]} x {header.size[1]}"
            raise DataError(
                f"the mask {file.relative_to(folder)} of {folder} has {mask.shape[0]} x "
                f"{mask.shape[1]} pixels (height x width), its image {image.name} has {own}; "
                "expected equal sizes"
            )
        if masks.dtype == np.uint8 and (mask.min() < 0 or mask.max() > 255):
            masks = masks.astype(np.int32)
        masks[place] = _nearest(mask, size)
    return masks


def _decode_mask(file: Path, folder: Path) -> np.ndarray:
    """The numbers of one mask, `(H, W)`.

    Raises:
        DataError: If it cannot be read, or has colours.
    """
    where = f"the mask {file.relative_to(folder)} of {folder}"
    try:
        with open_image(file) as opened:
            opened.load()
            mode, values = opened.mode, _values(opened)
    except Exception as error:  # decoders of broken files raise nearly anything
        raise DataError(f"{where} cannot be read; {_EXPECTED}: write it again") from error
    if values.ndim == 3:
        if not (values[..., :3] == values[..., :1]).all():
            raise DataError(
                f"{where} is a colour image ({mode}); {_EXPECTED}: write the number of its class "
                "for each colour"
            )
        values = values[..., 0]
    if values.dtype.kind == "f" and not (np.isfinite(values) & (values == values.round())).all():
        raise DataError(f"{where} holds numbers that are not whole; {_EXPECTED}")
    return values


def _values(image: Image.Image) -> np.ndarray:
    """The stored numbers: places in a palette, 0 and 1 of one bit, else the pixels' values."""
    grey_and_opacity = image.mode in ("LA", "La")
    return np.asarray(image.getchannel(0) if grey_and_opacity else image)


def _nearest(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask of another size, each pixel that of the place where its centre falls."""
    rows, columns = (
        ((np.arange(wanted) + 0.5) * there / wanted).astype(np.int64)
        for wanted, there in zip(size, mask.shape, strict=True)
    )
    return mask if mask.shape == size else mask[rows[:, None], columns]
