"""Files that are given in place of a model are told for what they are."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from prune_mi.errors import ModelError
from prune_mi.keras_io.files.model_file import read_model_file

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("model.h5"))
    return buffer.getvalue()


def _zip(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"")
    return buffer.getvalue()


def _npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.zeros(2))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("model.h5", POINTER, "is a Git LFS pointer, .*run `git lfs pull`"),
        ("model.keras", POINTER, "is a Git LFS pointer, .*run `git lfs pull`"),
        ("model.h5", b"\n<!DOCTYPE html><html><head>", "is a web page, not the model: .*download"),
        ("model.h5", b"", "is empty: .*get the file again"),
        ("model.tflite", b"\x1c\x00\x00\x00TFL3" + bytes(20), "is a TensorFlow Lite model, not"),
        ("model.h5", b"\x1c\x00\x00\x00TFL3" + bytes(20), "is a TensorFlow Lite model, not"),
        ("model.onnx", b"\x08\x07\x12\x07pytorch", "is an ONNX model, not .*was made from"),
        ("model.pt", _zip("archive/data.pkl"), "is a PyTorch model, .*build the network in Keras"),
        ("model.pth", b"\x80\x02\x8a\nl\xfc", "is a PyTorch model, .*build the network in Keras"),
        ("graph.pb", b"\n\x1a\n\x05input", "is a frozen TensorFlow graph, .*SavedModel folder"),
        ("model.tar.gz", _tar(), "is a compressed archive that has to be unpacked"),
        ("model.zip", _zip("model.h5"), "is a zip archive with a model in it, .*unpacked"),
        ("data.npz", _npz(), "is NumPy arrays, not a Keras model"),
        ("model.json", b"{}", "is a JSON file, .*--model-json"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "content",
)
def test_what_it_is_and_what_to_do(name: str, content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ModelError, match=told) as caught:
        read_model_file(path)
    assert "expected a trained Keras model" in str(caught.value)


def test_what_is_not_known_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(b"who knows")
    with pytest.raises(ModelError, match=r"neither a \.keras archive nor an HDF5 file"):
        read_model_file(path)
