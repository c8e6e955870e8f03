"""TFRecords written by hand; those that TensorFlow writes are in test_tensorflow_data.py."""

import gzip
import io
import json
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tfrecord_files import example, masked_crc, records

from prune_mi.data import Dataset, LabelForm, ModelInput, load_dataset
from prune_mi.errors import DataError

X = np.random.default_rng(0).integers(0, 256, (12, 4, 5, 3), dtype=np.uint8)
Y = np.arange(12) % 3
DESCRIPTION = {
    "train": "train-*.tfrecord",
    "test": "test.tfrecord",
    "image": {"feature": "pixels", "dtype": "uint8", "shape": [4, 5, 3]},
    "label": "label",
}


def raw(rows: range) -> bytes:
    return records([example(pixels=X[row].tobytes(), label=int(Y[row])) for row in rows])


def write(folder: Path, description: Mapping[str, Any] | None = None) -> str:
    (folder / "train-0.tfrecord").write_bytes(raw(range(4)))
    (folder / "train-1.tfrecord").write_bytes(raw(range(4, 8)))
    (folder / "test.tfrecord").write_bytes(raw(range(8, 12)))
    path = folder / "data.yaml"
    path.write_text(json.dumps(DESCRIPTION | dict(description or {})))  # JSON is YAML
    return str(path)


def load(spec: str, form: LabelForm = "classes") -> Dataset:
    inputs = (ModelInput("image", (4, 5, 3)),)
    return load_dataset(spec, choose_form=lambda labels: form, inputs=inputs, image_shape=(4, 5, 3))


def test_the_published_checksum() -> None:
    # RFC 3720, appendix B.4: CRC-32C of 32 bytes of zeros is 0x8A9136AA.
    crc = struct.unpack("<I", masked_crc(bytes(32)))[0] - 0xA282EAD8 & 0xFFFFFFFF
    assert (crc << 15 | crc >> 17) & 0xFFFFFFFF == 0x8A9136AA


def test_raw_pixels(tmp_path: Path) -> None:
    data = load(write(tmp_path, {"classes": ["a", "b", "c"]}))
    np.testing.assert_array_equal(data.x_train, X[:8])
    np.testing.assert_array_equal(data.x_test, X[8:])
    assert data.x_train.dtype == np.uint8 and data.y_test.tolist() == Y[8:].tolist()
    assert data.class_names == ("a", "b", "c")


def test_every_record_is_read_once(tmp_path: Path) -> None:
    data = load(write(tmp_path, {"train": ["train-*.tfrecord", "train-0.tfrecord"]}))
    np.testing.assert_array_equal(data.x_train, X[:8])
    with pytest.raises(DataError, match=r"`train` and `test` of .* both name .*test\.tfrecord"):
        load(write(tmp_path, {"train": "*.tfrecord"}))


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_compressed_files(tmp_path: Path, pack: Any) -> None:
    spec = write(tmp_path)
    (tmp_path / "test.tfrecord").write_bytes(pack(raw(range(8, 12))))
    np.testing.assert_array_equal(load(spec).x_test, X[8:])


def test_encoded_images_and_numbers(tmp_path: Path) -> None:
    spec = write(tmp_path, {"image": "image/encoded", "label": "values", "sample_weight": "w"})
    for name, rows in (("train-0", range(4)), ("train-1", range(4, 8)), ("test", range(8, 12))):
        found = []
        for row in rows:
            file = io.BytesIO()
            Image.fromarray(X[row]).save(file, "PNG")
            values = np.array([row / 2, -row], np.float32)
            encoded = {"image/encoded": file.getvalue()}
            found.append(example(**encoded, values=values, w=row / 4, other=-3))
        (tmp_path / f"{name}.tfrecord").write_bytes(records(found))
    data = load(spec, "numbers")
    np.testing.assert_array_equal(data.x_train, X[:8])
    np.testing.assert_allclose(data.y_test, [[row / 2, -row] for row in range(8, 12)])
    assert data.w_train is not None
    np.testing.assert_allclose(data.w_train, np.arange(8) / 4)


def test_without_labels(tmp_path: Path) -> None:
    path = Path(write(tmp_path))
    unlabelled = {name: each for name, each in DESCRIPTION.items() if name != "label"}
    path.write_text(json.dumps(unlabelled))
    assert load(str(path), "none").form == "none"


GOOD = raw(range(4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"the train data of .*data\.yaml yields nothing"),
        (b"x" * 50, r"train-\*?0?.*is no TFRecord, or damaged: the checksum of a record's length"),
        (GOOD[:-30], r"damaged: it ends in the middle of a record \(after 3 good records\)"),
        (GOOD[:5], r"damaged: it ends in the middle of a record \(after 0 good records\)"),
        (records([b"\xff\xff\xff"]), r"damaged: a record is no tf\.train\.Example"),
        (records([example(other=1)]), r"record 0 of .* has no feature 'pixels'; it has other"),
        (records([example(pixels=b"12", label=1)]), r"'pixels' of record 0 .* has 2 values; expec"),
        (gzip.compress(GOOD)[:-20], r"cannot read .*: Compressed file ended"),
    ],
    # Not by what they hold, which is another every second.
    ids=["empty", "text", "cut", "begun", "other", "feature", "values", "packed"],
)
def test_files_that_are_damaged(tmp_path: Path, content: bytes, message: str) -> None:
    spec = write(tmp_path, {"train": "train-0.tfrecord"})
    (tmp_path / "train-0.tfrecord").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load(spec)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test": "nowhere-*"}, r"`test` of .* names 'nowhere-\*', where there is no file"),
        ({"test": 3}, r"`test` of .* is '3'; expected files"),
        ({"pictures": "x"}, r"has pictures, which is not known; expected `train` and `test`"),
        ({"image": 3}, r"`image` of .* is '3'; expected the name of a feature"),
        ({"image": {"feature": "x", "type": "y"}}, r"`image` of .* has type; expected feature"),
        ({"image": {"feature": "x", "dtype": "y"}}, r"has the dtype 'y'; expected .*uint8"),
        ({"image": {"feature": "x", "shape": [0]}}, r"shape of `image` of .* is \[0\]; expected"),
        ({"image": "pixels"}, r"'pixels' of record 0 of .* is no image that can be read"),
        ({"label": "pixels"}, r"'pixels' of record 0 of .* is no image"),
        ({"classes": "a, b"}, r"`classes` of .* is 'a, b'; expected a list"),
    ],
)
def test_descriptions_that_are_wrong(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(write(tmp_path, changes))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"cannot read the description .*data\.yaml"),
        ("hello", r"holds 'hello'; expected `train`"),
        ("train: x", r"lacks test, image; expected"),
    ],
)
def test_what_is_no_description(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "data.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        load(str(path))
