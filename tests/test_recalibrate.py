"""Batch-norm statistics: `prune-mi recalibrate`, and the same within `optimize`."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from prune_mi.cli import app
from prune_mi.data import load_dataset
from prune_mi.report import read_report

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stale_model(tmp_path_factory: pytest.TempPathFactory, digits_model: Path) -> Path:
    """The demo's network with statistics of other images: compiled, its second norm frozen."""
    model = keras.models.load_model(digits_model)
    norms = [each for each in model.layers if isinstance(each, keras.layers.BatchNormalization)]
    for norm in norms:
        if norm is not norms[1]:
            norm.moving_mean.assign(norm.moving_mean + 0.15 * norm.moving_variance**0.5)
            norm.moving_variance.assign(norm.moving_variance * 1.25)
    norms[1].trainable = False
    path = tmp_path_factory.mktemp("stale") / "stale.keras"
    model.save(path)
    return path


def _accuracy(path: Path) -> float:
    data = load_dataset("digits")
    outputs = keras.models.load_model(path).predict(data.x_test / 16.0, verbose=0)
    return float(np.mean(outputs.argmax(axis=1) == data.y_test))


def _norms(path: Path) -> list[keras.layers.BatchNormalization]:
    layers = keras.models.load_model(path).layers
    return [each for each in layers if isinstance(each, keras.layers.BatchNormalization)]


def test_stale_statistics_are_replaced(stale_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "better.keras"
    arguments = ["recalibrate", str(stale_model), "--data", "digits", "--out", str(out)]
    result = CliRunner().invoke(app, [*arguments, "--workers", "1", "--quiet", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["chosen"] != "as saved"
    by_name = {each["statistics"]["name"]: each for each in found["candidates"]}
    assert by_name["as saved"]["full_test_metric"] == pytest.approx(_accuracy(stale_model))
    assert by_name[found["chosen"]]["full_test_metric"] == pytest.approx(_accuracy(out))
    assert _accuracy(out) > _accuracy(stale_model) + 0.02
    before, after = _norms(stale_model)[1], _norms(out)[1]
    np.testing.assert_array_equal(before.moving_variance, after.moving_variance)  # frozen
    assert keras.models.load_model(out).loss == "sparse_categorical_crossentropy"

    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 2
    assert "already exists" in again.output


def test_nothing_is_written_where_nothing_may_change(stale_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "same.keras"
    arguments = ["recalibrate", str(stale_model), "--data", "digits", "--out", str(out)]
    result = CliRunner().invoke(app, [*arguments, "--freeze", ".*", "--workers", "1", "--quiet"])
    assert result.exit_code == 3, result.output
    assert "Nothing better" in result.output
    assert not out.exists()


def test_classes_are_said_and_a_weak_model_is_allowed(digits_model: Path, tmp_path: Path) -> None:
    arguments = ["recalibrate", str(digits_model), "--data", "digits", "--freeze", ".*", "--quiet"]
    arguments += ["--out", str(tmp_path / "same.keras"), "--workers", "1"]
    arguments += ["--classes", "1,0,3,2,4,5,6,7,8,9"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    told = " ".join(result.output.split())
    assert "To continue with the model as it is, pass --allow-weak-model" in told
    result = CliRunner().invoke(app, [*arguments, "--allow-weak-model"])
    assert result.exit_code == 3, result.output


def test_optimize_starts_from_the_better_statistics(stale_model: Path, tmp_path: Path) -> None:
    arguments = ["optimize", str(stale_model), "--data", "digits", "--out", str(tmp_path / "run")]
    arguments += ["--max-accuracy-drop", "0.05", "--generations", "1", "--children", "2"]
    arguments += ["--child-epochs", "1", "--final-epochs", "1", "--quiet"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "This gain does not come from pruning" in " ".join(result.output.split())
    report = read_report(tmp_path / "run" / "report.json")
    assert report.recalibrated is not None
    assert report.recalibrated.full_test_metric > report.reference.full_test_metric + 0.02
    assert report.reference.full_test_metric == pytest.approx(_accuracy(stale_model))
    assert report.control is not None
    assert report.control.val_metric >= report.recalibrated.val_metric
    # The allowed drop stays one from the model as given.
    before, after = report.reference.val_metric, report.result.val_metric
    assert report.limit.drop == pytest.approx(before - after)
