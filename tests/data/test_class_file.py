"""`classes.json`: written and read back; what is wrong in it is named."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prune_mi.data import Dataset, fit_scaling
from prune_mi.data.class_file import (
    FILE_SCALINGS,
    ClassFile,
    FileScaling,
    describe_classes,
    file_scaling,
    read_class_file,
    write_class_file,
)
from prune_mi.data.image_files import Depth
from prune_mi.errors import DataError, RunError

CONTENT = ClassFile(("Katze", "höhle\n", "犬"), "none", 16.0, (8, 6, 1))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "classes.json"
    write_class_file(CONTENT, path)
    assert read_class_file(path) == CONTENT
    assert json.loads(path.read_text(encoding="utf-8"))["classes"] == list(CONTENT.classes)


def test_other_keys_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "classes.json"
    write_class_file(CONTENT, path)
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), "more": 1}))
    assert read_class_file(path) == CONTENT


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"classes": []},
            r"`classes` is '\[\]'; expected a list of names",
        ),
        ({"classes": ["a", "a"]}, "all different"),
        ({"classes": ["a", 2]}, "`classes` is"),
        ({"classes": None}, "`classes` is 'None'"),
        ({"scaling": "standardize"}, "`scaling` is 'standardize'; expected one of none, unit, sig"),
        ({"scaling": []}, "`scaling` is"),
        ({"pixel_range": 0}, "`pixel_range` is '0'; expected a number above 0"),
        ({"pixel_range": True}, "`pixel_range` is 'True'"),
        ({"pixel_range": float("nan")}, "`pixel_range` is 'nan'"),
        ({"input": [8, -1]}, "`input` is .*; expected a list of positive whole numbers"),
        ({"input": [8, True]}, "`input` is"),
    ],
)
def test_wrong_values_are_named(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    path = tmp_path / "classes.json"
    right = {"classes": ["a", "b"], "scaling": "unit", "pixel_range": 255, "input": [8, 8, 3]}
    path.write_text(json.dumps({**right, **changes}))
    with pytest.raises(DataError, match=message):
        read_class_file(path)
    for key in changes:
        path.write_text(json.dumps({name: right[name] for name in right if name != key}))
        with pytest.raises(DataError, match=f"has no `{key}`; .*to have the classes numbered"):
            read_class_file(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is not JSON"), ("[" * 100_000, "is not JSON"), ("[]", "holds a list")],
)
def test_no_json_object(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "classes.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_class_file(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="is not JSON"):
        read_class_file(path)


def test_nowhere(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*none"):
        read_class_file(tmp_path / "none")
    with pytest.raises(RunError, match=r"cannot write .*classes\.json"):
        write_class_file(CONTENT, tmp_path / "none" / "classes.json")


@pytest.mark.parametrize(
    ("kind", "pixel_range", "expected"),
    [
        ("none", 255.0, [0, 51, 255]),
        ("none", 16.0, [0, 3.2, 16]),
        ("unit", 16.0, [0, 0.2, 1]),
        ("signed", 255.0, [-1, -0.6, 1]),
    ],
)
def test_pixels_of_files_become_what_the_model_takes(
    kind: FileScaling, pixel_range: float, expected: list[float]
) -> None:
    assert kind in FILE_SCALINGS
    scaling = file_scaling(kind, pixel_range=pixel_range)
    pixels = np.array([0, 51, 255], np.uint8)
    np.testing.assert_allclose(scaling.apply(pixels), expected, rtol=1e-6)
    assert scaling.kind == kind


@pytest.mark.parametrize(
    ("kind", "pixel_range", "depth", "expected"),
    [
        ("none", None, 8, [0, 51, 255]),
        ("none", 65535.0, 8, [0, 51 * 257, 65535]),
        ("none", None, 16, [0, 51, 255]),
        ("none", 65535.0, 16, [0, 51, 255]),
        ("none", 4095.0, 16, [0, 51, 255]),
        ("none", 255.0, 16, [0, 51 / 257, 255 / 257]),
        ("unit", None, 16, [0, 51 / 65535, 255 / 65535]),
        ("unit", 4095.0, 16, [0, 51 / 4095, 255 / 4095]),
        ("signed", None, 16, [-1, 51 / 32767.5 - 1, 255 / 32767.5 - 1]),
        ("none", None, 32, [0, 51, 255]),
        ("unit", 1000.0, 32, [0, 0.051, 0.255]),
    ],
)
def test_files_of_any_depth_are_scaled_as_in_training(
    kind: FileScaling, pixel_range: float | None, depth: Depth, expected: list[float]
) -> None:
    scaling = file_scaling(kind, pixel_range=pixel_range, depth=depth)
    pixels = np.array([0, 51, 255], np.float32)
    np.testing.assert_allclose(scaling.apply(pixels), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", ["caffe", "torch"])
def test_colours_of_files_are_scaled_as_in_training(kind: FileScaling, depth: Depth) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (5, 4, 4, 3)).astype(np.float32) * (1 if depth == 8 else 257)
    full = 255.0 if depth == 8 else 65535.0
    expected = fit_scaling(kind, pixels, full=full).apply(pixels)
    np.testing.assert_allclose(file_scaling(kind, depth=depth).apply(pixels), expected, rtol=1e-5)


def test_numbers_of_32_bits_need_a_range() -> None:
    with pytest.raises(DataError, match=r"32 bits do not tell; expected `pixel_range` in a class"):
        file_scaling("unit", depth=32)


def _dataset(images: np.ndarray, names: tuple[str, ...] = ("a", "b")) -> Dataset:
    labels = np.arange(len(images)) % 2
    return Dataset(images, labels, images, labels, None, None, names, "made up", ())


@pytest.mark.parametrize(("highest", "pixel_range"), [(255, 255.0), (16, 16.0), (1, 1.0)])
def test_a_model_of_raw_pixels_is_described(highest: int, pixel_range: float) -> None:
    images = np.full((4, 6, 5, 3), highest, np.float32)
    images[0] = 0
    described = describe_classes(_dataset(images), fit_scaling("none", images))
    assert described == ClassFile(("a", "b"), "none", pixel_range, (6, 5, 3))


def test_what_cannot_be_fed_from_files_is_not_described() -> None:
    images, vectors = np.ones((4, 6, 5, 3), np.float32), np.ones((4, 7), np.float32)
    assert describe_classes(_dataset(images), fit_scaling("standardize", images)) is None
    assert describe_classes(_dataset(vectors), fit_scaling("none", vectors)) is None
    assert describe_classes(_dataset(images, ()), fit_scaling("none", images)) is None


def test_the_range_of_the_scaling_that_was_found_is_described() -> None:
    images = np.full((4, 6, 5, 3), 4000, np.float32)
    data = replace(_dataset(images), full_value=65535.0)
    for kind, full, expected in (
        ("none", None, 65535.0),
        ("unit", 4095.0, 4095.0),
        ("torch", 65535.0, 65535.0),
    ):
        described = describe_classes(data, fit_scaling(kind, images, full=full))  # type: ignore[arg-type]
        assert described == ClassFile(("a", "b"), kind, expected, (6, 5, 3))  # type: ignore[arg-type]
