from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prune_mi.data import Dataset, LabelForm, load_dataset
from prune_mi.errors import DataError


def masks_wanted(labels: np.ndarray | None) -> LabelForm:
    return "masks"


def load(folder: Path, shape: tuple[int, int, int] = (6, 8, 3)) -> Dataset:
    return load_dataset(str(folder), image_shape=shape, choose_form=masks_wanted)


def write(root: Path, name: str, mask: np.ndarray, *, ending: str = "", mode: str = "") -> None:
    """An image as bright as its mask's class, and the mask."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    (root / "masks").mkdir(exist_ok=True)
    bright = np.stack([mask * 20] * 3, axis=2).astype(np.uint8)
    Image.fromarray(bright).save(root / "images" / f"{name}.png")
    drawn = Image.fromarray(mask)
    if mode == "P":
        drawn = Image.frombytes("P", drawn.size, mask.astype(np.uint8).tobytes())
        drawn.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    elif mode:
        drawn = drawn.convert(mode)
    drawn.save(root / "masks" / f"{name}{ending}.png")


def a_mask(seed: int, height: int = 6, width: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3, (height, width), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place, split in enumerate(("train", "test", "val")):
        for each in range(3):
            write(tmp_path / split, f"{each}", a_mask(10 * place + each))
    return tmp_path


def test_masks_lie_beside_images(folder: Path) -> None:
    data = load(folder)
    assert data.form == "masks" and data.y_train.dtype == np.uint8 and data.num_classes == 3
    assert data.y_val is not None and not data.split_here
    np.testing.assert_array_equal(data.y_train, [a_mask(each) for each in range(3)])
    np.testing.assert_array_equal(data.y_test, [a_mask(10 + each) for each in range(3)])
    np.testing.assert_array_equal(data.x_train[..., 0], data.y_train * 20)
    assert not data.notes


@pytest.mark.parametrize(("mode", "ending"), [("P", ""), ("RGB", "_mask"), ("LA", "-mask")])
def test_masks_come_in_several_formats(tmp_path: Path, mode: str, ending: str) -> None:
    for split in ("train", "test"):
        write(tmp_path / split, "1", a_mask(1), mode=mode, ending=ending)
    np.testing.assert_array_equal(load(tmp_path).y_train, [a_mask(1)])


def test_masks_of_one_bit_and_of_255(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write(tmp_path / split, "1", (a_mask(1) > 1).astype(np.uint8) * np.uint8(255))
    data = load(tmp_path)
    np.testing.assert_array_equal(data.y_train, [a_mask(1) > 1])
    assert data.notes == ("The masks hold only 0 and 255: 0 is class 0, 255 is class 1.",)
    Image.fromarray(a_mask(1) > 1).save(tmp_path / "train" / "masks" / "1.png")
    Image.fromarray(a_mask(1) > 1).save(tmp_path / "test" / "masks" / "1.png")
    assert load(tmp_path).num_classes == 2 and not load(tmp_path).notes


def test_masks_above_255_keep_their_numbers(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write(tmp_path / split, "1", a_mask(1))
        Image.fromarray(a_mask(1).astype(np.uint16) * 200).save(tmp_path / split / "masks/1.png")
    data = load(tmp_path)
    assert data.y_train.dtype == np.int32
    np.testing.assert_array_equal(data.y_train, [a_mask(1).astype(int) * 200])


def test_masks_are_resized_without_mixing(folder: Path) -> None:
    data = load(folder, shape=(3, 4, 3))
    assert data.y_train.shape == (3, 3, 4)
    np.testing.assert_array_equal(data.y_train[0], a_mask(0)[1::2, 1::2])
    assert set(np.unique(load(folder, shape=(13, 21, 3)).y_train)) <= {0, 1, 2}


def test_images_without_a_split_are_split(tmp_path: Path) -> None:
    for each in range(10):
        write(tmp_path, f"{each}", a_mask(each))
    data = load(tmp_path)
    assert len(data.x_train) == 8 and len(data.x_test) == 2 and data.split_here
    np.testing.assert_array_equal(data.x_train[..., 0], data.y_train * 20)
    assert "has no train/ and test/, so its images are split: 8 to train on" in data.notes[0]


def test_a_broken_image_goes_with_its_mask(folder: Path) -> None:
    (folder / "train" / "images" / "1.png").write_bytes(b"no image")
    data = load(folder)
    np.testing.assert_array_equal(data.y_train, [a_mask(0), a_mask(2)])
    assert data.notes == ("1 broken image was skipped: train/images/1.png",)


def test_masks_without_images_are_told(folder: Path) -> None:
    (folder / "train" / "images" / "1.png").unlink()
    data = load(folder)
    assert len(data.y_train) == 2
    assert data.notes == ("1 mask without an image left out: train/masks/1.png",)


def test_masks_can_be_left_out(folder: Path) -> None:
    data = load_dataset(str(folder), image_shape=(6, 8, 3), choose_form=lambda masks: "none")
    assert data.form == "none" and data.y_train.tolist() == [0, 0, 0]


def remove_mask(folder: Path) -> None:
    (folder / "train" / "masks" / "1.png").unlink()


def other_size(folder: Path) -> None:
    Image.fromarray(a_mask(1, 8, 6)).save(folder / "test" / "masks" / "1.png")


def colours(folder: Path) -> None:
    values = np.random.default_rng(0).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(values).save(folder / "test" / "masks" / "1.png")


def broken_mask(folder: Path) -> None:
    (folder / "val" / "masks" / "0.png").write_bytes(b"no image")


def jpeg(folder: Path) -> None:
    (folder / "train" / "masks" / "1.png").unlink()
    Image.fromarray(a_mask(1)).save(folder / "train" / "masks" / "1.jpg")


def no_test(folder: Path) -> None:
    for each in (folder / "test").rglob("*.png"):
        each.unlink()
    for name in ("images", "masks"):
        (folder / "test" / name).rmdir()
    (folder / "test").rmdir()


def no_masks(folder: Path) -> None:
    for each in (folder / "test" / "masks").iterdir():
        each.unlink()
    (folder / "test" / "masks").rmdir()


def no_images(folder: Path) -> None:
    for each in (folder / "test" / "images").iterdir():
        each.unlink()


def fractions(folder: Path) -> None:
    drawn = Image.fromarray(np.full((6, 8), 0.5, np.float32))
    (folder / "test" / "masks" / "1.png").unlink()
    drawn.save(folder / "test" / "masks" / "1.tif")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove_mask, r"train/images/1\.png of .* has no mask; expected train/masks/1\.png: add"),
        (other_size, r"test/masks/1\.png .* has 8 x 6 pixels .*, its image 1\.png has 6 x 8"),
        (colours, r"test/masks/1\.png of .* is a colour image \(RGB\); expected whole numbers"),
        (broken_mask, r"val/masks/0\.png of .* cannot be read; expected"),
        (jpeg, r"train/masks/1\.jpg of .* is \.jpg, which changes numbers"),
        (no_test, r"has train/, val/ but no test/; expected both train/ and test/"),
        (no_masks, r"test has no masks/; expected images/, and masks/"),
        (no_images, r"test/images has no images in it; expected \.png"),
        (fractions, r"test/masks/1\.tif of .* holds numbers that are not whole"),
    ],
)
def test_every_fault_names_the_file(folder: Path, spoil: object, message: str) -> None:
    assert callable(spoil)
    spoil(folder)
    with pytest.raises(DataError, match=message):
        load(folder)


def test_a_folder_of_images_alone_has_no_labels(tmp_path: Path) -> None:
    for each in range(10):
        Image.fromarray(a_mask(each)).save(tmp_path / f"{each}.png")
    data = load_dataset(str(tmp_path), choose_form=lambda labels: "none")
    assert data.form == "none" and len(data.x_train) == 8 and len(data.x_test) == 2
    with pytest.raises(DataError, match="holds 0 class folders"):
        load_dataset(str(tmp_path))
