"""`prune-mi inspect`: the table, JSON, frozen and protected layers, unknown sizes, bad input."""

import json
from pathlib import Path

import keras
import pytest
from keras import layers
from typer.testing import CliRunner
from zoo import ZOO

from prune_mi.cli import app

pytestmark = pytest.mark.slow


def _inspect(*arguments: object, width: int = 200) -> tuple[int, str]:
    runner = CliRunner(env={"COLUMNS": str(width)})
    result = runner.invoke(app, ["inspect", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.exit_code, result.output


def _saved(model: keras.Model, folder: Path) -> Path:
    path = folder / "model.keras"
    model.save(path)
    return path


def test_every_layer_has_a_row_and_its_reason(tmp_path: Path) -> None:
    model = ZOO["residual"]()
    code, output = _inspect(
        _saved(model, tmp_path), "--protect", "conv2d.*", "--freeze", ".*norm.*"
    )
    assert code == 0, output
    table = output.partition("Units")[0]
    rows = {words[0]: line for line in table.splitlines() if (words := line.split())}
    for layer in model.layers:
        assert layer.name in rows
    conv = next(layer for layer in model.layers if isinstance(layer, layers.Conv2D))
    assert "protected" in rows[conv.name]
    norm = next(layer for layer in model.layers if isinstance(layer, layers.BatchNormalization))
    assert "frozen" in rows[norm.name]
    assert "is the model's input" in rows[model.layers[0].name]
    assert f"{len(model.layers)} layers, {model.count_params():,} params" in output


def test_json_says_all_of_it(tmp_path: Path) -> None:
    model = ZOO["residual"]()
    code, output = _inspect(_saved(model, tmp_path), "--json")
    assert code == 0
    found = json.loads(output)
    assert [row["name"] for row in found["layers"]] == [layer.name for layer in model.layers]
    assert found["total"]["num_params"] == model.count_params()
    assert sum(row["macs"] for row in found["layers"]) == found["total"]["macs"] > 0
    removable = [unit for unit in found["units"] if unit["removable"]]
    assert len(removable) == found["total"]["num_removable_units"] > 0
    assert all(unit["reason"] for unit in found["units"] if not unit["removable"])
    assert any(len(group["producers"]) > 1 for group in found["width_groups"])


def test_the_net_of_every_course_is_told_why_nothing_can_go(tmp_path: Path) -> None:
    chain = [
        keras.Input((12, 12, 1)),
        layers.Rescaling(1 / 255),
        layers.Conv2D(8, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(8, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(16, activation="relu"),
        layers.Dense(10),
    ]
    path = _saved(keras.Sequential(chain), tmp_path)
    code, output = _inspect(path)
    assert code == 0, output
    _, _, end = output.partition("MACs.\n")
    assert end.startswith("No whole layer that costs MACs can go.")
    for reason in (
        "changes the number of channels and the image size (valid padding) (1 layer",
        "changes the image size (valid padding) (1 layer",
        "changes the number of values (1 layer",
        "is the head, with one unit for each class (1 layer",
    ):
        assert reason in end
    found = json.loads(_inspect(path, "--json")[1])["what_can_go"]
    assert found["units"] == []
    assert 0.9 < found["with_channels"]["macs_share"] < 1
    assert sum(each["macs_share"] for each in found["reasons"]) == pytest.approx(1)


def test_models_that_take_any_size(tmp_path: Path) -> None:
    inputs = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    path = _saved(
        keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x))), tmp_path
    )
    code, output = _inspect(path)
    assert code == 0
    assert "--input-size, for instance 224x224" in " ".join(output.split())
    code, output = _inspect(path, "--input-size", "8x6", "--json")
    assert json.loads(output)["total"]["macs"] == 8 * 6 * 9 * 3 * 4 + 8
    code, output = _inspect(path, "--input-size", "8")
    assert code == 2
    assert "of which there are 2" in " ".join(output.split())


def test_what_feeds_other_outputs_alone_is_protected(tmp_path: Path) -> None:
    path = _saved(ZOO["multi_output"](), tmp_path)
    code, output = _inspect(path, "--output", "fine", "--json")
    assert code == 0, output
    status = {row["name"]: row["status"] for row in json.loads(output)["layers"]}
    assert status["coarse"] == status["fine"] == "protected"
    assert "removable" in status.values()
    code, output = _inspect(path, "--output", "third")
    assert (code, "expected one of 'coarse'" in " ".join(output.split())) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--freeze", "nothing"], "matches no layer"),
        (["--protect", "("], "no regular expression"),
        (["--input-size", "8xy"], "expected for instance 224x224"),
        (["--input-size", "8x8"], "of which there are 0"),
    ],
)
def test_bad_choices(arguments: list[str], message: str, tmp_path: Path) -> None:
    code, output = _inspect(_saved(ZOO["chain"](), tmp_path), *arguments)
    assert code == 2
    assert message in " ".join(output.split())


def test_no_such_file(tmp_path: Path) -> None:
    code, output = _inspect(tmp_path / "none.keras")
    assert code == 2
    assert "no such file" in " ".join(output.split())
