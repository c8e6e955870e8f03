import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prune_mi.data import load_dataset
from prune_mi.errors import DataError

NAMES = [f"data_batch_{index}" for index in range(1, 6)] + ["test_batch"]
CLASSES = [b"airplane", b"automobile", b"bird", b"cat", b"deer"]


def make_batch(index: int, num: int = 3) -> dict[bytes, Any]:
    rng = np.random.default_rng(index)
    return {
        b"batch_label": b"training batch",
        b"labels": [(index + position) % 5 for position in range(num)],
        b"data": rng.integers(0, 256, (num, 3072), dtype=np.uint8),
        b"filenames": [b"a.png"] * num,
    }


def write(folder: Path) -> Path:
    folder = folder / "cifar-10-batches-py"
    folder.mkdir()
    for index, name in enumerate(NAMES):
        (folder / name).write_bytes(pickle.dumps(make_batch(index), protocol=2))
    meta = {b"label_names": CLASSES, b"num_cases_per_batch": 3, b"num_vis": 3072}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))
    return folder


def as_python_2(value: Any) -> bytes:
    """Pickles as Python 2 and its numpy did, whose text was bytes."""
    match value:
        case dict():
            items = b"".join(as_python_2(key) + as_python_2(item) for key, item in value.items())
            return b"}(" + items + b"u"
        case list():
            return b"](" + b"".join(map(as_python_2, value)) + b"e"
        case tuple():
            return b"(" + b"".join(map(as_python_2, value)) + b"t"
        case bytes():
            return b"T" + struct.pack("<i", len(value)) + value
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            return b"J" + struct.pack("<i", value)
    assert isinstance(value, np.ndarray)
    dtype = b"cnumpy\ndtype\n" + as_python_2((b"u1", 0, 1)) + b"R"
    dtype += as_python_2((3, b"|", None, None, None, -1, -1, 0)) + b"b"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n"
    array += as_python_2((0,)) + as_python_2(b"b") + b"tR"
    state = as_python_2(1) + as_python_2(value.shape) + dtype + as_python_2(False)
    return array + b"(" + state + as_python_2(value.tobytes()) + b"tb"


def test_a_folder_comes_back(tmp_path: Path) -> None:
    folder = write(tmp_path)
    dataset = load_dataset(str(folder))
    assert dataset.x_train.shape == (15, 32, 32, 3)
    assert dataset.x_train.dtype == np.uint8
    assert dataset.x_test.shape == (3, 32, 32, 3)
    assert dataset.class_names == ("airplane", "automobile", "bird", "cat", "deer")
    assert dataset.y_train[:6].tolist() == [0, 1, 2, 1, 2, 3]
    planes = make_batch(1)[b"data"][2].reshape(3, 32, 32)
    np.testing.assert_array_equal(dataset.x_train[5], np.moveaxis(planes, 0, -1))


def test_pickles_of_python_2_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path)
    expected = load_dataset(str(folder))
    for index, name in enumerate(NAMES):
        content = b"\x80\x02" + as_python_2(make_batch(index)) + b"."
        (folder / name).write_bytes(content)
        np.testing.assert_array_equal(
            pickle.loads(content, encoding="bytes")[b"data"], make_batch(index)[b"data"]
        )
    found = load_dataset(str(folder))
    np.testing.assert_array_equal(found.x_train, expected.x_train)
    np.testing.assert_array_equal(found.y_train, expected.y_train)


def test_text_keys_and_fortran_order_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path)
    batch = {key.decode(): value for key, value in make_batch(5).items()}
    batch["data"] = np.asfortranarray(batch["data"])
    (folder / "test_batch").write_bytes(pickle.dumps(batch, protocol=2))
    images = load_dataset(str(folder)).x_test
    planes = make_batch(5)[b"data"].reshape(-1, 3, 32, 32)
    np.testing.assert_array_equal(images, np.moveaxis(planes, 1, -1))


