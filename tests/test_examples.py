"""The examples and the settings files, run as they stand, shortened."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent


def _run_example(name: str, *arguments: str) -> str:
    """What an example prints that is run as a script."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def run_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """What an example prints whose `main` is called in this process."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))

    def run(name: str, *arguments: str) -> str:
        importlib.import_module(name).main(list(arguments))
        return capsys.readouterr().out

    return run


def test_train_small_model_saves_both_formats(tmp_path: Path) -> None:
    arguments = ["--architecture", "vgg", "--data", "digits", "--epochs", "2"]
    printed = _run_example("train_small_model.py", *arguments, "--out", str(tmp_path))
    assert "accuracy" in printed
    for name in ("vgg.h5", "vgg.keras"):
        model = keras.models.load_model(tmp_path / name, compile=False)
        assert model.output_shape == (None, 10)


def test_optimize_from_python_prints_before_and_after(
    run_here: Callable[..., str], tmp_path: Path
) -> None:
    arguments = ["--epochs", "3", "--budget", "none", "--generations", "1", "--children", "2"]
    arguments += ["--out", str(tmp_path)]
    printed = run_here("optimize_from_python", *arguments)
    assert "before" in printed and "after" in printed
    assert (tmp_path / "run" / "report.json").exists()


def test_the_layers_that_people_use_are_counted_as_shipped(
    run_here: Callable[..., str], tmp_path: Path
) -> None:
    names = ["VGG16", "MobileNetV2", "ResNet50V2"]
    out = tmp_path / "counts.json"
    run_here("count_human_layers", "--architectures", *names, "--out", str(out))
    written = json.loads(out.read_text())
    assert written["keras"] == keras.__version__
    shipped = json.loads((ROOT / "prune_mi" / "morphisms" / "human_counts.json").read_text())
    assert written["architectures"] == {name: shipped["architectures"][name] for name in names}


def test_the_papers_table_is_made_and_resumed(run_here: Callable[..., str], tmp_path: Path) -> None:
    arguments = ["--data", "digits", "--out", str(tmp_path), "--scale", "0.02", "--workers", "1"]
    arguments += ["--generations", "1", "--children", "1", "--methods", "nash", "mi", "default"]
    first = run_here("reproduce_deim2019", *arguments)
    assert "nash, seed 0: test accuracy" in first
    assert "mi, seed 0: test accuracy" in first
    assert "default, seed 0: test accuracy" in first
    again = run_here("reproduce_deim2019", *arguments)
    assert again and "seed 0" not in again  # nothing was run
    assert first.endswith(again)
    reports = sorted(tmp_path.glob("*/report.json"))
    assert [path.parent.name.split("-")[0] for path in reports] == ["default", "mi", "nash"]
    images = {json.loads(path.read_text())["total_images"] for path in reports}
    assert max(images) < 1.5 * min(images)


def test_a_scale_that_is_none_is_refused(
    run_here: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", "digits", "--out", str(tmp_path), "--scale", "0"]
    with pytest.raises(SystemExit) as ended:
        run_here("reproduce_deim2019", *arguments)
    assert ended.value.code == 2
    assert "0 is no share; expected above 0, to 1" in capsys.readouterr().err
