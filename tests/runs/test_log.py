"""Events on disk: what was written is read, what is damaged is told, what was done is not again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.errors import ConfigError, RunFolderError
from prune_mi.records import Cost, MorphRecord, Place
from prune_mi.records.events import (
    Accepted,
    Decided,
    Event,
    Failed,
    GenerationBegan,
    GenerationEnded,
    Noted,
    Proposed,
    Refused,
    Resumed,
    Screened,
    SearchEnded,
    Started,
)
from prune_mi.runs.lock import LOCK_FILE, FolderLock
from prune_mi.runs.log import EventLog, effective, read_events
from prune_mi.runs.resumption import Wanted, read_before
from prune_mi.runs.weights import Weights, scores_of, scores_text
from tests.graph_builder import chain
from tests.told import started

MORPH = MorphRecord("remove-by-rank", "add_4", ("conv",), "it’s least", Place(1, "norm"), "removes")
TOLD: list[Event] = [
    started(data="digits", budget=None, generations=2),
    Noted('a note with "quotes", a ’ and a \\ in it'),
    Decided("rungs", {"rungs": [[4, 0.25, None]], "preparing": 0.5}),
    GenerationBegan(1, None, "reference", 12.5),
    Proposed("g1c1", "reference", (MORPH,), Cost(1, 2, 3)),
    Screened("g1c1", 0.875, 1.5, "abc"),
    Failed("g1c2", "trained", "out of luck", 2.0),
    Accepted("g1c1", 0.9, 0.89),
    Refused("g1c3", "over the limit", {"accuracy": 0.8, "required": 0.9, "margin": 0.01}),
    GenerationEnded(1, "g1c1"),
    SearchEnded("the one generation was made"),
]


def _written(path: Path, told: list[Event] = TOLD) -> Path:
    log = EventLog(path / "events.jsonl", clock=lambda: 7.25)
    for event in told:
        log.append(event)
    return path / "events.jsonl"


def test_what_was_written_is_read(tmp_path: Path) -> None:
    lines, torn_at = read_events(_written(tmp_path))
    assert [line.event for line in lines] == TOLD
    assert {line.at for line in lines} == {7.25}
    assert torn_at is None


@given(cut=st.integers(min_value=1))
def test_a_torn_last_line_is_left_out(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = _written(tmp_path_factory.mktemp("run"))
    whole = path.read_bytes()
    kept = 1 + cut % (len(whole) - 1)
    path.write_bytes(whole[:kept])
    ends = [place + 1 for place, byte in enumerate(whole) if byte == 10]
    lines, torn_at = read_events(path)
    before = [end for end in ends if end <= kept]
    assert [line.event for line in lines] == TOLD[: len(before)]
    assert torn_at == (None if kept in ends else before[-1] if before else 0)


@pytest.mark.parametrize("line", range(len(TOLD) - 1))
@pytest.mark.parametrize("how", ["changed", "gone", "empty"])
def test_damage_before_the_last_line_is_told_by_its_number(
    tmp_path: Path, line: int, how: str
) -> None:
    path = _written(tmp_path)
    rows = path.read_bytes().splitlines(keepends=True)
    if how == "changed":
        rows[line] = rows[line].replace(b'"kind"', b'"kinds"')
    elif how == "gone":
        del rows[line]
    else:
        rows[line] = b"\n"
    path.write_bytes(b"".join(rows))
    with pytest.raises(RunFolderError, match=rf"line {line + 1} of .*events.jsonl is damaged"):
        read_events(path)


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="holds no run that could go on: it has no events"):
        read_before(tmp_path)
    (tmp_path / "events.jsonl").write_bytes(b"")
    with pytest.raises(RunFolderError, match="does not say how the run began"):
        read_before(tmp_path)


def _going_on(path: Path, behind: int | None = None) -> EventLog:
    lines, _ = read_events(path)
    log = EventLog(path, clock=lambda: 9.0)
    log.go_on(lines, Resumed(len(lines) if behind is None else behind), lambda resumed: None)
    return log


def test_what_was_done_is_not_written_again(tmp_path: Path) -> None:
    path = _written(tmp_path)
    log = _going_on(path)
    assert isinstance(log.once(Started, lambda: pytest.fail("made again")), Started)
    assert not log.note(TOLD[1].text) and log.note("another")  # type: ignore[union-attr]
    assert log.decided("rungs", lambda: pytest.fail("decided again"))["preparing"] == 0.5
    assert log.once(GenerationBegan, lambda: pytest.fail("made again")).seconds == 12.5
    log.append(TOLD[4])
    assert log.outcome({"g1c2", "g1c1"}, {Screened, Failed}) == TOLD[5]
    assert log.outcome({"g1c2"}, {Screened, Failed}) == TOLD[6]
    for event in TOLD[7:]:
        assert log.is_replaying
        log.append(event)
    assert not log.is_replaying
    assert log.outcome({"g2c1"}, {Screened}) is None
    log.append(GenerationEnded(2, "g1c1"))
    assert [type(line.event) for line in read_events(path)[0]][len(TOLD) :] == [
        Resumed,
        Noted,
        GenerationEnded,
    ]


def test_what_comes_out_otherwise_than_it_was_written_is_refused(tmp_path: Path) -> None:
    log = _going_on(_written(tmp_path))
    log.once(Started, lambda: pytest.fail("made again"))
    with pytest.raises(RunFolderError, match="event 3 was Decided rungs, and now it would be Pro"):
        log.append(TOLD[4])
    log.decided("rungs", lambda: None)
    log.append(TOLD[3])
    log.append(TOLD[4])
    with pytest.raises(RunFolderError, match="and now it would be an outcome of g7c1"):
        log.outcome({"g7c1"}, {Screened})


def test_what_a_resumed_run_goes_back_behind_does_not_count(tmp_path: Path) -> None:
    path = _written(tmp_path)
    log = _going_on(path, behind=4)
    for event in (TOLD[0], TOLD[2], TOLD[3], GenerationEnded(3, "reference")):
        log.append(event)
    told = effective(read_events(path)[0])
    assert told == [*TOLD[:4], Resumed(4), GenerationEnded(3, "reference")]


def test_the_settings_of_a_resumed_run_hold_from_where_it_went_on(tmp_path: Path) -> None:
    path = _written(tmp_path, TOLD[:4])
    for changes in ({"generations": 5}, {}):
        lines, _ = read_events(path)
        log, passed = EventLog(path, clock=lambda: 9.0), list[Resumed]()
        log.go_on(lines, Resumed(len(lines), changes), passed.append)
        for event in (TOLD[0], TOLD[2], TOLD[3]):
            assert not passed
            log.append(event)
        assert not log.is_replaying
    assert [each.changes for each in passed] == [{"generations": 5}, {}]


def test_what_may_be_another_when_a_run_goes_on(tmp_path: Path) -> None:
    _written(tmp_path)
    before = read_before(tmp_path)
    assert before.changes({"data": "digits", "budget": None, "generations": 2}) == {}
    found = before.changes({"data": "elsewhere.npz", "generations": 3})
    assert found == {"data": "elsewhere.npz", "generations": 3}
    for wanted in (Wanted(), Wanted({"workers": 1})):
        assert before.resumed(wanted) == Resumed(len(TOLD), wanted.changes)
    assert before.resumed(Wanted(found)) == Resumed(len(TOLD) - 1, found)  # the last generation
    assert before.elapsed == 7.25 and not before.is_finished
    with pytest.raises(ConfigError, match=r"`seed` is 3, but the run .* with None"):
        before.changes({"seed": 3})


@pytest.mark.parametrize(
    "last",
    [
        [Failed("g1c1", "ranked", "killed", 1.0)],
        [Failed("g1c1", "trained", "killed", 1.0), Noted("g1c1 is given up.")],
        [Failed("g1c1", "trained", "killed", 1.0), Resumed(6), Failed("g2c1", "trained", "x", 1.0)],
    ],
)
def test_what_failed_last_is_tried_again(tmp_path: Path, last: list[Event]) -> None:
    _written(tmp_path, [*TOLD[:5], *last])
    assert read_before(tmp_path).resumed(Wanted()).behind == 5


def test_what_failed_before_another_was_evaluated_is_not_tried_again(tmp_path: Path) -> None:
    _written(tmp_path, TOLD[:8])
    assert read_before(tmp_path).resumed(Wanted()).behind == 8


def test_a_resumption_that_becomes_void_keeps_what_it_changed(tmp_path: Path) -> None:
    path = _written(tmp_path)
    for changes in ({"generations": 5}, {"final_epochs": 9.0}):
        before = read_before(tmp_path)
        log = EventLog(path, clock=lambda: 9.0)
        log.go_on(before.lines, before.resumed(Wanted(changes)), lambda resumed: None)
        for event in (TOLD[0], *TOLD[2:-1]):
            log.append(event)
        log.append(SearchEnded("once more"))
    *_, last, _ = effective(read_events(path)[0])
    assert last == Resumed(len(TOLD) - 1, {"generations": 5, "final_epochs": 9.0})


def test_gates_and_the_place_of_the_model_are_remembered(tmp_path: Path) -> None:
    path = _written(tmp_path)
    for wanted in (
        Wanted(source={"path": "moved.keras"}),
        Wanted(gates={"max_flips": 0.1}),
        Wanted(),
    ):
        before = read_before(tmp_path)
        log = EventLog(path, clock=lambda: 9.0)
        log.go_on(before.lines, before.resumed(wanted), lambda resumed: None)
    before = read_before(tmp_path)
    assert before.source["path"] == "moved.keras"
    assert before.gates == {"max_flips": 0.1}


def test_time_until_a_checkpoint_counts(tmp_path: Path) -> None:
    path = _written(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    checkpoint = tmp_path / "checkpoints" / "result-7.npz"
    checkpoint.write_bytes(b"")
    written = path.stat().st_mtime
    os.utime(checkpoint, (written + 100, written + 100))
    assert read_before(tmp_path).elapsed == pytest.approx(107.25, abs=0.01)
    os.utime(checkpoint, (written - 100, written - 100))
    assert read_before(tmp_path).elapsed == 7.25


@pytest.fixture
def other_process(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the lock of a folder until it is killed."""
    code = (
        "import sys; from pathlib import Path; from prune_mi.runs.lock import FolderLock; "
        "lock = FolderLock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_one_process_at_a_time_and_a_crash_leaves_no_lock(
    tmp_path: Path, other_process: "subprocess.Popen[bytes]"
) -> None:
    with pytest.raises(RunFolderError, match="another process is working in"):
        FolderLock(tmp_path)
    other_process.kill()
    other_process.wait()
    assert (tmp_path / LOCK_FILE).exists()
    lock = FolderLock(tmp_path)
    with pytest.raises(RunFolderError, match="another process is working in"):
        FolderLock(tmp_path)
    lock.release()
    assert not (tmp_path / LOCK_FILE).exists()
    FolderLock(tmp_path).release()


