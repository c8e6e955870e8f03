"""Images that a user names."""

from pathlib import Path

import pytest

from prune_mi.data.image_files import list_image_files
from prune_mi.errors import DataError


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_files_and_folders_in_order_each_once(tmp_path: Path) -> None:
    b, a = tmp_path / "in" / "b.PNG", tmp_path / "in" / "deep" / "a.jpeg"
    alone = tmp_path / "alone.webp"
    _touch(b, a, alone, tmp_path / "in" / "notes.txt")
    assert list_image_files([alone, tmp_path / "in"]) == (alone, b, a)
    assert list_image_files([a, tmp_path / "in", a]) == (a, b)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.png", r"no such image: .*none\.png; expected a file or a folder"),
        ("notes.txt", r"notes\.txt is not an image of a known type; expected \.png, \.jpg"),
        ("empty", r"empty has no images in it; expected \.png"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, name: str, message: str) -> None:
    _touch(tmp_path / "notes.txt", tmp_path / "empty" / "notes.txt")
    with pytest.raises(DataError, match=message):
        list_image_files([tmp_path / name])


def test_hidden_files_are_passed_over_in_folders_alone(tmp_path: Path) -> None:
    seen, twin = tmp_path / "a.png", tmp_path / "._a.png"
    _touch(seen, twin, tmp_path / "__MACOSX" / "b.png", tmp_path / "in" / ".cache" / "c.png")
    assert list_image_files([tmp_path]) == (seen,)
    assert list_image_files([twin]) == (twin,)
