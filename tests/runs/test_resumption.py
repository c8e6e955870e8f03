"""What a run that goes on is said to be: from another folder, with other settings, in what time."""

from pathlib import Path
from typing import Any

import pytest

from prune_mi.errors import BudgetError, RunFolderError
from prune_mi.records.events import Decided, Event, Finished, Resumed, SearchEnded, Started
from prune_mi.runs.extension import SEARCH_TIME, enough, has_time, require_time
from prune_mi.runs.log import EventLog
from prune_mi.runs.resumption import Before, Wanted, read_before, require_same_model
from prune_mi.runs.words import option_text, value_text
from tests.told import started


def _run(folder: Path, told: list[Event], *, at: float = 7.0) -> Before:
    folder.mkdir(parents=True, exist_ok=True)
    log = EventLog(folder / "events.jsonl", clock=lambda: at)
    for event in told:
        log.append(event)
    return read_before(folder)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a run was started with relative paths; the current folder is another by now."""
    for name in ("then", "now"):
        (tmp_path / name).mkdir()
        for file in ("d.npz", "classes.txt", "model.keras"):
            (tmp_path / name / file).touch()
    monkeypatch.chdir(tmp_path / "now")
    return tmp_path / "then"


def _relative(where: Path) -> Started:
    values: dict[str, Any] = {"data": "d.npz", "classes": "classes.txt", "budget": None}
    began = started(**values)
    return Started(
        **{name: getattr(began, name) for name in began.__slots__} | {"where": str(where)}
    )


def test_what_was_said_relative_to_another_folder_is_found_there(elsewhere: Path) -> None:
    before = _run(elsewhere / "run", [_relative(elsewhere)])
    assert before.settings["data"] == str(elsewhere / "d.npz")
    assert before.settings["classes"] == str(elsewhere / "classes.txt")
    assert before.source["path"] == str(elsewhere / "model.keras")
    assert before.changes(before.settings) == {}
    assert before.changes({"data": str(elsewhere / "d.npz")}) == {}
    here = str(Path.cwd() / "classes.txt")
    assert before.changes({"classes": here}) == {"classes": here}


def test_in_the_same_folder_it_stays_as_it_was_said(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(elsewhere)
    before = _run(elsewhere / "run", [_relative(elsewhere)])
    assert (before.settings["data"], before.source["path"]) == ("d.npz", "model.keras")


def test_what_is_said_now_is_found_from_anywhere_later(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = Path.cwd()
    (now / "moved.npz").touch()
    before = _run(elsewhere / "run", [_relative(elsewhere)])
    changes = before.changes({"data": "moved.npz"})
    assert changes == {"data": str(now / "moved.npz")}
    source = {"path": str(now / "model.keras"), "allow_unsafe": True}
    log = EventLog(elsewhere / "run" / "events.jsonl", clock=lambda: 9.0)
    resumed = before.resumed(Wanted(changes, source))
    log.go_on(before.lines, resumed, lambda resumed: None)
    monkeypatch.chdir(elsewhere.parent)
    again = read_before(elsewhere / "run")
    assert again.settings["data"] == str(now / "moved.npz")
    assert again.source == source


def test_a_data_set_with_a_name_is_no_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    before = _run(tmp_path / "run", [started(data="digits")])
    assert before.settings["data"] == "digits"
    assert before.changes({"data": "digits"}) == {}


def test_another_model_is_told_by_its_path(tmp_path: Path) -> None:
    before = _run(tmp_path / "run", [started(data="digits")])
    require_same_model(before, "moved.keras", "m")
    with pytest.raises(RunFolderError, match=r"model was model\.keras, and is other\.keras now"):
        require_same_model(before, "other.keras", "n")
    with pytest.raises(RunFolderError, match=r"holds something else by now.* original model as"):
        require_same_model(before, "model.keras", "n")


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="nowhere does not exist; expected the folder of a ru"):
        read_before(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match="file is a file; expected the folder of a run"):
        read_before(tmp_path / "file")


FINISHED: list[Event] = [
    started(data="digits", budget=180.0, generations=None),
    Decided(SEARCH_TIME, [30.0, 10.0]),
    SearchEnded("time is up"),
    Finished(None),  # type: ignore[arg-type]
]


def _took(folder: Path, seconds: float) -> Before:
    return _run(folder, FINISHED[:-1], at=seconds)


@pytest.mark.parametrize(
    "changes", [{"budget": 120.0}, {"generations": 9}, {"budget": 210.0, "max_accuracy_drop": 0.5}]
)
def test_a_budget_that_is_spent_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    before = _took(tmp_path, 175.0)
    match = r"taken 2m55s, and .* about 40s again; expected --budget 5m50s or more"
    with pytest.raises(BudgetError, match=match):
        require_time(before, changes)


def test_a_budget_with_time_left_is_not(tmp_path: Path) -> None:
    before = _took(tmp_path, 175.0)
    for changes in ({"budget": enough(before)}, {"budget": 235.0}, {"budget": None}, {}):
        require_time(before, changes)
    require_time(before, {"workers": 1})
    assert not has_time(before, 180.0) and has_time(before, None)


def test_settings_are_told_as_they_are_given() -> None:
    assert option_text("max_accuracy_drop") == "--max-accuracy-drop"
    assert option_text("same_structure") == "--same-structure"
    assert option_text("trained_children") == "trained_children in a file"
    assert [value_text("budget", each) for each in (420.0, 5400.0, None)] == ["7m", "1h30m", "none"]
    assert value_text("generations", 3) == "3"


def test_a_resumption_without_changes_repeats_none(elsewhere: Path) -> None:
    before = _run(elsewhere / "run", [_relative(elsewhere)])
    assert before.resumed(Wanted()) == Resumed(1)