@given(st.lists(st.booleans()))
def test_bits_go_through_text(bits: list[bool]) -> None:
    assert scores_of(scores_text(np.array(bits, dtype=bool))).tolist() == bits


def test_weights_are_kept_by_content_and_dropped(tmp_path: Path) -> None:
    weights, first, second = Weights(tmp_path / "weights"), chain(seed=0), chain(seed=1)
    one, other = weights.put(first), weights.put(second)
    assert one != other and weights.put(first) == one
    found = weights.get(other, first)
    for name, layer in second.layers.items():
        for array, same in zip(layer.weights, found.layers[name].weights, strict=True):
            np.testing.assert_array_equal(array, same)
    weights.keep({one})
    weights.require(weights.get(one, second), "g1c1")
    gone = weights.get(other, first)
    assert gone.structural_hash() == first.structural_hash()
    with pytest.raises(RunFolderError, match="the weights of g1c2 are missing"):
        weights.require(gone, "g1c2")


def test_damaged_weights_are_told(tmp_path: Path) -> None:
    weights, graph = Weights(tmp_path / "weights"), chain()
    digest = weights.put(graph)
    (path,) = (tmp_path / "weights").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunFolderError, match="is damaged"):
        weights.get(digest, graph)
    other = Weights(tmp_path / "other")
    other.put(chain(seed=1))
    (elsewhere,) = (tmp_path / "other").iterdir()
    path.write_bytes(elsewhere.read_bytes())
    with pytest.raises(RunFolderError, match="it holds other weights"):
        weights.get(digest, graph)
