"""What `--resume` refuses before Keras is loaded; the run folder stays as it was."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from prune_mi.cli import app
from prune_mi.config import make_search_settings, make_settings
from prune_mi.records.events import Decided, Event, SearchEnded
from prune_mi.runs.extension import SEARCH_TIME
from prune_mi.runs.lock import FolderLock
from prune_mi.runs.log import EventLog
from tests.told import started

OPTIMIZE = make_settings({"data": "digits", "budget": 180.0}).model_dump(mode="json")
SEARCH = make_search_settings({"data": "digits"}).model_dump(mode="json")


def _refused(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    assert result.exit_code == 2, result.output
    return " ".join(result.output.split())


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return _written(
        tmp_path / "run",
        [started(**OPTIMIZE), Decided(SEARCH_TIME, [30.0, 10.0]), SearchEnded("time is up")],
    )


def _written(folder: Path, told: list[Event]) -> Path:
    folder.mkdir()
    log = EventLog(folder / "events.jsonl", clock=lambda: 175.0)
    for event in told:
        log.append(event)
    return folder


def test_a_budget_that_is_spent(run: Path) -> None:
    written = (run / "events.jsonl").read_bytes()
    for said in (["--budget", "60s"], ["--generations", 3], ["--max-accuracy-drop", 0.2]):
        told = _refused("optimize", "--resume", run, *said)
        assert (
            "has taken 2m55s, and the budget is" in told
            and "expected --budget 5m50s or more" in told
        )
    assert [each.name for each in run.iterdir()] == ["events.jsonl"]
    assert (run / "events.jsonl").read_bytes() == written


def test_a_folder_that_another_process_has(run: Path) -> None:
    lock = FolderLock(run)
    other = ["m.keras", "--data", "digits", "--out", run, "--overwrite"]
    for said in (["--resume", run], other):
        assert "another process is working in" in _refused("optimize", *said)
    lock.release()


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    for command in (["optimize", "--resume"], ["report"]):
        assert "nowhere does not exist" in _refused(*command, tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("said", "names"),
    [
        (["--from", "m.keras"], "--from"),
        (["--allow-unsafe", "--custom-objects", "own"], "--allow-unsafe, --custom-objects"),
    ],
)
def test_a_model_for_a_search_from_scratch(tmp_path: Path, said: list[str], names: str) -> None:
    began = replace(started(**SEARCH), command="search", source={}, model=None)
    told = _refused("search", "--resume", _written(tmp_path / "run", [began]), *said)
    assert f"began from scratch; expected nothing about a model, and received {names}" in told


def test_what_was_relative_is_found_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that what is refused is the seed."""
    for name in ("d.npz", "classes.txt"):
        (tmp_path / name).write_text("a\nb\n", encoding="utf-8")
    settings: dict[str, Any] = {**OPTIMIZE, "data": "d.npz", "classes": "classes.txt"}
    run = _written(tmp_path / "run", [replace(started(**settings), where=str(tmp_path))])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    told = _refused("optimize", "--resume", os.path.relpath(run), "--seed", 4)
    assert "`seed` is 4, but the run in" in told
    assert "when a run goes on: --budget, --generations, " in told
