"""Model files out; every file written is loaded back and compared."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from prune_mi.equivalence import relative_difference
from prune_mi.errors import RunError, first_line
from prune_mi.keras_io.files.archive import write_provenance
from prune_mi.keras_io.forward.forward_pass import outputs_of

_TOLERANCE = 1e-5


def save_verified(
    model: keras.Model, path: Path, inputs: Any, *, provenance: Mapping[str, Any] | None = None
) -> int:
    """Writes a model atomically, loads it back and compares outputs on `inputs`.

    Args:
        model: Its loss, metrics and optimizer are written where it is compiled.
        path: The file, `.keras` or `.h5`.
        inputs: A batch for its input, or batches in the structure of its inputs.
        provenance: Plain values to write into a `.keras` file, see `keras_io.files.archive`.

    Returns:
        The file's size in bytes.

    Raises:
        RunError: If the file cannot be written, or the loaded model's outputs differ.
    """
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        try:
            model.save(temporary)
            if provenance is not None and path.suffix == ".keras":
                write_provenance(temporary, provenance)
            loaded = keras.models.load_model(temporary, compile=False)
        except Exception as error:  # whatever a disk or Keras's own saving makes of it
            raise RunError(f"cannot write {path}: {first_line(error)}") from error
        difference = relative_difference(outputs_of(loaded, inputs), outputs_of(model, inputs))
        if not difference <= _TOLERANCE:
            raise RunError(
                f"cannot write {path}: the file loads, but its outputs differ by "
                f"{difference:.2g} (relative)"
            )
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path.stat().st_size


def h5_can_hold(model: keras.Model) -> bool:
    """Whether HDF5 files can hold a model: they know layers, but no calls of `keras.ops`."""
    operations = getattr(model, "operations", model.layers)
    return all(
        h5_can_hold(each) if isinstance(each, keras.Model) else isinstance(each, keras.layers.Layer)
        for each in operations
    )


def saved_size(model: keras.Model, scratch: Path) -> int:
    """Bytes of a model's `.keras` file."""
    path = scratch / "original.keras"
    model.save(path)
    return path.stat().st_size
