"""What is found out about a file before Keras sees it, and what is refused there."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from prune_mi.errors import ModelError
from prune_mi.keras_io.files.model_file import read_model_file

CONFIG = {"class_name": "Sequential", "config": {"name": "m", "layers": []}}


def _h5(path: Path, **attributes: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, value in attributes.items():
            file.attrs[name] = value if isinstance(value, str) else json.dumps(value)
        file.create_group("model_weights").create_dataset("kernel", data=np.zeros((3, 4)))
    return path


def _archive(path: Path, compression: int = zipfile.ZIP_STORED, **more: str | bytes) -> Path:
    texts = {
        "config.json": json.dumps({**CONFIG, "compile_config": {"loss": "mse"}}),
        "metadata.json": json.dumps({"keras_version": "3.8.0"}),
        "model.weights.h5": _weights(lambda file: None),
        **more,
    }
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, text in texts.items():
            if text:
                archive.writestr(name, text)
    return path


def _weights(fill: Callable[[h5py.File], object]) -> bytes:
    """An HDF5 file in memory."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.create_dataset("kernel", data=np.zeros((3, 4)))
        fill(file)
    return memory.getvalue()


def test_an_h5_says_who_wrote_it_and_what_it_was_compiled_with(tmp_path: Path) -> None:
    path = _h5(
        tmp_path / "m.h5",
        model_config=CONFIG,
        keras_version="2.4.0",
        training_config={"loss": "mse"},
    )
    file = read_model_file(path)
    assert (file.kind, file.writer, file.from_keras2) == ("h5", "2.4.0", True)
    assert file.config == CONFIG
    assert file.compile_config == {"loss": "mse"}
    assert file.num_bytes == 3 * 4 * 8


def test_an_archive_says_the_same(tmp_path: Path) -> None:
    file = read_model_file(_archive(tmp_path / "m.keras"))
    assert (file.kind, file.writer, file.from_keras2) == ("keras", "3.8.0", False)
    assert file.config == CONFIG
    assert file.compile_config == {"loss": "mse"}


@pytest.mark.parametrize(
    ("architecture", "from_keras2"),
    [
        ({**CONFIG, "keras_version": "2.15.0"}, True),
        (CONFIG, True),
        ({**CONFIG, "module": "keras"}, False),
    ],
)
def test_weights_take_their_architecture_from_beside_them(
    tmp_path: Path, architecture: dict[str, Any], from_keras2: bool
) -> None:
    (tmp_path / "m.json").write_text(json.dumps(architecture))
    file = read_model_file(_h5(tmp_path / "m.h5"), tmp_path / "m.json")
    assert (file.kind, file.from_keras2) == ("weights", from_keras2)
    assert file.config == architecture


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no such file: .*absent\.keras"):
        read_model_file(tmp_path / "absent.keras")


def test_not_a_model(tmp_path: Path) -> None:
    path = tmp_path / "notes.h5"
    path.write_text("weights, perhaps")
    with pytest.raises(ModelError, match=r"neither a \.keras archive nor an HDF5 file"):
        read_model_file(path)


def test_weights_alone(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds weights alone.*--model-json"):
        read_model_file(_h5(tmp_path / "m.weights.h5"))


def test_an_architecture_too_many(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps(CONFIG))
    path = _h5(tmp_path / "m.h5", model_config=CONFIG)
    with pytest.raises(ModelError, match=r"has an architecture of its own; leave out"):
        read_model_file(path, tmp_path / "m.json")


@pytest.mark.parametrize("text", ["{", "[1, 2]", '{"layers": []}', ""])
def test_an_architecture_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(ModelError, match=r"m\.json .*(damaged|empty)"):
        read_model_file(_h5(tmp_path / "m.h5"), tmp_path / "m.json")


def test_an_architecture_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read the architecture .*absent\.json"):
        read_model_file(_h5(tmp_path / "m.h5"), tmp_path / "absent.json")


def test_a_truncated_h5(tmp_path: Path) -> None:
    path = _h5(tmp_path / "m.h5", model_config=CONFIG)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelError, match=r"m\.h5 is a damaged HDF5 model file"):
        read_model_file(path)


def test_a_description_that_is_not_json(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="its description is not JSON"):
        read_model_file(_h5(tmp_path / "m.h5", model_config="{"))


