import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from prune_mi.data import image_files, load_dataset, scratch
from prune_mi.data.chunks import is_mapped
from prune_mi.errors import DataError

CLASSES = ("cat", "dog", "owl")


def write_image(path: Path, size: tuple[int, int] = (6, 8), level: int = 100) -> None:
    """Writes an image of `size` (height, width), its left half red and its right half grey."""
    pixels = np.full((*size, 3), level, np.uint8)
    pixels[:, : size[1] // 2] = (200, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_classes(root: Path, num: int, classes: tuple[str, ...] = CLASSES) -> None:
    for label, name in enumerate(classes):
        for index in range(num):
            write_image(root / name / f"{index}.png", level=10 * label + index)


def test_given_splits_are_kept(tmp_path: Path) -> None:
    for split, num in (("train", 3), ("test", 2), ("val", 1)):
        write_classes(tmp_path / split, num)
    (tmp_path / "train" / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "train" / ".hidden").mkdir()
    dataset = load_dataset(str(tmp_path))
    assert dataset.class_names == CLASSES
    assert dataset.x_train.shape == (9, 6, 8, 3)
    assert dataset.x_train.dtype == np.uint8
    assert dataset.y_train.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert dataset.y_test.tolist() == [0, 0, 1, 1, 2, 2]
    assert dataset.y_val is not None
    assert dataset.y_val.tolist() == [0, 1, 2]
    assert dataset.x_train[:, 0, -1, 0].tolist() == [0, 1, 2, 10, 11, 12, 20, 21, 22]
    assert dataset.x_train[0, 0, 0].tolist() == [200, 0, 0]
    assert dataset.notes == ()


def test_class_folders_alone_are_split(tmp_path: Path) -> None:
    write_classes(tmp_path, 10)
    dataset = load_dataset(str(tmp_path))
    assert np.bincount(dataset.y_train).tolist() == [8, 8, 8]
    assert np.bincount(dataset.y_test).tolist() == [2, 2, 2]
    assert len(dataset.notes) == 1
    assert "its images are split: 24 to train on and 6 to test on" in dataset.notes[0]
    np.testing.assert_array_equal(dataset.x_test, load_dataset(str(tmp_path)).x_test)


@pytest.mark.parametrize("suffix", ["png", "JPG", "jpeg", "bmp", "gif", "webp", "tif", "TIFF"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    for name in ("cat", "dog"):
        for index in range(5):
            write_image(tmp_path / name / f"{index}.{suffix}", (16, 16))
    dataset = load_dataset(str(tmp_path))
    assert dataset.x_train.shape == (8, 16, 16, 3)
    assert np.abs(dataset.x_train[0, 8, 12].astype(int) - 100).max() < 12


def test_unequal_sizes_become_the_commonest_and_broken_images_are_skipped(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", 3)
    write_classes(tmp_path / "test", 2)
    write_image(tmp_path / "train" / "cat" / "large.png", (20, 30))
    write_image(tmp_path / "test" / "dog" / "small.png", (3, 3))
    (tmp_path / "train" / "cat" / "empty.png").write_bytes(b"")
    # A good header and no end: found only when decoded.
    rng = np.random.default_rng(0)
    noise = tmp_path / "test" / "owl" / "cut.png"
    Image.fromarray(rng.integers(0, 256, (60, 60, 3), dtype=np.uint8)).save(noise)
    noise.write_bytes(noise.read_bytes()[:2000])
    dataset = load_dataset(str(tmp_path))
    assert dataset.x_train.shape == (10, 6, 8, 3)
    assert dataset.y_train.tolist() == [0] * 4 + [1] * 3 + [2] * 3
    assert dataset.y_test.tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert dataset.notes == (
        "2 of 17 images were resized to 6 x 8 pixels (height x width)",
        f"2 broken images were skipped: {Path('train', 'cat', 'empty.png')}, "
        f"{Path('test', 'owl', 'cut.png')}",
    )


@pytest.mark.parametrize(
    ("image_shape", "expected"),
    [
        ((5, 7, 1), (5, 7, 1)),
        ((5, 7, 3), (5, 7, 3)),
        ((5, 7, 4), (5, 7, 4)),
        ((None, None, 1), (6, 8, 1)),
        ((12, None, None), (12, 8, 3)),
    ],
)
def test_images_take_the_wanted_shape(
    tmp_path: Path,
    image_shape: tuple[int | None, int | None, int | None],
    expected: tuple[int, ...],
) -> None:
    write_classes(tmp_path, 5)
    dataset = load_dataset(str(tmp_path), image_shape=image_shape)
    assert dataset.image_shape == expected
    assert any("resized" in note for note in dataset.notes) == (expected[:2] != (6, 8))


def test_resizing_is_bilinear(tmp_path: Path) -> None:
    write_classes(tmp_path, 5)
    dataset = load_dataset(str(tmp_path), image_shape=(12, 16, 3))
    with Image.open(tmp_path / "cat" / "0.png") as image:
        expected = np.asarray(image.resize((16, 12), Image.Resampling.BILINEAR))
    assert any(np.array_equal(image, expected) for image in [*dataset.x_train, *dataset.x_test])


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    write_classes(root, 5)
    write_classes(outside, 1, ("secret",))
    (root / "secret").symlink_to(outside / "secret", target_is_directory=True)
    (root / "cat" / "secret.png").symlink_to(outside / "secret" / "0.png")
    (root / "cat" / "deeper").symlink_to(outside / "secret", target_is_directory=True)
    (root / "dog" / "again.png").symlink_to(root / "dog" / "0.png")
    dataset = load_dataset(str(root))
    assert dataset.class_names == CLASSES
    labels = np.concatenate([dataset.y_train, dataset.y_test])
    assert np.bincount(labels).tolist() == [5, 6, 5]


def huge_png(side: int) -> bytes:
    """A small file that claims to be `side` pixels wide and high."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_000, 30_000])  # Pillow warns of the first, raises at the other
def test_decompression_bombs_are_skipped(tmp_path: Path, side: int) -> None:
    write_classes(tmp_path, 5)
    (tmp_path / "cat" / "bomb.png").write_bytes(huge_png(side))
    dataset = load_dataset(str(tmp_path))
    assert f"1 broken image was skipped: {Path('cat', 'bomb.png')}" in dataset.notes
    assert dataset.image_shape == (6, 8, 3)


def test_only_the_usual_formats_are_decoded_whatever_the_name(tmp_path: Path) -> None:
    write_classes(tmp_path, 5)
    with Image.open(tmp_path / "cat" / "0.png") as image:
        image.save(tmp_path / "cat" / "disguised.png", format="PPM")
    assert any("1 broken" in note for note in load_dataset(str(tmp_path)).notes)


def test_a_tenth_may_be_broken_and_no_more(tmp_path: Path) -> None:
    write_classes(tmp_path, 20)
    for index in range(6):
        (tmp_path / "owl" / f"{index}.png").write_bytes(b"broken")
    names = ", ".join(str(Path("owl", f"{index}.png")) for index in range(5))
    notes = load_dataset(str(tmp_path)).notes
    assert f"6 broken images were skipped: {names} and 1 more" in notes
    (tmp_path / "cat" / "0.png").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"7 of the 60 images of .* are broken: .*at most: repair"):
        load_dataset(str(tmp_path))


def test_classes_must_agree(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", 1)
    write_classes(tmp_path / "test", 1, ("cat", "dog", "wolf"))
    with pytest.raises(DataError, match=r"train/ and test/ .*differ.*: owl, wolf are in one only"):
        load_dataset(str(tmp_path))


@pytest.mark.parametrize(("there", "missing"), [("train", "test"), ("test", "train")])
def test_train_and_test_come_together(tmp_path: Path, there: str, missing: str) -> None:
    write_classes(tmp_path / there, 1)
    with pytest.raises(DataError, match=rf"has {there}/ but no {missing}/; expected both"):
        load_dataset(str(tmp_path))


def test_class_folders_must_be_there(tmp_path: Path) -> None:
    write_image(tmp_path / "0.png")
    with pytest.raises(DataError, match="holds 0 class folders; expected at least two"):
        load_dataset(str(tmp_path))


def test_images_must_be_there(tmp_path: Path) -> None:
    write_classes(tmp_path, 2)
    for file in (tmp_path / "dog").iterdir():
        file.unlink()
    with pytest.raises(DataError, match=r"class 'dog' .*has no readable image to train on"):
        load_dataset(str(tmp_path))
    for name in CLASSES:
        shutil.rmtree(tmp_path / name)
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=r"no readable image in them; expected \.png, \.jpg"):
        load_dataset(str(tmp_path))


def test_an_empty_test_split_is_refused(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", 1)
    for name in CLASSES:
        (tmp_path / "test" / name).mkdir(parents=True)
    with pytest.raises(DataError, match=r"the test split of .* is empty"):
        load_dataset(str(tmp_path))


def test_too_few_images_to_split_are_refused(tmp_path: Path) -> None:
    write_classes(tmp_path, 1, ("cat", "dog"))
    with pytest.raises(DataError, match=r"the test split of .* is empty"):
        load_dataset(str(tmp_path))


def test_other_channels_are_refused(tmp_path: Path) -> None:
    write_classes(tmp_path, 5)
    with pytest.raises(DataError, match=r"takes images of 2 channels; .*pass an \.npz instead"):
        load_dataset(str(tmp_path), image_shape=(6, 8, 2))


def _write_values(path: Path, values: np.ndarray, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, **options)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_all_levels_of_16_bits_are_kept(tmp_path: Path, suffix: str, channels: int) -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 65536, (10, 6, 8)).astype(np.uint16)
    for index, image in enumerate(values):
        _write_values(tmp_path / CLASSES[index % 2] / f"{index:02}.{suffix}", image)
    dataset = load_dataset(str(tmp_path), image_shape=(None, None, channels))
    assert dataset.x_train.dtype == np.float32
    assert dataset.full_value == 65535
    found = np.concatenate([dataset.x_train, dataset.x_test])
    assert found.shape == (10, 6, 8, channels)
    for image in values:
        expected = np.repeat(image[..., None], min(channels, 3), axis=2).astype(np.float32)
        assert any(np.array_equal(each[..., :3], expected) for each in found)
    if channels == 4:
        assert (found[..., 3] == 65535).all()


def test_16_bits_in_the_other_byte_order(tmp_path: Path) -> None:
    values = np.arange(48, dtype=">u2").reshape(6, 8) * 1300
    for name in CLASSES:
        for index in range(5):
            _write_values(tmp_path / name / f"{index}.tif", values)
    dataset = load_dataset(str(tmp_path), image_shape=(None, None, 1))
    np.testing.assert_array_equal(dataset.x_train[0, ..., 0], values.astype(np.float32))


def test_images_of_16_bits_are_resized_by_their_own_values(tmp_path: Path) -> None:
    values = np.arange(0, 64000, 1000, dtype=np.uint16).reshape(8, 8)
    for name in CLASSES:
        for index in range(5):
            _write_values(tmp_path / name / f"{index}.png", values)
    dataset = load_dataset(str(tmp_path), image_shape=(4, 4, 1))
    expected = values.reshape(4, 2, 4, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(dataset.x_train[0, ..., 0], expected, rtol=1e-6)


def test_8_bits_among_16_are_brought_up(tmp_path: Path) -> None:
    for name in CLASSES:
        for index in range(5):
            _write_values(tmp_path / name / f"{index}.png", np.full((4, 4), 40000, np.uint16))
    for index in range(5, 10):
        _write_values(tmp_path / "cat" / f"{index}.png", np.full((4, 4), 100, np.uint8))
    dataset = load_dataset(str(tmp_path), image_shape=(None, None, 1))
    assert set(np.unique(dataset.x_train)) == {25700.0, 40000.0}
    assert any("5 of 20 images have 8 bits, the others 16" in note for note in dataset.notes)


def test_colours_of_16_bits_keep_the_upper_8(tmp_path: Path) -> None:
    for name in CLASSES:
        for index in range(5):
            (tmp_path / name).mkdir(exist_ok=True)
            path = tmp_path / name / f"{index}.png"
            path.write_bytes(_colour_png(np.full((4, 4, 3), 0x1234, np.uint16)))
    dataset = load_dataset(str(tmp_path))
    assert (dataset.x_train == 0x12 * 257).all()
    assert dataset.full_value == 65535
    assert any("15 of 15 images have colours of 16 bits" in note for note in dataset.notes)


def _colour_png(values: np.ndarray) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    height, width = values.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


def test_numbers_of_32_bits_stay_as_they_are(tmp_path: Path) -> None:
    values = np.linspace(-1, 2, 16, dtype=np.float32).reshape(4, 4)
    for name in CLASSES:
        for index in range(5):
            _write_values(tmp_path / name / f"{index}.tif", values)
    dataset = load_dataset(str(tmp_path), image_shape=(None, None, 1))
    np.testing.assert_array_equal(dataset.x_train[0, ..., 0], values)
    assert dataset.full_value is None
    write_image(tmp_path / "cat" / "flat.png", (4, 4))
    with pytest.raises(DataError, match=r"15 of the 16 images .* 32 bits, .*; expected one kind"):
        load_dataset(str(tmp_path))


@pytest.mark.parametrize("mode", ["1", "P", "RGBA", "CMYK", "LA"])
def test_other_modes_are_converted_as_pillow_does(tmp_path: Path, mode: str) -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)).convert(mode)
    for name in CLASSES:
        for index in range(5):
            (tmp_path / name).mkdir(exist_ok=True)
            image.save(tmp_path / name / f"{index}.tif")
    dataset = load_dataset(str(tmp_path))
    assert dataset.x_train.dtype == np.uint8
    np.testing.assert_array_equal(dataset.x_train[0], np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_photos_are_turned_as_their_tags_say(tmp_path: Path, orientation: int, suffix: str) -> None:
    pixels = np.zeros((16, 24, 3), np.uint8)
    pixels[:8, :8] = 250
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in CLASSES:
        for index in range(5):
            path = tmp_path / name / f"{index}.{suffix}"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(pixels).save(path, exif=exif)
    with Image.open(tmp_path / "cat" / f"0.{suffix}") as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    dataset = load_dataset(str(tmp_path))
    assert dataset.image_shape == expected.shape
    assert dataset.image_shape[:2] == ((24, 16) if orientation > 4 else (16, 24))
    np.testing.assert_array_equal(dataset.x_train[0], expected)
    assert not any("resized" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (5, lambda pixels: pixels.T),
        (6, lambda pixels: np.rot90(pixels, -1)),
        (7, lambda pixels: np.rot90(pixels, 2).T),
        (8, np.rot90),
    ],
)
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2"])  # modes L, I;16 and I;16B
def test_uncompressed_grey_tiffs_are_turned(
    tmp_path: Path, dtype: str, orientation: int, turned: Callable[[np.ndarray], np.ndarray]
) -> None:
    pixels = np.arange(40, dtype=dtype).reshape(5, 8)
    for name in CLASSES:
        for index in range(5):
            _write_values(tmp_path / name / f"{index}.tif", pixels, tiffinfo={0x0112: orientation})
    dataset = load_dataset(str(tmp_path), image_shape=(None, None, 1))
    np.testing.assert_array_equal(dataset.x_train[0, ..., 0], turned(pixels))


def test_a_broken_tag_leaves_a_good_image(tmp_path: Path) -> None:
    for name in CLASSES:
        for index in range(5):
            path = tmp_path / name / f"{index}.jpg"
            path.parent.mkdir(exist_ok=True)
            Image.new("RGB", (8, 8)).save(path, exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01")
    assert not any("skipped" in note for note in load_dataset(str(tmp_path)).notes)


def test_what_systems_leave_behind_is_passed_over(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_classes(tmp_path / split, 3)
    expected = load_dataset(str(tmp_path))
    for split in ("train", "test"):
        for name in ("__MACOSX", ".ipynb_checkpoints", "@eaDir", "$RECYCLE.BIN"):
            write_image(tmp_path / split / name / "0.png", (3, 3))
            write_image(tmp_path / split / "cat" / "deeper" / name / "deep.png", (3, 3))
        (tmp_path / split / "cat" / "._0.png").write_bytes(b"\x00\x05\x16\x07")
        (tmp_path / split / "cat" / "Thumbs.db").write_bytes(b"no image")
    found = load_dataset(str(tmp_path))
    assert (found.class_names, found.notes) == (CLASSES, ())
    np.testing.assert_array_equal(found.x_train, expected.x_train)


def test_the_order_of_folders_is_not_known(tmp_path: Path) -> None:
    write_classes(tmp_path, 5)
    assert not load_dataset(str(tmp_path)).order_known


def test_more_images_than_memory_holds_lie_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for label in range(2):
        (tmp_path / f"{label}").mkdir()
        for each in range(10):
            value = np.full((8, 8), 20 * label + each, np.uint8)
            Image.fromarray(value).save(tmp_path / f"{label}" / f"{each}.png")
    expected = load_dataset(str(tmp_path), image_shape=(8, 8, 1))
    monkeypatch.setattr(scratch, "IN_MEMORY", 200)
    monkeypatch.setattr(image_files, "_DECODED_BYTES", 200)
    found = load_dataset(str(tmp_path), image_shape=(8, 8, 1))
    assert is_mapped(found.x_train) and is_mapped(found.x_test)
    np.testing.assert_array_equal(found.x_train, expected.x_train)
    np.testing.assert_array_equal(found.x_test, expected.x_test)
    assert any("lie on the disk" in note for note in found.notes)
