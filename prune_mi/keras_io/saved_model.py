"""The architecture that Keras 2 leaves in a SavedModel folder, read without running anything.

`keras_metadata.pb` is a protocol buffer of Keras 2: `SavedMetadata` holds `SavedObject`s (field 1),
each with a path (field 3) and JSON (field 5). These few fields are read here, since no Keras 3
installation has the classes for them.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prune_mi.errors import ModelError

_NODES, _NODE_PATH, _METADATA = 1, 3, 5
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def read_saved_model(folder: Path) -> dict[str, Any]:
    """The metadata of a SavedModel's root object: `class_name`, `config`, `keras_version`, ...

    Raises:
        ModelError: If the folder is no SavedModel, or Keras did not write it, or its model is a
            subclass that has no architecture.
    """
    if not (folder / "saved_model.pb").is_file():
        raise ModelError(
            f"{folder} is a folder without best.keras or saved_model.pb; expected a model file "
            "(.keras or .h5), the folder of a run that has found a model, or a SavedModel folder "
            "written by Keras 2"
        )
    path = folder / "keras_metadata.pb"
    if not path.is_file():
        raise ModelError(
            f"{folder} is a SavedModel without Keras's metadata. It holds the computation, but not "
            "the layers, as model.export() and tf.saved_model.save() write it. Save the model "
            "where it was trained, with model.save('model.keras') or model.save('model.h5')"
        )
    try:
        metadata = _root_metadata(path.read_bytes())
    except (ValueError, IndexError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: {error}; save the model again") from error
    model = metadata.get("model_config")
    config = model.get("config") if isinstance(model, dict) else None
    if not isinstance(config, dict) or "layers" not in config:
        raise ModelError(
            f"{folder} holds a subclassed model, {metadata.get('class_name')!r}, whose layers only "
            "its own code knows; expected a Functional or Sequential model"
        )
    return metadata


def _root_metadata(data: bytes) -> dict[str, Any]:
    for number, node in _fields(data):
        if number != _NODES:
            continue
        fields = dict(_fields(node))
        if fields.get(_NODE_PATH) == b"root":
            metadata = json.loads(fields.get(_METADATA, b""))
            if isinstance(metadata, dict):
                return metadata
    raise ValueError("it describes no root object")


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message that are strings or messages themselves; numbers are skipped."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            _, position = _varint(data, position)
        elif kind in (_FIXED32, _FIXED64):
            position += 4 if kind == _FIXED32 else 8
        elif kind == _BYTES:
            length, position = _varint(data, position)
            if position + length > len(data):
                raise ValueError("it ends in the middle")
            yield number, data[position : position + length]
            position += length
        else:
            raise ValueError(f"it has a field of an unknown kind, {kind}")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("it has a number of more than 64 bits")