def test_h5_content_under_another_name_is_told_to_be_renamed(tmp_path: Path) -> None:
    for name in ("m.bin", "m.H5"):  # Keras tells capitals from small letters
        with pytest.raises(ModelError, match=r"rename it to \*\.h5"):
            read_model_file(_h5(tmp_path / name, model_config=CONFIG))
    with pytest.raises(ModelError, match=r"rename it to \*\.keras"):
        read_model_file(_archive(tmp_path / "m.KERAS"))


def test_an_h5_that_reads_another_file(tmp_path: Path) -> None:
    path = _h5(tmp_path / "m.h5", model_config=CONFIG)
    with h5py.File(path, "a") as file:
        file["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(ModelError, match=r"not safe to open: .*elsewhere in it refers to another"):
        read_model_file(path)


def test_an_h5_whose_array_lies_in_another_file(tmp_path: Path) -> None:
    path = _h5(tmp_path / "m.h5", model_config=CONFIG)
    with h5py.File(path, "a") as file:
        file.create_dataset("bias", (4,), "uint8", external=[("/etc/passwd", 0, 4)])
    with pytest.raises(ModelError, match=r"not safe to open: /bias in it refers to another file"):
        read_model_file(path)


def test_an_h5_of_terabytes_that_are_not_there(tmp_path: Path) -> None:
    path = _h5(tmp_path / "m.h5", model_config=CONFIG)
    with h5py.File(path, "a") as file:
        file.create_dataset("huge", (10**6, 10**6), "float32", chunks=(1000, 1000))
    with pytest.raises(ModelError, match=r"not safe to open: .* would unpack to 4,000"):
        read_model_file(path)


def test_an_h5_whose_groups_have_names_without_number(tmp_path: Path) -> None:
    path = _h5(tmp_path / "m.h5", model_config=CONFIG)
    with h5py.File(path, "a") as file:
        group = file["model_weights"]
        for depth in range(60):  # 2^60 ways lead to the array
            outer = file.create_group(f"group{depth}")
            outer["a"] = outer["b"] = group
            group = outer
    assert read_model_file(path).num_bytes == 3 * 4 * 8


def test_an_archive_whose_weights_are_terabytes_that_are_not_there(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file.create_dataset("huge", (10**6, 10**6), "float32", chunks=(1000, 1000))

    path = _archive(tmp_path / "m.keras", **{"model.weights.h5": _weights(fill)})
    with pytest.raises(ModelError, match=r"not safe to open: .* would unpack to 4,000"):
        read_model_file(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_whose_weights_lie_in_another_file(tmp_path: Path, compression: int) -> None:
    def fill(file: h5py.File) -> None:
        file["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")

    weights = {"model.weights.h5": _weights(fill)}
    path = _archive(tmp_path / "m.keras", compression, **weights)
    with pytest.raises(ModelError, match=r"not safe to open: .*elsewhere in it refers to another"):
        read_model_file(path)


def test_an_archive_whose_weights_are_damaged(tmp_path: Path) -> None:
    path = _archive(tmp_path / "m.keras", **{"model.weights.h5": "weights"})
    with pytest.raises(
        ModelError, match=r"damaged .keras archive: the HDF5 file model\.weights\.h5 in it cannot"
    ):
        read_model_file(path)


def test_an_encrypted_archive(tmp_path: Path) -> None:
    path = _archive(tmp_path / "m.keras")
    data = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        for start in range(len(data)):
            if data[start : start + 4] == signature:
                data[start + flags] |= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"m\.keras is a damaged .keras archive: .*encrypted"):
        read_model_file(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_an_archive_with_a_member_that_does_not_unpack(tmp_path: Path, compression: int) -> None:
    path = _archive(tmp_path / "m.keras", compression)
    data = bytearray(path.read_bytes())
    start = data.find(b"config.json") + len("config.json") + 20
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"m\.keras is a damaged .keras archive"):
        read_model_file(path)


@pytest.mark.parametrize("compiled", ["adam", [1], 3])
def test_an_archive_compiled_with_nonsense(tmp_path: Path, compiled: Any) -> None:
    text = json.dumps({**CONFIG, "compile_config": compiled})
    path = _archive(tmp_path / "m.keras", **{"config.json": text})
    with pytest.raises(ModelError, match=r"damaged: what the model was compiled with is a"):
        read_model_file(path)


def test_a_zip_that_is_no_keras_archive(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(ModelError, match=r"not a Keras model: it has no config\.json"):
        read_model_file(path)


def test_an_archive_without_weights(tmp_path: Path) -> None:
    path = _archive(tmp_path / "m.keras", **{"model.weights.h5": ""})
    with pytest.raises(ModelError, match=r"it has no model\.weights\.h5"):
        read_model_file(path)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "assets/../../evil", "..\\evil", "C:x"])
def test_an_archive_that_writes_outside_itself(tmp_path: Path, name: str) -> None:
    path = _archive(tmp_path / "m.keras", **{name: "evil"})
    with pytest.raises(ModelError, match=r"not safe to open: .* a place outside the archive"):
        read_model_file(path)


def test_an_archive_that_unpacks_to_absurdly_much(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    _archive(path)
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("assets/zeros", "w", force_zip64=True) as file,
    ):
        for _ in range(17):
            file.write(bytes(2**26))
    with pytest.raises(ModelError, match=r"not safe to open: .* would unpack to 1,14"):
        read_model_file(path)


def test_an_archive_whose_description_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no class_name and config"):
        read_model_file(_archive(tmp_path / "m.keras", **{"config.json": "{}"}))
    with pytest.raises(ModelError, match="has no class_name and config"):
        read_model_file(_h5(tmp_path / "m.h5", model_config={}))


def test_a_folder_that_is_no_saved_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"without best\.keras or saved_model\.pb"):
        read_model_file(tmp_path)


