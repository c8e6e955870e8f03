"""What people give in place of a Keras model, told by its first bytes and its name."""

import tarfile
import zipfile
from pathlib import Path

_FIRST_BYTES = 512
_POINTER = b"version https://git-lfs.github.com/spec/"
# What a name says where the content says nothing.
_BY_SUFFIX = {
    ".tflite": "a TensorFlow Lite model",
    ".onnx": "an ONNX model",
    ".pt": "a PyTorch model",
    ".pth": "a PyTorch model",
    ".pb": "a frozen TensorFlow graph",
    ".safetensors": "weights in the safetensors format",
    ".pkl": "a Python pickle",
    ".pickle": "a Python pickle",
    ".joblib": "a Python pickle",
    ".npz": "NumPy arrays",
    ".npy": "a NumPy array",
    ".json": "a JSON file",
}
_ORIGINAL = "give the Keras model that it was made from, as model.save('model.keras') writes it"
_OTHERS = {
    "a PyTorch model": "build the network in Keras, copy the weights, and save it as .keras",
    "a frozen TensorFlow graph": (
        "give the whole SavedModel folder if Keras 2 wrote it, else save the model as .keras where "
        "it was trained"
    ),
    "a JSON file": (
        "if it is an architecture, give the file of weights and pass this one with --model-json"
    ),
}


def describe_file(path: Path) -> str | None:
    """What a file is that is no Keras model, and what to do; None where nothing is known of it.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(_FIRST_BYTES)
    if not start:
        return "is empty: a download or a copy was cut off; get the file again"
    if start.startswith(_POINTER):
        return (
            "is a Git LFS pointer, a text in place of the model; run `git lfs pull` in the "
            "repository, which fetches the model itself"
        )
    if start.lstrip().lower().startswith((b"<!doctype html", b"<html", b"<?xml")):
        return (
            "is a web page, not the model: the download gave a page about the file, or an error; "
            "download the file itself (on GitHub by its 'Raw' or 'Download' button)"
        )
    kind = _kind(path, start)
    return None if kind is None else f"is {kind}, not a Keras model; {_OTHERS.get(kind, _ORIGINAL)}"


def _kind(path: Path, start: bytes) -> str | None:
    if start[4:8] == b"TFL3":
        return "a TensorFlow Lite model"
    if start.startswith(b"\x1f\x8b") or tarfile.is_tarfile(path):
        return "a compressed archive that has to be unpacked first"
    names = _names_in_zip(path)
    if "config.json" in names:
        return None  # a Keras model, perhaps a damaged one
    if any(name.endswith("data.pkl") for name in names):
        return "a PyTorch model"
    if any(name.endswith((".keras", ".h5", "saved_model.pb")) for name in names):
        return "a zip archive with a model in it, which has to be unpacked first"
    return _BY_SUFFIX.get(path.suffix.lower())


def _names_in_zip(path: Path) -> tuple[str, ...]:
    """The names in an archive; none where it is no archive or cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(archive.namelist())
    except (zipfile.BadZipFile, ValueError, RuntimeError, NotImplementedError):
        return ()
