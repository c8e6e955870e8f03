"""TFRecords written by hand, without TensorFlow."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from prune_mi.data.tfrecords import _TABLE


def varint(value: int) -> bytes:
    value %= 1 << 64
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def feature(value: Any) -> bytes:
    if isinstance(value, bytes):
        return field(1, field(1, value))
    array = np.atleast_1d(value)
    if array.dtype.kind == "f":
        return field(2, field(1, array.astype("<f4").tobytes()))
    return field(3, field(1, b"".join(varint(int(each)) for each in array)))


def example(**features: Any) -> bytes:
    entries = (
        field(1, field(1, name.encode()) + field(2, feature(value)))
        for name, value in features.items()
    )
    return field(1, b"".join(entries))


def masked_crc(content: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def records(examples: Sequence[bytes]) -> bytes:
    found = b""
    for each in examples:
        length = struct.pack("<Q", len(each))
        found += length + masked_crc(length) + each + masked_crc(each)
    return found
