"""Data without a model: shapes and classes that the data alone decide on, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prune_mi.data import Dataset
from prune_mi.errors import ConfigError, DataError
from prune_mi.preparation.search_data import load_data_for_search
from prune_mi.records import SilentObserver
from prune_mi.runs.notes import NoteTaker


def _load(
    spec: Path | str, *, image_size: tuple[int, int] | None = None
) -> tuple[Dataset, list[str]]:
    notes = NoteTaker(SilentObserver())
    return load_data_for_search(str(spec), notes, image_size=image_size), notes.said


def _write(path: Path, height: int, width: int, *, grey: bool = False, level: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (height, width) if grey else (height, width, 3)
    Image.fromarray(np.full(shape, level, np.uint8)).save(path)


def _folder(root: Path, sizes: list[tuple[int, int]], *, grey: bool = False) -> Path:
    for name in ("cat", "dog"):
        for index, (height, width) in enumerate(sizes):
            _write(root / name / f"{index}.png", height, width, grey=grey, level=index)
    return root


def _npz(path: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    return path


def test_digits_come_as_they_are_with_their_names() -> None:
    data, notes = _load("digits")
    assert data.image_shape == (8, 8, 1)
    assert data.class_names == tuple("0123456789")
    assert data.x_val is not None and len(data.x_val) == 337
    assert notes == []


def test_unequal_sizes_become_the_median_and_a_broken_image_is_named(tmp_path: Path) -> None:
    _folder(tmp_path, [(20, 10), (20, 10), (24, 12), (24, 12), (28, 14), (40, 40), (24, 12)])
    (tmp_path / "dog" / "bad.png").write_bytes(b"no image")
    data, notes = _load(tmp_path)
    assert data.image_shape == (24, 12, 3)
    assert data.class_names == ("cat", "dog")
    assert len(data.x_train) + len(data.x_test) == 14
    assert notes[0].startswith("All images are resized to 24x12 pixels (height x width)")
    assert f"1 broken image was skipped: {Path('dog', 'bad.png')}" in notes
    assert any("8 of 14 images were resized to 24 x 12" in note for note in notes)


@pytest.mark.parametrize(
    ("size", "expected"), [((64, 64), (64, 64)), ((300, 200), (64, 43)), ((65, 130), (32, 64))]
)
def test_large_images_keep_their_shape_and_become_small(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    data, notes = _load(_folder(tmp_path, [size] * 7))
    assert data.image_shape == (*expected, 3)
    assert any("--image-size" in note for note in notes) == (size != expected)


def test_a_size_may_be_asked_for(tmp_path: Path) -> None:
    data, notes = _load(_folder(tmp_path, [(20, 10)] * 7), image_size=(16, 30))
    assert data.image_shape == (16, 30, 3)
    assert not any("--image-size" in note for note in notes)
    assert any("14 of 14 images were resized to 16 x 30" in note for note in notes)


def test_images_stay_grey_only_if_all_are(tmp_path: Path) -> None:
    data, _ = _load(_folder(tmp_path / "grey", [(8, 8)] * 7, grey=True))
    assert data.image_shape == (8, 8, 1)
    mixed = _folder(tmp_path / "mixed", [(8, 8)] * 7, grey=True)
    _write(mixed / "cat" / "colour.png", 8, 8)
    data, notes = _load(mixed)
    assert data.image_shape == (8, 8, 3)
    assert "14 of 15 images are grey. They are read as colour images." in notes


def test_two_axes_are_a_grey_image(tmp_path: Path) -> None:
    labels = np.arange(20) % 3
    images = np.arange(20 * 30, dtype=np.uint8).reshape(20, 5, 6)
    data, notes = _load(_npz(tmp_path / "grey.npz", images, labels))
    assert data.image_shape == (5, 6, 1)
    np.testing.assert_array_equal(data.x_train[..., 0], images)
    assert data.class_names == ("0", "1", "2")
    assert notes == ["The samples have the shape (5, 6). They are read as grey images."]


def test_one_axis_is_a_vector(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = rng.normal(size=(20, 7)).astype("float32")
    data, notes = _load(_npz(tmp_path / "rows.npz", rows, np.arange(20) % 2))
    assert data.image_shape == (7,)
    assert notes == []


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 32, 32), "looks like channels first; expected .*: transpose"),
        ((4, 4, 4, 2), r"the shape \(4, 4, 4, 2\); expected images .* or vectors"),
    ],
)
def test_other_shapes_are_refused(tmp_path: Path, shape: tuple[int, ...], message: str) -> None:
    images = np.zeros((20, *shape), np.uint8)
    with pytest.raises(DataError, match=message):
        _load(_npz(tmp_path / "odd.npz", images, np.arange(20) % 2))


def test_numbers_of_classes_are_advised_on_only_where_there_are_no_names(tmp_path: Path) -> None:
    labels = np.arange(20) // 19
    _folder(tmp_path / "folder", [(8, 8)] * 3)
    for source, renumbered in (
        (_npz(tmp_path / "few.npz", np.zeros((20, 4, 4, 1), np.uint8), labels), True),
        (tmp_path / "folder", False),
    ):
        with pytest.raises(DataError, match="too few training samples") as caught:
            _load(source)
        assert ("and number the others from 0 on" in str(caught.value)) == renumbered


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(20, int), "all 20 training samples .* are of one class, 0; expected two"),
        (np.arange(20) // 19, r"too few training samples: 1 1; expected at least 5 of each"),
        (np.arange(20) % 2 * 2, r"too few training samples: 1 0; expected"),
        (np.arange(20), r"too few .*: 0 1, 1 1, 2 1, 3 1, 4 1 and 15 more; expected"),
        (np.arange(20) % 2 + 2**40, "labels of .* reach 1099511627777, but it has only 20"),
    ],
)
def test_classes_that_cannot_be_learned_are_refused(
    tmp_path: Path, labels: np.ndarray, message: str
) -> None:
    images = np.zeros((20, 4, 4, 1), np.uint8)
    with pytest.raises(DataError, match=message):
        _load(_npz(tmp_path / "few.npz", images, labels))


def test_classes_without_test_samples_are_told(tmp_path: Path) -> None:
    images, labels = np.zeros((20, 4, 4, 1), np.uint8), np.arange(20) % 2
    path = tmp_path / "untested.npz"
    np.savez(path, x_train=images, y_train=labels, x_test=images[:1], y_test=labels[:1])
    _, notes = _load(path)
    assert notes == [
        "There are no test samples of 1, so the measured accuracy does not cover them."
    ]


@pytest.mark.parametrize("size", [(0, 8), (8, 5000), (-1, 8)])
def test_sizes_out_of_range_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match=r"image size is .*; expected a height and a width of 4"):
        _load("digits", image_size=size)


def test_arrays_are_not_resized() -> None:
    with pytest.raises(ConfigError, match="image size is 16x16, but samples of digits have"):
        _load("digits", image_size=(16, 16))
    data, _ = _load("digits", image_size=(8, 8))
    assert data.image_shape == (8, 8, 1)
