"""TFRecord files read as plain data, without TensorFlow.

References:
    https://www.tensorflow.org/tutorials/load_data/tfrecord describes the framing: the length, its
    checksum, the record, its checksum. A record is a protocol buffer, `tf.train.Example`:
    https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/example/feature.proto
"""

import gzip
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np

from prune_mi.errors import DataError, first_line

_LARGEST_RECORD = 1 << 31  # what a protocol buffer can be
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3
_CUT = "it ends in the middle of a record"

Feature = list[bytes] | np.ndarray
"""Bytes, float32 `(n,)` or int64 `(n,)`."""


def read_records(path: Path) -> Iterator[dict[str, Feature]]:
    """The examples of a TFRecord file, plain or compressed, each as its features by name.

    Raises:
        DataError: If the file cannot be read, is no TFRecord, or is cut off.
    """
    try:
        with _opened(path) as file:
            count = 0
            while header := file.read(12):
                yield _features(_record(file, header))
                count += 1
    except _Broken as error:
        raise DataError(
            f"{path} is no TFRecord, or damaged: {error} (after {count} good records); expected "
            "records of tf.train.Example: write it again"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {first_line(error)}") from error


class _Broken(Exception):
    """What is read is not what it should be."""


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    with path.open("rb") as file:
        start = file.read(12)
    if len(start) < 12 or _is_header(start):
        return path.open("rb")
    if start[:2] == b"\x1f\x8b":
        return gzip.open(path, "rb")
    try:
        return BytesIO(zlib.decompress(path.read_bytes()))
    except zlib.error:
        return path.open("rb")  # whose first record tells that it is none


def _record(file: IO[bytes] | gzip.GzipFile, header: bytes) -> bytes:
    if len(header) < 12:
        raise _Broken(_CUT)
    if not _is_header(header):
        raise _Broken("the checksum of a record's length is wrong")
    (length,) = struct.unpack("<Q", header[:8])
    if length > _LARGEST_RECORD:
        raise _Broken(f"a record has {length} bytes")
    content = file.read(length)
    if len(content) < length or len(file.read(4)) < 4:
        raise _Broken(_CUT)
    return content


def _crc_table() -> tuple[int, ...]:
    def entry(value: int) -> int:
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        return value

    return tuple(entry(value) for value in range(256))


_TABLE = _crc_table()


def _is_header(header: bytes) -> bool:
    """Whether the four bytes behind a length are its masked CRC-32C."""
    crc = 0xFFFFFFFF
    for byte in header[:8]:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    return bool(struct.unpack("<I", header[8:12])[0] == masked)


def _features(record: bytes) -> dict[str, Feature]:
    found: dict[str, Feature] = {}
    for number, features in _fields(record):
        if number != 1 or not isinstance(features, bytes):
            continue
        for _, entry in _fields(features):
            name, value = "", b""
            for part, content in _fields(entry if isinstance(entry, bytes) else b""):
                if not isinstance(content, bytes):
                    raise _Broken("a feature has no name or value")
                if part == 1:
                    name = content.decode("utf-8", "replace")
                else:
                    value = content
            found[name] = _values(value)
    return found


def _values(feature: bytes) -> Feature:
    for kind, values in _fields(feature):
        if not isinstance(values, bytes):
            raise _Broken("a feature is no list")
        parts = list(_fields(values))
        if kind == _BYTES_LIST:
            return [each for _, each in parts if isinstance(each, bytes)]
        if kind == _FLOAT_LIST:
            # Packed in one field, or each in its own.
            raw = b"".join(each for _, each in parts if isinstance(each, bytes))
            if len(raw) % 4:
                raise _Broken("a list of floats is cut off")
            return np.frombuffer(raw, dtype="<f4")
        if kind == _INT64_LIST:
            numbers: list[int] = []
            for _, each in parts:
                numbers += _varints(each) if isinstance(each, bytes) else [each]
            return np.array(
                [each - (1 << 64) if each >> 63 else each for each in numbers], np.int64
            )
    return []


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """The fields of a protocol buffer: numbers, with bytes or whole numbers."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(kind, -1)
        if kind == _BYTES:
            size, place = _varint(message, place)
        if size < 0 or place + size > len(message):
            raise _Broken("a record is no tf.train.Example")
        yield number, message[place : place + size]
        place += size


def _varints(content: bytes) -> list[int]:
    found, place = [], 0
    while place < len(content):
        value, place = _varint(content, place)
        found.append(value)
    return found


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(message) or shift > 63:
            raise _Broken("a record is no tf.train.Example")
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return value, place
        shift += 7
