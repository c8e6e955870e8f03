"""Runs that are interrupted and go on: to the same end, with other settings, or not at all."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

import prune_mi
from prune_mi.cli import app
from prune_mi.data import load_dataset
from prune_mi.errors import ConfigError, RunFolderError
from prune_mi.execution.pool import WorkerPool
from prune_mi.records import events
from prune_mi.runs.log import read_events
from prune_mi.runs.resumption import Before

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("resume")]  # one unbroken run for all
SETTINGS: dict[str, Any] = {
    "data": "digits",
    "max_accuracy_drop": 0.1,
    "generations": 1,
    "children": 4,
    "calibration_images": 200,
    "child_epochs": 1,
    "final_epochs": 1,
    "seed": 3,
}
TIMES = ("elapsed_s", "seconds", "folder", "size_bytes")


def _invoke(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    return result.exit_code, " ".join(result.output.split())


def _told(folder: Path) -> Any:
    """A report without what a clock says, and what no order has."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(each) for name, each in value.items() if name not in TIMES}
        if isinstance(value, list):
            found = [plain(each) for each in value]
            children = bool(found) and isinstance(found[0], dict) and "verdict" in found[0]
            return sorted(found, key=lambda child: child["name"]) if children else found
        return value

    return plain(json.loads((folder / "report.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, dense_model: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "unbroken"
    prune_mi.optimize(dense_model, out=folder, **SETTINGS)
    kinds = {line.event.__class__ for line in read_events(folder / "events.jsonl")[0]}
    assert {events.Trained, events.Accepted} <= kinds
    return folder


def _interrupted(
    monkeypatch: pytest.MonkeyPatch, model: Path, folder: Path, after: int, **settings: Any
) -> None:
    """A run that ends behind an outcome, as a crash does."""
    run, left = WorkerPool.run, [after]

    def until(self: WorkerPool, tasks: Any) -> Iterator[Any]:
        for outcome in run(self, tasks):
            left[0] -= 1
            yield outcome
            if left[0] == 0:
                raise KeyboardInterrupt

    monkeypatch.setattr(WorkerPool, "run", until)
    with pytest.raises(KeyboardInterrupt) as caught:
        prune_mi.optimize(model, out=folder, **{**SETTINGS, **settings})
    monkeypatch.setattr(WorkerPool, "run", run)
    assert f"prune-mi optimize --resume {folder}" in str(caught.value)


def test_an_interrupted_run_comes_to_the_same(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    dense_model: Path,
    unbroken: Path,
) -> None:
    folder = tmp_path / "run"
    _interrupted(monkeypatch, dense_model, folder, 6)
    assert not (folder / "report.json").exists()
    code, shown = _invoke("report", folder)
    assert code == 0 and "Not ended" in shown
    code, shown = _invoke("optimize", "--resume", folder)
    assert code in (0, 3), shown
    assert "Going on: 0 generations made, " in shown
    assert _told(folder) == _told(unbroken)
    again = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    done = [
        (each["kind"], each["event"]["name"], each["event"]["weights"])
        for each in again
        if each["kind"] in ("Screened", "Trained")
    ]
    assert len(done) == len(set(done))
    assert not list(folder.glob(".*")) and not (folder / "checkpoints").exists()


def test_a_run_goes_on_that_has_next_to_no_time_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dense_model: Path
) -> None:
    folder = tmp_path / "run"
    _interrupted(monkeypatch, dense_model, folder, 4, budget=300.0)
    monkeypatch.setattr(Before, "elapsed", 299.0)
    found = prune_mi.resume(folder)
    assert isinstance(found, prune_mi.Optimized)
    report = found.report
    assert report.elapsed_s > 299
    told = [line.event.__class__ for line in read_events(folder / "events.jsonl")[0]]
    assert events.Trained not in told[told.index(events.SearchEnded) :]  # there is no time for it
    assert any("leaves hardly any time for training" in note for note in report.notes)
    assert keras.models.load_model(folder / "best.keras").output_shape == (None, 10)


def test_a_run_that_has_ended_is_shown_again(
    unbroken: Path, tmp_path: Path, dense_model: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(unbroken, folder)
    before = _told(folder)
    (tmp_path / "other.npz").touch()
    for said, refusal in (
        ([tmp_path / "other.npz"], "its model was"),
        (["--data", tmp_path / "other.npz"], "has ended, and reads no data any more"),
    ):
        code, shown = _invoke("optimize", *said, "--resume", folder)
        assert code == 2 and refusal in shown, shown
    code, shown = _invoke("optimize", dense_model, "--resume", folder)
    assert code == 0 and f"--resume {folder} --generations 3" in shown, shown
    (folder / "report.json").unlink()
    found = prune_mi.resume(folder)
    assert isinstance(found, prune_mi.Optimized)
    assert found.path == folder / "best.keras"
    assert _told(folder) == before
    (folder / "report.json").unlink()
    assert _invoke("report", folder)[0] == 0
    assert _told(folder) == before


def test_more_generations_may_be_made(unbroken: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(unbroken, folder)
    found = prune_mi.resume(folder, generations=2)
    assert isinstance(found, prune_mi.Optimized)
    report = found.report
    assert [each.index for each in report.generations] == [1, 2]
    assert _told(folder)["generations"][:1] == _told(unbroken)["generations"]
    assert "The run goes on with --generations 2, not 1." in report.notes
    assert keras.models.load_model(folder / "best.keras").count_params() <= (
        report.reference.num_params
    )


def test_another_model_or_other_data_are_refused(
    unbroken: Path, tmp_path: Path, dense_model: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(unbroken, folder)
    written = (folder / "events.jsonl").read_bytes()
    model = keras.models.load_model(dense_model)
    model.layers[-1].bias.assign_add([0.01] * 10)
    model.save(tmp_path / "other.keras")
    code, shown = _invoke(
        "optimize", tmp_path / "other.keras", "--resume", folder, "--generations", 3
    )
    assert code == 2, shown
    assert f"cannot go on: its model was {dense_model}" in shown
    assert f"and is {tmp_path / 'other.keras'} now; expected the same content" in shown
    assert (folder / "events.jsonl").read_bytes() == written
    data = load_dataset("digits")
    changed = data.x_test.copy()
    changed[0, 0, 0] += 1
    arrays = {"x_train": data.x_train, "y_train": data.y_train, "y_test": data.y_test}
    np.savez(tmp_path / "other.npz", x_test=changed, **arrays)
    with pytest.raises(RunFolderError, match="cannot go on: its data was"):
        prune_mi.resume(folder, data=str(tmp_path / "other.npz"), generations=3)


def test_settings_that_must_stay(unbroken: Path, tmp_path: Path) -> None:
    code, shown = _invoke("optimize", "--resume", unbroken, "--seed", 4)
    assert code == 2 and "`seed` is 4, but the run in" in shown and "was started with 3" in shown
    with pytest.raises(ConfigError, match="`children` is 9, but the run"):
        prune_mi.resume(unbroken, children=9)
    code, shown = _invoke("search", "--resume", unbroken)
    assert code == 2 and f"expected prune-mi optimize --resume {unbroken}" in shown
    code, shown = _invoke("optimize", "--resume", unbroken, "--out", tmp_path / "elsewhere")
    assert code == 2 and "received --resume and --out; expected one of them" in shown
    code, shown = _invoke("optimize", "--resume", tmp_path)
    assert code == 2 and "holds no run that could go on" in shown
    code, shown = _invoke("optimize", "--data", "digits")
    assert code == 2 and "received no model; expected a model file, or --resume RUN" in shown
