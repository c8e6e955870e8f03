"""Model files in and out; every file written is loaded back and compared."""

import json
import os
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np

from prune_mi.errors import ModelError, RunError

_TOLERANCE = 1e-5


def load_model(path: Path) -> keras.Model:
    """Loads `.keras` (Keras 3) or `.h5` (Keras 3, flat Keras 2) without its optimizer.

    Raises:
        ModelError: If there is no such file, it is not a model, or it holds weights alone.
    """
    try:
        exists = path.exists()
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from error
    if not exists:
        raise ModelError(f"no such file: {path}; expected a trained Keras model (.keras or .h5)")
    if path.is_dir():
        raise ModelError(
            f"{path} is a folder; expected a model file. A SavedModel folder must be saved as "
            ".keras first (model.save('model.keras'))"
        )
    kind = _sniff(path)
    if kind == "h5":
        _refuse_weights_only_h5(path)
    try:
        return keras.models.load_model(_with_suffix(path, kind), compile=False)
    except Exception as error:  # Keras raises whatever a broken file makes it raise
        raise ModelError(
            f"Keras {keras.__version__} cannot load {path}: {_first_line(error)}. "
            "If another version or custom code wrote it, save it again as .keras from there"
        ) from error


def save_verified(model: keras.Model, path: Path, probe: np.ndarray) -> int:
    """Writes a model atomically, loads it back and compares outputs on `probe`.

    Returns:
        The file's size in bytes.

    Raises:
        RunError: If the file cannot be written, or the loaded model's outputs differ.
    """
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        try:
            model.save(temporary)
            loaded = keras.models.load_model(temporary, compile=False)
        except Exception as error:  # whatever a disk or Keras's own saving makes of it
            raise RunError(f"cannot write {path}: {_first_line(error)}") from error
        expected = np.asarray(model(probe, training=False))
        received = np.asarray(loaded(probe, training=False))
        if not np.allclose(received, expected, rtol=_TOLERANCE, atol=_TOLERANCE):
            worst = float(np.max(np.abs(received - expected)))
            raise RunError(f"{path} was written, but loads with outputs that differ by {worst:.2g}")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path.stat().st_size


def _sniff(path: Path) -> str:
    try:
        if zipfile.is_zipfile(path):
            return "keras"
        if h5py.is_hdf5(path):
            return "h5"
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from error
    raise ModelError(
        f"{path} is not a Keras model: it is neither a .keras archive nor an HDF5 file"
    )


def _refuse_weights_only_h5(path: Path) -> None:
    try:
        with h5py.File(path, "r") as file:
            config = file.attrs.get("model_config")
            if config is None:
                raise ModelError(
                    f"{path} holds weights alone, no architecture; expected a whole model, as "
                    "model.save() writes it (not model.save_weights())"
                )
            json.loads(config)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is a damaged HDF5 model file: {_first_line(error)}") from error


def _with_suffix(path: Path, kind: str) -> Path:
    """Keras goes by the suffix, so a file with another name is refused with the mending."""
    allowed = {"keras": (".keras",), "h5": (".h5", ".hdf5")}[kind]
    if path.suffix.lower() not in allowed:
        raise ModelError(f"{path} is a {allowed[0]} file by content; rename it to *{allowed[0]}")
    return path


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
