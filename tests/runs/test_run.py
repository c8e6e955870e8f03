"""A run that goes on: nothing is written before it is known to be the same run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prune_mi.config import make_settings
from prune_mi.errors import RunFolderError
from prune_mi.records import SilentObserver
from prune_mi.records.events import Noted, Resumed, Started
from prune_mi.runs.folder import RunFolder
from prune_mi.runs.log import EventLog, read_events
from prune_mi.runs.notes import NoteTaker
from prune_mi.runs.resumption import Wanted, read_before
from prune_mi.runs.run import Run
from prune_mi.search.budget import Budget
from tests.told import started

SETTINGS = make_settings({"data": "digits"})
BEGAN = started(**SETTINGS.model_dump(mode="json"))


def test_time_is_shared_anew_where_other_settings_hold(tmp_path: Path) -> None:
    """And not again where such a run goes on once more."""
    path, now = tmp_path / "events.jsonl", [300.0]
    for changes, at, since in (({"budget": 420.0}, 300.0, 300.0), ({}, 350.0, 300.0)):
        now[0] = at
        lines = read_events(path)[0] if path.exists() else []
        log = EventLog(path, clock=lambda: 1.0)
        nobody: Any = None
        budget = Budget(420.0, started=0.0, clock=lambda: now[0])
        run = Run(SETTINGS, nobody, nobody, nobody, budget, NoteTaker(SilentObserver()), log)
        run.search_began = 60.0
        if not lines:
            log.append(BEGAN)
            lines = read_events(path)[0]
        run.replay(lines, Resumed(len(lines), changes), total=240.0)
        assert (run.budget.total, run.gets_another_budget) == (240.0, True)
        log.once(Started, lambda: pytest.fail("begun again"))
        run.share_time()
        assert run.search_began == 60.0  # what is gone through again was shared as it was
        assert log.is_replaying == (not changes)
        run.share_time()
        assert run.search_began == since
        assert (run.budget.total, run.gets_another_budget) == (420.0, False)


def _begun(path: Path, began: Started = BEGAN, *, goes_on: bool) -> None:
    """A run up to its beginning, whose opening had something to note."""
    notes: NoteTaker = NoteTaker(SilentObserver())
    notes.note("Grey images are given three channels.")
    folder = RunFolder(path, resumes=goes_on)
    log = EventLog(folder.events, clock=lambda: 1.0)
    nobody: Any = None
    run = Run(SETTINGS, folder, nobody, nobody, Budget(None, started=0.0), notes, log)
    try:
        if goes_on:
            run.go_on(read_before(path), Wanted())
        run.begin(began)
    finally:
        folder.clean()


def test_notes_of_its_opening_leave_its_events_readable(tmp_path: Path) -> None:
    _begun(tmp_path, goes_on=False)
    for _ in range(2):
        _begun(tmp_path, goes_on=True)
    told = [line.event for line in read_events(tmp_path / "events.jsonl")[0]]
    assert sum(isinstance(each, Resumed) for each in told) == 2
    assert sum(isinstance(each, Noted) for each in told) == 1


def test_one_that_is_refused_is_left_as_it_was(tmp_path: Path) -> None:
    _begun(tmp_path, goes_on=False)
    path = tmp_path / "events.jsonl"
    with path.open("ab") as file:
        file.write(b"torn")
    written = path.read_bytes()
    with pytest.raises(
        RunFolderError,
        match="its data was digits, but holds something else",
    ):
        _begun(tmp_path, replace(BEGAN, data_digest="other"), goes_on=True)
    assert path.read_bytes() == written


def test_a_report_of_an_earlier_end_goes(tmp_path: Path) -> None:
    _begun(tmp_path, goes_on=False)
    (tmp_path / "report.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunFolderError, match="its data was digits"):
        _begun(tmp_path, replace(BEGAN, data_digest="other"), goes_on=True)
    assert (tmp_path / "report.json").exists()
    _begun(tmp_path, goes_on=True)
    assert not (tmp_path / "report.json").exists()