def _saved_model(folder: Path, metadata: bytes) -> Path:
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "keras_metadata.pb").write_bytes(metadata)
    return folder


def _field(number: int, content: bytes) -> bytes:
    assert len(content) < 2**14
    length = bytes([len(content) & 0x7F | 0x80, len(content) >> 7])
    return bytes([number << 3 | 2]) + length + content


def _metadata(**metadata: Any) -> bytes:
    inner = _field(3, b"root.layer") + _field(5, b"{}")
    root = b"\x10\x05" + _field(3, b"root") + _field(5, json.dumps(metadata).encode())
    return _field(1, inner) + _field(1, root)


def test_a_saved_model_says_what_it_is(tmp_path: Path) -> None:
    metadata = _metadata(keras_version="2.11.0", model_config=CONFIG, training_config={"loss": "x"})
    file = read_model_file(_saved_model(tmp_path, metadata))
    assert (file.kind, file.writer, file.from_keras2) == ("saved_model", "2.11.0", True)
    assert file.config == CONFIG
    assert file.compile_config == {"loss": "x"}


@pytest.mark.parametrize("config", [None, {"class_name": "Mine", "config": {}}])
def test_a_saved_model_of_a_subclass(tmp_path: Path, config: Any) -> None:
    path = _saved_model(tmp_path, _metadata(class_name="Mine", model_config=config))
    with pytest.raises(ModelError, match="subclassed model, 'Mine'"):
        read_model_file(path)


@pytest.mark.parametrize("metadata", [b"", b"\x0a", b"\x0a\xff\x01", b"\x0b", b"\xff" * 20])
def test_a_saved_model_whose_metadata_is_damaged(tmp_path: Path, metadata: bytes) -> None:
    with pytest.raises(ModelError, match=r"keras_metadata\.pb is damaged"):
        read_model_file(_saved_model(tmp_path, metadata))


def test_a_saved_model_whose_metadata_is_nested_without_end(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    deep = b"[" * 200_000

    def field(number: int, content: bytes) -> bytes:
        length, left = b"", len(content)
        while left >= 128:
            length += bytes([left & 127 | 128])
            left >>= 7
        return bytes([number << 3 | 2]) + length + bytes([left]) + content

    data = field(1, field(3, b"root") + field(5, deep))
    (tmp_path / "keras_metadata.pb").write_bytes(data)
    with pytest.raises(ModelError, match=r"keras_metadata\.pb is damaged"):
        read_model_file(tmp_path)


def test_a_saved_model_compiled_with_nonsense(tmp_path: Path) -> None:
    path = _saved_model(tmp_path, _metadata(model_config=CONFIG, training_config=[1]))
    with pytest.raises(ModelError, match=r"damaged: what the model was compiled with is a list"):
        read_model_file(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = _h5(tmp_path / "m.h5", model_config=CONFIG)
    path.chmod(0)
    with pytest.raises(ModelError, match="cannot read"):
        read_model_file(path)
