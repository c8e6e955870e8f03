"""Archives and HDF5 files that may be hostile: looked through before anything is taken out."""

import json
import lzma
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import h5py

from prune_mi.errors import ModelError, first_line

_SMALL = 2**30  # files that unpack to less than this are not suspected of anything
_MOST_EXPANSION = 50  # times that a larger one may grow: weights compress by little
_PROVENANCE, _MOST_PROVENANCE_BYTES = "prune_mi.json", 10_000  # a file may be hostile
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
