"""The examples and the settings files, run as they stand, shortened."""

import ast
import importlib
import json
import re
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


@pytest.mark.thorough
def test_train_small_model_saves_both_formats(tmp_path: Path) -> None:
    arguments = ["--architecture", "vgg", "--data", "digits", "--epochs", "2"]
    printed = _run_example("train_small_model.py", *arguments, "--out", str(tmp_path))
    assert "accuracy" in printed
    for name in ("vgg.h5", "vgg.keras"):
        model = keras.models.load_model(tmp_path / name, compile=False)
        assert model.output_shape == (None, 10)


@pytest.mark.thorough
@pytest.mark.processes
def test_optimize_in_python_as_a_script(tmp_path: Path) -> None:
    """With a layer of the script's own, and worker processes that do not run the script again."""
    before = set(tmp_path.parent.iterdir())
    printed = _run_example("optimize_in_python.py", str(tmp_path / "run"))
    found = re.search(r"before +([\d,]+) params.*\nafter +([\d,]+) params", printed)
    assert found is not None, printed
    old, new = (int(each.replace(",", "")) for each in found.groups())
    assert new < old
    assert "accepted" in printed  # progress, in lines
    assert printed.count("before") == 1
    assert (tmp_path / "run" / "best.keras").is_file() and set(tmp_path.parent.iterdir()) == before


def test_the_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cell by cell, as a kernel runs it; what stands last in a cell is shown."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "examples" / "optimize_in_a_notebook.ipynb").read_text(encoding="utf-8")
    cells = [each for each in json.loads(text)["cells"] if each["cell_type"] == "code"]
    names: dict[str, object] = {}
    shown = []
    for cell in cells:
        code = ast.parse("".join(cell["source"]))
        last = code.body.pop() if isinstance(code.body[-1], ast.Expr) else None
        exec(compile(code, "cell", "exec"), names)
        if isinstance(last, ast.Expr):
            shown.append(eval(compile(ast.Expression(last.value), "cell", "eval"), names))
    (result,) = [each for each in shown if each is not None]
    html = result._repr_html_()
    assert "<caption>The models</caption>" in html and "Smaller: -" in html
    assert "<details open><summary>What changed (" in html
    printed = capsys.readouterr().out
    assert "params, accuracy 0." in printed and "passed: " in printed
    assert [each.name for each in tmp_path.iterdir()] == ["digits-run"]


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
