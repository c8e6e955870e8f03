"""Archives, HDF5 files and SavedModels that may be hostile: looked through before use."""

import json
import lzma
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import h5py
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from prune_mi.errors import ModelError, first_line

_SMALL = 2**30  # files that unpack to less than this are not suspected of anything
_MOST_EXPANSION = 50  # times that a larger one may grow: weights compress by little
_PROVENANCE, _MOST_PROVENANCE_BYTES = "prune_mi.json", 10_000  # a file may be hostile
# Fields of the protocol buffers in `keras_metadata.pb`, see `read_saved_model`.
_NODES, _NODE_PATH, _METADATA = 1, 3, 5
_BYTES = 2  # the kind of field that strings and messages have
# What reading a damaged archive raises: RuntimeError where it is encrypted, the rest by the kind of
# compression.
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(NotImplementedError, RuntimeError, ValueError),
)


def archive_texts(path: Path, names: Sequence[str]) -> tuple[dict[str, str], int]:
    """Texts from a `.keras` archive, and the size of all that is in it, unpacked.

    Raises:
        ModelError: If the archive is damaged, lacks one of `names` or weights, names a place
            outside itself, or unpacks to absurdly much; or if so does an HDF5 file in it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            for name in entries:
                _require_inside(name, path)
            # In one HDF5 file, or in several that a table lists.
            weights = "model.weights.h5" in entries or "model.weights.json" in entries
            missing = [name for name in names if name not in entries]
            if missing or not weights:
                lacking = missing[0] if missing else "model.weights.h5"
                raise ModelError(
                    f"{path} is a zip archive, but not a Keras model: it has no {lacking}; "
                    "expected what model.save('model.keras') writes"
                )
            total = sum(entry.file_size for entry in entries.values())
            _require_plausible(total, path)
            texts = {name: archive.read(name).decode("utf-8") for name in names}
            for name in entries:
                if name.endswith(".h5"):
                    _require_safe_weights(archive, name, path)
    except DAMAGE as error:
        raise ModelError(f"{path} is a damaged .keras archive: {first_line(error)}") from error
    return texts, total


def h5_bytes(file: h5py.File, path: Path) -> int:
    """The size of all arrays in an HDF5 file, as their shapes say.

    Raises:
        ModelError: If it refers to other files, or its arrays are absurdly larger than it is.
    """
    total = 0
    seen = set()  # an object may have any number of names, and those of a group multiply

    def visit(group: h5py.Group) -> None:
        nonlocal total
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise ModelError(_elsewhere(path, f"{group.name}/{name}"))
            if isinstance(link, h5py.SoftLink):
                continue  # Keras writes none; whatever it points at is seen where it is
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(item, h5py.Group):
                visit(item)
            elif isinstance(item, h5py.Dataset):
                if item.external or item.is_virtual:
                    raise ModelError(_elsewhere(path, item.name))
                total += item.size * item.dtype.itemsize if item.size else 0

    try:
        visit(file)
    except RecursionError as error:
        raise ModelError(
            f"{path} is a damaged HDF5 model file: its groups are nested without end"
        ) from error
    _require_plausible(total, path)
    return total


def weights_name(path: Path) -> str:
    """A name by which Keras 2 and 3 know how the weights in an HDF5 file are laid out.

    They go by the suffix: `.weights.h5` for the layout that both write now, `.h5` for the older.
    """
    with h5py.File(path, "r") as file:
        older = "layer_names" in file.attrs or "layer_names0" in file.attrs
    return "older.h5" if older else "now.weights.h5"


def write_provenance(path: Path, values: Mapping[str, Any]) -> None:
    """Adds plain values to a `.keras` archive that has none yet; Keras passes them over.

    They go where the file goes, which what lies beside it in a folder does not.
    """
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_PROVENANCE, json.dumps(values))


def read_provenance(path: Path) -> dict[str, Any]:
    """What `write_provenance` wrote into a file; empty where it wrote nothing, or it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_PROVENANCE) as member:
            values = json.loads(member.read(_MOST_PROVENANCE_BYTES))
    except (*DAMAGE, KeyError):
        return {}
    return values if isinstance(values, dict) else {}


def _require_safe_weights(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    """Looks through an HDF5 file in an archive; its size is known to be plausible."""
    with tempfile.TemporaryFile() as unpacked:
        with archive.open(name) as packed:
            shutil.copyfileobj(packed, unpacked)
        try:
            with h5py.File(unpacked, "r") as file:
                h5_bytes(file, path)
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            raise ModelError(
                f"{path} is a damaged .keras archive: the HDF5 file {name} in it cannot be read "
                f"({first_line(error)})"
            ) from error


def _require_inside(name: str, path: Path) -> None:
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        raise ModelError(
            f"{path} is not safe to open: it holds {name!r}, a place outside the archive. Keras "
            "never writes this; get the model from a source that you trust"
        )


def _require_plausible(total: int, path: Path) -> None:
    size = path.stat().st_size
    if total > _SMALL and total > _MOST_EXPANSION * size:
        raise ModelError(
            f"{path} is not safe to open: its {size:,} bytes would unpack to {total:,}; save the "
            "model again"
        )


def _elsewhere(path: Path, name: str) -> str:
    return (
        f"{path} is not safe to open: {name} in it refers to another file. Keras never writes "
        "this; get the model from a source that you trust"
    )


def read_saved_model(folder: Path) -> dict[str, Any]:
    """The metadata of a SavedModel's root object: `class_name`, `config`, `keras_version`, ...

    Keras 2 leaves them in `keras_metadata.pb`, a protocol buffer: `SavedMetadata` holds
    `SavedObject`s (field 1), each with a path (field 3) and JSON (field 5). These few fields are
    read here, since no Keras 3 installation has the classes for them, and nothing is run.

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
