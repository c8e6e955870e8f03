"""Calls in other processes: what comes back, and that a dead one takes no other with it.

Nothing here imports TensorFlow, in these processes or that of the tests.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prune_mi.execution.executor import Call, Lost, News, Outcome, Raised, Value, tell
from prune_mi.execution.processes import ProcessExecutor, start_early


@pytest.fixture(scope="module")
def executor() -> Iterator[ProcessExecutor]:
    made = ProcessExecutor(keep=2)
    yield made
    made.close()


def _outcomes(executor: ProcessExecutor, count: int) -> dict[int, Outcome]:
    found: dict[int, Outcome] = {}
    while len(found) < count:
        news = executor.next()
        if isinstance(news, Value | Raised | Lost):
            found[news.ticket] = news
    return found


def _value(executor: ProcessExecutor, call: Call) -> object:
    ticket = executor.submit(call)
    outcome = _outcomes(executor, 1)[ticket]
    assert isinstance(outcome, Value), outcome
    return outcome.value


def _die(how: signal.Signals) -> None:
    os.kill(os.getpid(), how)
    signal.pause()


def _wait_for(path: Path) -> str:
    while not path.exists():
        time.sleep(0.01)
    return "went on"


def test_calls_are_done_side_by_side_and_their_processes_used_again(
    executor: ProcessExecutor,
) -> None:
    tickets = {executor.submit(Call("power", pow, (2, each))): each for each in range(2)}
    first = _outcomes(executor, 2)
    assert {key: each.value for key, each in first.items() if isinstance(each, Value)} == {
        key: 2**each for key, each in tickets.items()
    }
    pids = {_value(executor, Call("pid", os.getpid)) for _ in range(5)}
    assert len(pids) <= 2 and os.getpid() not in pids


@pytest.mark.parametrize("name", ["SEGV", "ABRT", "BUS", "ILL", "FPE", "KILL"])
def test_a_signal_loses_one_call_alone(
    executor: ProcessExecutor, name: str, tmp_path: Path
) -> None:
    how = signal.Signals[f"SIG{name}"]
    going = executor.submit(Call("waits", _wait_for, (tmp_path / "flag",)))
    dying = executor.submit(Call("dies", _die, (how,)))
    lost = executor.next()
    assert lost == Lost(dying, -how)
    assert isinstance(lost, Lost) and lost.what == how.name
    assert lost.was_killed == (name == "KILL")
    again = executor.submit(Call("power", pow, (2, 5)))
    assert executor.next() == Value(again, 32)
    (tmp_path / "flag").touch()
    assert executor.next() == Value(going, "went on")


def test_a_process_that_dies_while_it_answers_leaves_the_others_alone(
    executor: ProcessExecutor,
) -> None:
    # Half of its answer has gone out: where processes share a pipe, that stops all others.
    half = executor.submit(Call("answers", _answer_by_half, (1 << 20,)))
    assert executor.next() == Lost(half, -signal.SIGKILL)
    assert _value(executor, Call("power", pow, (2, 5))) == 32


def _answer_by_half(size: int) -> None:
    from prune_mi.execution.worker import LENGTH

    for number in range(3, 64):  # the answers' pipe is among them
        try:
            if not os.get_inheritable(number) and os.fstat(number).st_mode & 0o170000 == 0o010000:
                os.write(number, LENGTH.pack(size) + b"half")
        except OSError:
            continue
    os.kill(os.getpid(), signal.SIGKILL)


def test_an_exit_is_told_by_its_code(executor: ProcessExecutor) -> None:
    executor.submit(Call("exits", os._exit, (7,)))
    lost = executor.next()
    assert isinstance(lost, Lost) and lost.what == "exit code 7" and not lost.was_killed


def test_errors_come_back_as_they_are_with_their_traceback(executor: ProcessExecutor) -> None:
    executor.submit(Call("fails", int, ("seven",)))
    raised = executor.next()
    assert isinstance(raised, Raised) and isinstance(raised.error, ValueError)
    assert "seven" in str(raised.error) and "carry_out" in str(raised.error.__cause__)
    # Neither what cannot be pickled nor an exit asked for ends the process.
    executor.submit(Call("yields a generator", _generator))
    raised = executor.next()
    assert isinstance(raised, Raised) and "pickle" in str(raised.error)
    executor.submit(Call("exits", sys.exit, ("enough",)))
    raised = executor.next()
    assert isinstance(raised, Raised) and "SystemExit: enough" in str(raised.error)


def _generator() -> Iterator[int]:
    yield 1


def test_what_a_call_tells_comes_before_its_outcome(executor: ProcessExecutor) -> None:
    ticket = executor.submit(Call("counts", _count, (3,)))
    assert [executor.next() for _ in range(4)] == [
        *(News(ticket, number) for number in range(3)),
        Value(ticket, "counted"),
    ]


def _count(most: int) -> str:
    print("this must not get among the answers")
    for number in range(most):
        tell(number)
    return "counted"


def test_the_environment_holds_from_the_start_and_has_a_process_of_its_own(
    executor: ProcessExecutor,
) -> None:
    def call(mode: str) -> Call:
        function = _environment_at_start
        return Call("mode", function, environment={"PRUNE_MI_TEST": mode})

    plain, safe = _value(executor, call("plain")), _value(executor, call("safe"))
    assert (plain, safe) == ("plain", "safe")
    pids = [_value(executor, Call("pid", os.getpid, environment={"A": each})) for each in "aba"]
    assert len(set(pids)) == 3 or pids[0] == pids[2]


def _environment_at_start() -> str:
    entries = Path("/proc/self/environ").read_bytes().split(b"\0")
    return next(each.decode() for each in entries if each[:14] == b"PRUNE_MI_TEST=").partition("=")[
        2
    ]


def test_preparation_is_done_once_a_process_and_before_arguments_are_unpickled() -> None:
    executor = ProcessExecutor(keep=1)
    try:
        for _ in range(2):
            call = Call("prepared", _prepared, (_Argument(),), prepare=_prepare)
            assert _value(executor, call) == ["prepared", "unpickled"]
    finally:
        executor.close()


def _prepare() -> None:
    sys.prepared = ["prepared"]  # type: ignore[attr-defined]


class _Argument:
    def __reduce__(self) -> tuple[object, ...]:
        return _unpickle, ()


def _unpickle() -> str:
    if "unpickled" not in sys.prepared:  # type: ignore[attr-defined]
        sys.prepared.append("unpickled")  # type: ignore[attr-defined]
    return "argument"


def _prepared(_: object) -> list[str]:
    return list(sys.prepared)  # type: ignore[attr-defined]


def test_a_cancelled_call_ends_and_a_held_one_goes_on_later(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    cancelled = executor.submit(Call("waits", _wait_for, (tmp_path / "never",)))
    executor.cancel(cancelled)
    assert executor.next() == Lost(cancelled, -signal.SIGKILL)
    held = executor.submit(Call("waits", _tell_and_wait, (tmp_path / "flag",)))
    assert executor.next() == News(held, "begun")
    executor.pause(held, True)
    (tmp_path / "flag").touch()
    other = executor.submit(Call("power", pow, (2, 5)))
    assert executor.next() == Value(other, 32)
    assert executor.next(timeout=0) is None
    executor.pause(held, False)
    assert executor.next() == Value(held, "went on")


def _tell_and_wait(path: Path) -> str:
    tell("begun")
    return _wait_for(path)


def test_closing_ends_calls_under_way_at_once(tmp_path: Path) -> None:
    executor = ProcessExecutor(keep=2)
    executor.submit(Call("waits", _tell_pid_and_wait, (tmp_path / "never",)))
    news = executor.next()
    assert isinstance(news, News)
    executor.close()
    with pytest.raises(ProcessLookupError):  # reaped, too
        os.kill(news.told, 0)


def _tell_pid_and_wait(path: Path) -> str:
    tell(os.getpid())
    return _wait_for(path)


_ORPHANS = """
import os, signal
from prune_mi.execution.executor import Call, tell
from prune_mi.execution.processes import ProcessExecutor, start_early
def outlive():
    tell(None)
    while True:
        signal.pause()
