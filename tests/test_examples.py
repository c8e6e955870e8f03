"""The examples and the settings files, run as they stand, shortened."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from typer.testing import CliRunner

from prune_mi.cli import app

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent


def _run_example(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_train_small_model_saves_both_formats(tmp_path: Path) -> None:
    arguments = ["--architecture", "vgg", "--data", "digits", "--epochs", "2"]
    printed = _run_example("train_small_model.py", *arguments, "--out", str(tmp_path))
    assert "accuracy" in printed
    for name in ("vgg.h5", "vgg.keras"):
        model = keras.models.load_model(tmp_path / name, compile=False)
        assert model.output_shape == (None, 10)


def test_optimize_from_python_prints_before_and_after(tmp_path: Path) -> None:
    arguments = ["--epochs", "4", "--budget", "40s", "--generations", "1", "--children", "2"]
    arguments += ["--out", str(tmp_path)]
    printed = _run_example("optimize_from_python.py", *arguments)
    assert "before" in printed and "after" in printed
    assert (tmp_path / "run" / "report.json").exists()


def test_the_layers_that_people_use_are_counted_as_shipped(tmp_path: Path) -> None:
    names = ["VGG16", "MobileNetV2", "ResNet50V2"]
    out = tmp_path / "counts.json"
    _run_example("count_human_layers.py", "--architectures", *names, "--out", str(out))
    written = json.loads(out.read_text())
    assert written["keras"] == keras.__version__
    shipped = json.loads((ROOT / "prune_mi" / "morphisms" / "human_counts.json").read_text())
    assert written["architectures"] == {name: shipped["architectures"][name] for name in names}


@pytest.mark.parametrize("name", ["optimize_default.yaml", "optimize_fast.yaml"])
def test_settings_files_run(digits_model: Path, tmp_path: Path, name: str) -> None:
    arguments = ["optimize", str(digits_model), "--data", "digits", "--out", str(tmp_path / "run")]
    arguments += ["--config", str(ROOT / "configs" / name), "--generations", "1"]
    arguments += ["--children", "2", "--child-epochs", "0.2", "--final-epochs", "0.2", "--json"]
    result = CliRunner().invoke(app, [*arguments, "--budget", "5m", "--workers", "1"])
    assert result.exit_code in (0, 3), result.output
    assert json.loads(result.stdout)["generations"]


def test_the_papers_table_is_made_and_resumed(tmp_path: Path) -> None:
    arguments = ["--data", "digits", "--out", str(tmp_path), "--scale", "0.02", "--workers", "1"]
    arguments += ["--generations", "1", "--children", "1", "--methods", "nash", "mi", "default"]
    first = _run_example("reproduce_deim2019.py", *arguments)
    assert "nash, seed 0: test accuracy" in first
    assert "mi, seed 0: test accuracy" in first
    assert "default, seed 0: test accuracy" in first
    again = _run_example("reproduce_deim2019.py", *arguments)
    assert again and "seed 0" not in again  # nothing was run
    assert first.endswith(again)
    reports = sorted(tmp_path.glob("*/report.json"))
    assert [path.parent.name.split("-")[0] for path in reports] == ["default", "mi", "nash"]
    images = {json.loads(path.read_text())["total_images"] for path in reports}
    assert max(images) < 1.5 * min(images)


def test_a_scale_that_is_none_is_refused(tmp_path: Path) -> None:
    arguments = ["--data", "digits", "--out", str(tmp_path), "--scale", "0"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "reproduce_deim2019.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "0 is no share; expected above 0, to 1" in done.stderr
