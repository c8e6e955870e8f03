"""The architecture that Keras 2 leaves in a SavedModel folder, read without running anything.

`keras_metadata.pb` is a protocol buffer of Keras 2: `SavedMetadata` holds `SavedObject`s (field 1),
each with a path (field 3) and JSON (field 5). These few fields are read here, since no Keras 3
installation has the classes for them.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from prune_mi.errors import ModelError

_NODES, _NODE_PATH, _METADATA = 1, 3, 5
_BYTES = 2  # the kind of field that strings and messages have


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
    except (ValueError, DecodeError, RecursionError) as error:
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
    """The fields of a message that are strings or messages themselves, by number."""
    message = Empty.FromString(data)  # of no known fields: all there are stay as bytes
    for field in UnknownFieldSet(message):
        if field.wire_type == _BYTES:
            yield field.field_number, field.data