executor = ProcessExecutor(keep=1)
executor.submit(Call("outlives", outlive))
executor.next()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_end_with_a_parent_that_is_killed() -> None:
    # The standard error is the worker's, too: it is at its end when both are gone.
    done = subprocess.run(
        [sys.executable, "-c", _ORPHANS], stderr=subprocess.PIPE, timeout=300, check=False
    )
    assert done.returncode == -signal.SIGKILL and done.stderr == b""


_UNGUARDED = """
from prune_mi.execution.executor import Call
from prune_mi.execution.processes import ProcessExecutor, start_early
print("the script runs")
class Mine:
    factor = 3
def times(number):
    return Mine.factor * number
executor = ProcessExecutor(keep=1)
executor.submit(Call("times", times, (14,)))
print(executor.next().value)
executor.close()
"""


def test_a_script_needs_no_guard_and_its_own_functions_and_classes_reach_workers(
    tmp_path: Path,
) -> None:
    script = tmp_path / "script.py"
    script.write_text(_UNGUARDED)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.stdout, done.stderr) == ("the script runs\n42\n", "")


def test_what_a_module_of_the_users_prints_does_not_get_among_the_answers(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_UNGUARDED)
    (tmp_path / "nt.py").write_text("print('hello')")  # which pathlib tries to import
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.splitlines()[-2:] == ["the script runs", "42"]
    assert "hello" in done.stderr  # as the worker printed it


def test_a_process_that_was_started_early_is_taken_over(tmp_path: Path) -> None:
    start_early(Call("begins", _wait_for, (tmp_path / "flag",)))
    made = ProcessExecutor(keep=2)
    ticket = made.submit(Call("pid", os.getpid))
    assert made.next(timeout=0.2) is None  # it waits for its turn
    (tmp_path / "flag").touch()
    first = _outcomes(made, 1)[ticket]
    assert isinstance(first, Value)
    assert _value(made, Call("pid", os.getpid)) == first.value
    made.close()
    with pytest.raises(ProcessLookupError):
        os.kill(first.value, 0)


def test_one_of_another_environment_or_that_is_gone_is_not() -> None:
    start_early(Call("begins", _environment_of, ("PRUNE_MI_A",), environment={"PRUNE_MI_A": "1"}))
    made = ProcessExecutor(keep=1)
    assert _value(made, Call("asks", _environment_of, ("PRUNE_MI_A",))) is None
    start_early(Call("dies", _die, (signal.SIGKILL,)))
    going = made.submit(Call("power", pow, (2, 5)))
    assert _outcomes(made, 1)[going] == Value(going, 32)
    made.close()
    start_early(Call("dies", _die, (signal.SIGKILL,)))
    fresh = ProcessExecutor(keep=1)
    ticket = fresh.submit(Call("power", pow, (2, 5)))
    # In time, or so late that it is taken over and lost.
    assert _outcomes(fresh, 1)[ticket] in (Value(ticket, 32), Lost(ticket, -signal.SIGKILL))
    fresh.close()


def _environment_of(name: str) -> str | None:
    return os.environ.get(name)