class Hostile:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("function", "name"),
    [(os.mkdir, r"\w+\.mkdir"), (eval, r"(__builtin__|builtins)\.eval"), (np.load, r"numpy\.load")],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_hostile_pickle_is_refused_and_runs_nothing(
    tmp_path: Path, function: Any, name: str, protocol: int
) -> None:
    folder = write(tmp_path)
    trace = tmp_path / "trace"
    argument = str(trace) if function is not eval else f"__import__('os').mkdir({str(trace)!r})"
    hostile = make_batch(1) | {b"filenames": Hostile(function, argument)}
    (folder / "data_batch_1").write_bytes(pickle.dumps(hostile, protocol=protocol))
    with pytest.raises(DataError, match=rf"data_batch_1 is refused: it asks for {name}, which"):
        load_dataset(str(folder))
    assert not trace.exists()


@pytest.mark.parametrize(
    "stream",
    [
        b"ccodecs\nencode\n.",
        b"cnumpy\nndarray.tofile\n.",
        b"cprune_mi.data.cifar_batches\n_unpickle\n.",
        b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.__new__\x93.",
    ],
)
def test_names_close_to_the_known_ones_are_refused(tmp_path: Path, stream: bytes) -> None:
    folder = write(tmp_path)
    (folder / "batches.meta").write_bytes(stream)
    with pytest.raises(DataError, match=r"batches\.meta is refused: it asks for"):
        load_dataset(str(folder))


@pytest.mark.parametrize(
    "name",
    [
        b"numpy\nndarray",
        b"numpy\ndtype",
        b"_codecs\nencode",
        b"numpy.core.multiarray\n_reconstruct",
    ],
)
def test_a_known_name_cannot_be_given_attributes(tmp_path: Path, name: bytes) -> None:
    folder = write(tmp_path)
    (folder / "data_batch_1").write_bytes(b"c" + name + b"\n(N}(S'evil'\nK\x01utb.")
    with pytest.raises(DataError, match=r"cannot read .*data_batch_1"):
        load_dataset(str(folder))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({b"data": np.zeros((3, 3072))}, r"cannot read .*: an array is not of type uint8"),
        ({b"data": np.array([None], object)}, r"an array is not of type uint8"),
        ({b"data": np.zeros((3, 99), np.uint8)}, r"shape \(3, 99\) and 3 labels; expected uint8"),
        ({b"labels": [0, 1]}, r"shape \(3, 3072\) and 2 labels"),
        ({b"labels": [0, 1, 10**400]}, r"has the label 1000.*; expected whole numbers from 0 to 9"),
        ({b"labels": [0, 1, b"cat"]}, r"has the label b'cat'"),
        ({b"labels": [0, 1, 9]}, r"reach 9, but there are 5 class names"),
        ({b"labels": None}, r"has no array `data` with a list `labels`; expected"),
    ],
)
def test_other_content_is_refused(tmp_path: Path, changes: dict[bytes, Any], message: str) -> None:
    folder = write(tmp_path)
    (folder / "test_batch").write_bytes(pickle.dumps(make_batch(5) | changes, protocol=2))
    with pytest.raises(DataError, match=message):
        load_dataset(str(folder))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"cannot read .*data_batch_2: .*; unpack cifar-10-python\.tar\.gz"),
        (b"no pickle", r"cannot read .*data_batch_2"),
        (pickle.dumps([1], protocol=2), r"data_batch_2 holds a list; expected a dictionary"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    folder = write(tmp_path)
    (folder / "data_batch_2").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_dataset(str(folder))


def test_class_names_must_be_there(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "batches.meta").write_bytes(pickle.dumps({}, protocol=2))
    with pytest.raises(DataError, match=r"batches\.meta has no list `label_names`; expected"):
        load_dataset(str(folder))


def test_missing_files_are_named(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "data_batch_4").unlink()
    (folder / "batches.meta").unlink()
    with pytest.raises(DataError, match=r"lacks data_batch_4, batches\.meta; expected the whole"):
        load_dataset(str(folder))
