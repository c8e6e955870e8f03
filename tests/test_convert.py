"""`prune-mi convert`, and `prune-mi optimize` on a model that Keras 2 wrote."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from prune_mi.cli import app
from prune_mi.equivalence import relative_difference
from prune_mi.keras_io.forward.forward_pass import outputs_of
from prune_mi.report import read_report

pytestmark = pytest.mark.slow


def _convert(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["convert", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.exit_code, " ".join(result.output.split())


def _require_equal(path: Path, file: Any) -> None:
    model = keras.models.load_model(path, compile=False)
    inputs, expected = file.answer
    received = outputs_of(model, inputs[0].astype("float32"))
    assert relative_difference(received, expected) < 1e-5


def test_a_model_that_keras_3_refuses(
    old_files: dict[str, Any], described: None, tmp_path: Path
) -> None:
    new = tmp_path / "folder" / "new.keras"
    code, output = _convert(old_files["mobile"].path, new)
    assert code == 0, output
    assert "layers 8" in output
    assert f"params {keras.models.load_model(new).count_params()}" in output
    assert "compiled yes" in output
    assert "those of Keras 2" in output
    assert [path.name for path in new.parent.iterdir()] == ["new.keras"]
    _require_equal(new, old_files["mobile"])
    model = keras.models.load_model(new)
    assert model.optimizer.beta_1 == pytest.approx(0.8)
    assert model.loss.from_logits


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_model_that_keras_3_opens_is_verified_too(
    old_files: dict[str, Any], described: None, tmp_path: Path
) -> None:
    code, output = _convert(old_files["flat"].path, tmp_path / "new.h5")
    assert code == 0, output
    assert "those of Keras 2" in output
    _require_equal(tmp_path / "new.h5", old_files["flat"])


def test_a_saved_model_and_weights_beside_their_architecture(
    old_files: dict[str, Any], described: None, tmp_path: Path
) -> None:
    code, output = _convert(old_files["backbone_folder"].path, tmp_path / "a.keras")
    assert code == 0, output
    _require_equal(tmp_path / "a.keras", old_files["backbone_folder"])
    apart = old_files["flat_apart"]
    options = ["--model-json", apart.options["model_json"]]
    code, output = _convert(apart.path, tmp_path / "b.keras", *options)
    assert (code, "compiled no" in output) == (0, True), output
    _require_equal(tmp_path / "b.keras", apart)


@pytest.mark.parametrize("command", ["convert", "inspect"])
def test_out_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(f"prune_mi.commands.{command}.open_source", fail)
    new = [str(tmp_path / "new.keras")] if command == "convert" else []
    result = CliRunner().invoke(app, [command, "model.keras", *new])
    assert result.exit_code == 4
    assert "the model needs more memory than this machine has free" in " ".join(
        result.output.split()
    )


def test_a_model_of_keras_3(tmp_path: Path, digits_model: Path) -> None:
    code, output = _convert(digits_model, tmp_path / "new.keras")
    assert code == 0, output
    assert "not compared with Keras 2" in output


def test_a_model_that_looks_up_what_it_takes_as_floats(tmp_path: Path) -> None:
    inputs = keras.Input((7,))
    x = keras.layers.Embedding(10, 4)(inputs)
    old = tmp_path / "old.keras"
    keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x)).save(old)
    code, output = _convert(old, tmp_path / "new.keras")
    assert code == 0, output


def test_a_model_that_takes_no_input_at_all(tmp_path: Path) -> None:
    inputs = keras.Input((7,))
    x = keras.layers.Embedding(1, 4)(inputs)  # 1 is out of its range
    old = tmp_path / "old.keras"
    keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x)).save(old)
    code, output = _convert(old, tmp_path / "new.keras")
    assert (code, "is not in [0, 1)" in output) == (2, True), output
    assert "\x1b[1m" not in output


def test_an_operation_in_an_inner_model_does_not_go_into_h5_either(tmp_path: Path) -> None:
    inner_inputs = keras.Input((7,))
    inner = keras.Model(inner_inputs, keras.layers.Dense(3)(inner_inputs * 2.0))
    inputs = keras.Input((7,))
    keras.Model(inputs, keras.layers.Dense(2)(inner(inputs))).save(tmp_path / "old.keras")
    code, output = _convert(tmp_path / "old.keras", tmp_path / "new.h5")
    assert (code, "ends in .keras" in output) == (2, True), output


def test_refusals_are_messages(old_files: dict[str, Any], tmp_path: Path) -> None:
    code, output = _convert(old_files["with_code"].path, tmp_path / "new.keras")
    assert (code, "--allow-unsafe" in output) == (2, True)
    code, output = _convert(old_files["custom"].path, tmp_path / "new.keras")
    assert (code, "--custom-objects" in output) == (2, True)
    code, output = _convert(tmp_path / "absent.h5", tmp_path / "new.keras")
    assert (code, "no such file" in output) == (2, True)
    options = ["--custom-objects", tmp_path / "absent.py"]
    code, output = _convert(old_files["custom"].path, tmp_path / "new.keras", *options)
    assert (code, "no such file" in output) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_operations_do_not_go_into_h5(
    old_files: dict[str, Any], described: None, tmp_path: Path
) -> None:
    code, output = _convert(old_files["arithmetic"].path, tmp_path / "new.h5")
    assert (code, "ends in .keras" in output) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_may_be_written(digits_model: Path, tmp_path: Path) -> None:
    for name in ("new.onnx", "new.H5", "new.KERAS"):
        code, output = _convert(digits_model, tmp_path / name)
        assert (code, "expected a name in .keras or .h5" in output) == (2, True)
    code, output = _convert(digits_model, digits_model, "--overwrite")
    assert (code, "is the file to read" in output) == (2, True)
    there = tmp_path / "there.keras"
    there.write_text("precious")
    code, output = _convert(digits_model, there)
    assert (code, "pass --overwrite" in output) == (2, True)
    assert there.read_text() == "precious"
    (tmp_path / "folder.keras").mkdir()
    code, output = _convert(digits_model, tmp_path / "folder.keras")
    assert (code, "is a folder" in output) == (2, True)
    code, output = _convert(digits_model, there / "new.keras")
    assert (code, "cannot write" in output) == (4, True)
    code, output = _convert(digits_model, there, "--overwrite")
    assert code == 0
    assert keras.models.load_model(there).name == "small"


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_nested_model_with_a_layer_of_the_users_is_optimized(
    old_files: dict[str, Any], described: None, own_objects: None, tmp_path: Path
) -> None:
    file = old_files["digits"]
    arguments = ["optimize", str(file.path), "--data", "digits", "--out", str(tmp_path / "run")]
    arguments += ["--custom-objects", file.options["custom_objects"], "--generations", "1"]
    arguments += ["--children", "2", "--workers", "2", "--no-control", "--json"]
    arguments += ["--child-epochs", "2", "--final-epochs", "1", "--max-accuracy-drop", "0.9"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["removals"]
    report = read_report(tmp_path / "run" / "report.json")
    assert any("rebuilt layer by layer" in note for note in report.notes)
    assert report.files == ("best.keras", "best.h5")
    children = report.generations[0].children
    assert not [child.detail for child in children if child.verdict == "failed"]
    for name in report.files:
        model = keras.models.load_model(tmp_path / "run" / name)
        loss = getattr(model.loss, "__name__", model.loss)  # a function, or its name
        assert loss == "sparse_categorical_crossentropy"
        assert "inner" not in [layer.name for layer in model.layers]
        assert model.predict(np.zeros((1, 8, 8, 1)), verbose=0).shape == (1, 10)
