"""What a model file holds: its kind, who wrote it, its architecture, what it was compiled with.

Nothing of it is run, and no weight is read. Where a file cannot be used this room says why before
Keras, whose errors are about its own insides, gets to see it.
"""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py

from prune_mi.errors import ModelError, first_line
from prune_mi.keras_io.files.archive import archive_texts, h5_bytes, read_saved_model
from prune_mi.keras_io.files.other_formats import describe_file
from prune_mi.records import ModelSource

Kind = Literal["keras", "h5", "weights", "saved_model"]
_SMALL = 2**28  # weights, a gigabyte: fewer are not suspected of anything
_MOST_WEIGHTS_A_BYTE = 4  # compressed weights take a byte for one or two
_EXPECTED = "expected a trained Keras model (.keras or .h5, or a SavedModel folder of Keras 2)"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file, looked at and not opened yet.

    Attributes:
        kind: A `.keras` archive, a whole model as HDF5, weights as HDF5 whose architecture came
            beside them, or a SavedModel folder.
        writer: Version of the Keras that wrote it, or `unknown`.
        config: The model's configuration: `class_name`, `config`, ...
        compile_config: What it was compiled with, as written in the file, or None.
        num_bytes: Of its weights, stored.
    """

    path: Path
    kind: Kind
    writer: str
    config: Mapping[str, Any]
    compile_config: Mapping[str, Any] | None
    num_bytes: int

    @property
    def most_weights(self) -> int:
        """Weights that a model in it may have at most; one of more is not opened."""
        return max(_SMALL, _MOST_WEIGHTS_A_BYTE * self.num_bytes)

    @property
    def from_keras2(self) -> bool:
        """Whether Keras 2, or the first Keras, wrote it."""
        if self.writer == "unknown":
            return "module" not in self.config
        return self.writer.split(".")[0] in ("1", "2")


def best_of_run(path: Path) -> Path:
    """The best model in the folder of a run; any other path as it is."""
    best = path / "best.keras"
    return best if best.is_file() else path


def model_sources(
    paths: Sequence[Path],
    *,
    model_json: Path | None = None,
    allow_unsafe: bool = False,
    custom_objects: str | None = None,
) -> list[ModelSource]:
    """Several model files, looked at before Keras is imported.

    Args:
        paths: Files, SavedModel folders, or folders of runs.
        model_json: JSON of `model.to_json()`, for those that hold weights alone.
        allow_unsafe: Whether Python code in the files may run.
        custom_objects: A module's name or the path of a `.py` file with the models' own layers.

    Raises:
        ModelError: As `read_model_file` does.
    """
    files = [_look(best_of_run(path), model_json) for path in paths]
    apart = [file.kind == "weights" for file in files]
    if model_json is not None and not any(apart):
        _require_wanted(files[0])
    return [
        ModelSource(file.path, model_json if is_apart else None, allow_unsafe, custom_objects)
        for file, is_apart in zip(files, apart, strict=True)
    ]


def read_model_file(path: Path, model_json: Path | None = None) -> ModelFile:
    """Looks at a file or a SavedModel folder.

    Args:
        path: The file or folder.
        model_json: JSON of `model.to_json()`, where the file holds weights alone.

    Raises:
        ModelError: If there is no such file, it is not a model, it is damaged, or it holds weights
            alone and there is no architecture, or has one and there is another.
    """
    file = _look(path, model_json)
    if model_json is not None:
        _require_wanted(file)
    return file


def _require_wanted(file: ModelFile) -> None:
    """Refuses an architecture beside a file that has one."""
    if file.kind != "weights":
        raise ModelError(
            f"{file.path} has an architecture of its own; leave out --model-json, which is for "
            "files that hold weights alone"
        )


def _look(path: Path, model_json: Path | None) -> ModelFile:
    try:
        if not path.exists():
            raise ModelError(f"no such file: {path}; {_EXPECTED}")
        return _read_saved_model(path) if path.is_dir() else _read_file(path, model_json)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from error


def _read_file(path: Path, model_json: Path | None) -> ModelFile:
    told = None if h5py.is_hdf5(path) else describe_file(path)
    if told is not None:
        raise ModelError(f"{path} {told}; {_EXPECTED}")
    if zipfile.is_zipfile(path):
        _require_suffix(path, (".keras",))
        return _read_archive(path)
    if not h5py.is_hdf5(path):
        raise ModelError(
            f"{path} is not a Keras model: it is neither a .keras archive nor an HDF5 file; "
            f"{_EXPECTED}"
        )
    _require_suffix(path, (".h5", ".hdf5"))
    try:
        with h5py.File(path, "r") as file:
            num_bytes = h5_bytes(file, path)
            config = _json(file.attrs.get("model_config"), path)
            writer = _text(file.attrs.get("keras_version")) or "unknown"
            if config is None:
                return _with_architecture(path, model_json, num_bytes)
            trained = _json(file.attrs.get("training_config"), path)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelError(f"{path} is a damaged HDF5 model file: {first_line(error)}") from error
    return ModelFile(path, "h5", writer, _architecture(config, path), trained, num_bytes)


def _read_archive(path: Path) -> ModelFile:
    texts, num_bytes = archive_texts(path, ("config.json", "metadata.json"))
    config = _json(texts["config.json"], path) or {}
    metadata = _json(texts["metadata.json"], path) or {}
    return ModelFile(
        path,
        "keras",
        str(metadata.get("keras_version", "unknown")),
        _architecture({key: v for key, v in config.items() if key != "compile_config"}, path),
        _compiled(config.get("compile_config"), path),
        num_bytes,
    )


def _read_saved_model(path: Path) -> ModelFile:
    metadata = read_saved_model(path)
    sizes = (file.stat().st_size for file in (path / "variables").glob("variables.*"))
    return ModelFile(
        path,
        "saved_model",
        str(metadata.get("keras_version", "2")),
        _architecture(metadata["model_config"], path),
        _compiled(metadata.get("training_config"), path),
        sum(sizes),
    )


def _with_architecture(path: Path, model_json: Path | None, num_bytes: int) -> ModelFile:
    if model_json is None:
        raise ModelError(
            f"{path} holds weights alone, no architecture; expected a whole model, as model.save() "
            "writes it (not model.save_weights()), or its architecture beside it: --model-json "
            "model.json, as model.to_json() writes it"
        )
    try:
        text = model_json.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read the architecture {model_json}: {error}") from error
    config = _json(text, model_json)
    if config is None:
        raise ModelError(f"{model_json} is empty; expected the JSON of model.to_json()")
    config = _architecture(config, model_json)
    writer = str(config.get("keras_version", "3" if "module" in config else "2"))
    return ModelFile(path, "weights", writer, config, None, num_bytes)


def _json(value: Any, path: Path) -> dict[str, Any] | None:
    """A JSON object from an attribute or a text; None where there is none."""
    text = _text(value)
    if not text:
        return None
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: its description is not JSON ({error})") from error
    if not isinstance(parsed, dict):
        raise ModelError(
            f"{path} is damaged: its description is a {type(parsed).__name__}, not an object"
        )
    return parsed


def _architecture(config: Any, path: Path) -> dict[str, Any]:
    if isinstance(config, dict) and "class_name" in config and "config" in config:
        return config
    raise ModelError(
        f"{path} is damaged: its architecture has no class_name and config; save the model again"
    )


def _compiled(config: Any, path: Path) -> dict[str, Any] | None:
    if config is None or isinstance(config, dict):
        return config
    raise ModelError(
        f"{path} is damaged: what the model was compiled with is a {type(config).__name__}, not an "
        "object; save the model again"
    )


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value if isinstance(value, str) else None


def _require_suffix(path: Path, allowed: tuple[str, ...]) -> None:
    """Keras goes by the suffix, its case too: another name is refused with the mending."""
    if path.suffix not in allowed:
        raise ModelError(f"{path} is a {allowed[0]} file by content; rename it to *{allowed[0]}")
