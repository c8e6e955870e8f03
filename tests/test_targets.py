"""A run under a target, and another model of it picked: one run for all."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

import prune_mi
from prune_mi.cli import app
from prune_mi.data import load_dataset

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("targets")]
SETTINGS: dict[str, Any] = {
    "data": "digits",
    "target_macs": 0.7,
    "points": 2,
    "generations": 1,
    "children": 4,
    "calibration_images": 200,
    "child_epochs": 1,
    "final_epochs": 1,
}


def _invoke(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, dense_model: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "target"
    prune_mi.optimize(dense_model, out=folder, **SETTINGS)
    return folder


def _report(folder: Path) -> Any:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def test_the_result_is_under_the_target_and_stands_in_the_frontier(run: Path) -> None:
    told = _report(run)
    assert told["result"]["macs"] <= 0.7 * told["reference"]["macs"]
    assert told["targets"] == {"macs": pytest.approx(0.7 * told["reference"]["macs"])}
    assert told["max_accuracy_drop"] is None and told["missed"] == []
    (result,) = [each for each in told["frontier"] if each["is_result"]]
    assert result["costs"]["macs"] == told["result"]["macs"]
    assert result["model"] == told["result"] and result["file"] == "best.keras"
    for each in told["frontier"]:
        if each["file"] is not None and not each["is_result"]:
            network = keras.models.load_model(run / each["file"])
            assert network.count_params() == each["costs"]["params"]
            assert each["model"]["num_params"] == each["costs"]["params"]


def test_another_model_is_picked_and_measures_as_listed(run: Path, tmp_path: Path) -> None:
    told = _report(run)
    before = {path: path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}
    point = next(each for each in told["frontier"] if each["has_weights"])
    file = tmp_path / "picked" / "model.keras"
    done = prune_mi.pick(run, name=point["name"], out=file)
    assert done.model.macs == point["costs"]["macs"]
    assert done.model.val_metric == pytest.approx(point["val_metric"])
    assert done.control is not None
    assert done.control.test_metric == told["control"]["test_metric"]
    data = load_dataset("digits")
    pixels = data.x_test / 16.0  # as the network was trained
    answers = keras.models.load_model(file).predict(pixels, verbose=0).argmax(axis=1)
    right = float(np.mean(answers == data.y_test))
    assert right == pytest.approx(done.model.full_test_metric, abs=0.005)
    assert {path: path.read_bytes() for path in before} == before
    code, text = _invoke("pick", run, "--max-macs", "10")
    assert code == 3 and "The nearest is" in text
    code, text = _invoke("pick", run)
    assert code == 2 and "received no limit" in text


def test_what_no_model_keeps_leaves_the_original_and_the_nearest(
    dense_model: Path, tmp_path: Path
) -> None:
    settings = {**SETTINGS, "points": 1, "generations": 1, "child_epochs": 0.1}
    settings |= {"final_epochs": 0.1, "target_macs": 0.1, "max_accuracy_drop": 0.0, "images": 64}
    out = tmp_path / "run"
    report = prune_mi.optimize(dense_model, out=out, control=False, **settings).report
    assert not report.removals and report.closest is not None
    assert report.images_trained == 0
    assert report.missed and "more than the allowed 0" in report.missed[-1]
    original = keras.models.load_model(dense_model).count_params()
    assert keras.models.load_model(tmp_path / "run" / "best.keras").count_params() == original
    nearest = keras.models.load_model(tmp_path / "run" / "closest.keras")
    assert nearest.count_params() == report.closest.num_params < original
