"""Who runs when, and what becomes of jobs whose workers die; on an executor of no processes."""

import signal
from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from prune_mi.execution.executor import Call, Lost, News, Outcome, Raised, Value
from prune_mi.execution.jobs import Died, Job, Jobs


class Script:
    """An executor whose calls end as the test says."""

    def __init__(self) -> None:
        self.running: dict[int, Call] = {}
        self.held: set[str] = set()
        self.happened: deque[News | Outcome] = deque()
        self.log: list[str] = []
        self._tickets = count()

    def submit(self, call: Call) -> int:
        ticket = next(self._tickets)
        self.running[ticket] = call
        self.log.append(call.name + ("*" if call.environment else ""))
        return ticket

    def next(self, timeout: float | None = None) -> News | Outcome | None:
        if self.happened:
            return self.happened.popleft()
        assert timeout == 0, "the jobs wait for what will not come"
        return None

    def cancel(self, ticket: int) -> None:
        self.log.append(f"-{self.running.pop(ticket).name}")

    def pause(self, ticket: int, paused: bool) -> None:
        (self.held.add if paused else self.held.discard)(self.running[ticket].name)

    def close(self) -> None: ...

    def end(self, name: str, *, by: int | None = None, raising: Exception | None = None) -> None:
        ticket = next(key for key, call in self.running.items() if call.name == name)
        del self.running[ticket]
        if by is not None:
            self.happened.append(Lost(ticket, -by))
        elif raising is not None:
            self.happened.append(Raised(ticket, raising))
        else:
            self.happened.append(Value(ticket, f"{name} done"))


class Bench:
    """Jobs on a script, and what they have said."""

    def __init__(self, workers: int) -> None:
        self.script, self.notes = Script(), list[str]()
        self.jobs = Jobs(self.script, workers=workers, call=self._call, note=self.notes.append)

    def run(self, names: str) -> Iterator[Job]:
        return self.jobs.done([_job(each) for each in names])

    @property
    def log(self) -> str:
        found = " ".join(self.script.log)
        self.script.log.clear()
        return found

    @staticmethod
    def _call(job: Job, safe: bool) -> Call:
        return Call(job.name, job.function, job.args, environment={"safe": "1"} if safe else {})


def _job(name: str) -> Job:
    return Job(name, print, ())


def _outcome(job: Job) -> Any:
    return job.outcome.value if isinstance(job.outcome, Value) else job.outcome


def test_no_more_run_than_may_and_the_next_begins_before_an_outcome_is_used() -> None:
    bench = Bench(workers=2)
    outcomes = bench.run("abc")
    assert bench.log == ""  # a generator begins when it is asked
    bench.script.happened.append(News(-1, "of nobody"))
    with pytest.raises(AssertionError, match="will not come"):
        next(outcomes)
    assert bench.log == "a b -a -b"  # given up: ended


def test_outcomes_come_as_they_are() -> None:
    bench = Bench(workers=2)
    _ends(bench, "b", "a", "c")
    assert [_outcome(job) for job in bench.run("abc")] == ["b done", "a done", "c done"]
    assert bench.log == "a b c" and bench.notes == []


def _ends(bench: Bench, *plan: str | tuple[str, Any]) -> None:
    """Has the calls end in a certain order, each when the jobs wait for the next thing."""
    steps = deque(plan)
    script, usual = bench.script, bench.script.next

    def following(timeout: float | None = None) -> News | Outcome | None:
        if timeout is None and not script.happened and steps:
            step = steps.popleft()
            name, how = step if isinstance(step, tuple) else (step, None)
            if isinstance(how, Exception):
                script.end(name, raising=how)
            else:
                script.end(name, by=how)
        return usual(timeout)

    script.next = following  # type: ignore[method-assign]


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE"])
def test_a_crash_is_named_and_done_again_in_safe_mode(name: str) -> None:
    bench = Bench(workers=2)
    _ends(bench, ("a", signal.Signals[name]), "b", "a")
    assert [_outcome(job) for job in bench.run("ab")] == ["b done", "a done"]
    assert bench.log == "a b a*"
    (note,) = bench.notes
    assert note.startswith(f"The worker of a died by {name} (") and "with oneDNN off" in note


def test_a_second_crash_is_the_failure_of_that_job_alone() -> None:
    bench = Bench(workers=1)
    _ends(bench, ("a", signal.SIGSEGV), ("a", signal.SIGABRT), "b")
    died, done = [_outcome(job) for job in bench.run("ab")]
    assert isinstance(died, Died) and done == "b done"
    assert died.message == "its worker died twice: SIGSEGV, then SIGABRT with oneDNN off"
    assert bench.log == "a a* b" and len(bench.notes) == 2


def test_after_two_rescues_all_go_in_safe_mode() -> None:
    bench = Bench(workers=1)
    segv = signal.SIGSEGV
    _ends(bench, ("a", segv), "a", ("b", segv), "b", "c", ("d", segv), ("d", segv))
    *_, last = [_outcome(job) for job in bench.run("abcd")]
    assert bench.log == "a a* b b* c* d* d*"
    assert "off for all others" in bench.notes[2]
    assert last.message == (
        "its worker died twice: SIGSEGV with oneDNN off, then SIGSEGV with oneDNN off"
    )


def test_a_kill_halves_what_runs_at_once_and_only_alone_it_is_final() -> None:
    bench = Bench(workers=4)
    kill = signal.SIGKILL
    _ends(bench, ("a", kill), ("b", kill), "c", "d", ("a", kill), "b", ("a", kill), "e")
    outcomes = {job.name: _outcome(job) for job in bench.run("abcde")}
    assert isinstance(outcomes["a"], Died)
    assert "most likely because memory ran out" in str(outcomes["a"])
    assert outcomes["b"] == "b done" and outcomes["e"] == "e done"
    # Both kills were of the time when four ran: two from then on, and one after the third.
    assert bench.log == "a b c d b a a e"
    assert "From now on at most 2 run at once, instead of 4." in bench.notes[0]
    assert "instead" not in bench.notes[1]
    assert "at most 1 run at once, instead of 2" in bench.notes[2]
    assert "is given up" in bench.notes[3]


def test_one_worker_has_a_second_try_too_and_a_memory_error_is_like_a_kill() -> None:
    bench = Bench(workers=1)
    _ends(bench, ("a", MemoryError()), "a", ("b", MemoryError()), ("b", signal.SIGKILL))
    done, died = [_outcome(job) for job in bench.run("ab")]
    assert done == "a done" and isinstance(died, Died)
    assert bench.log == "a a b b"
    assert bench.notes[0] == "The worker of a ran out of memory. a is run once more."


def test_what_runs_in_the_background_waits_for_an_idle_worker_and_is_held_for_others() -> None:
    bench = Bench(workers=2)
    _ends(bench, "a", "c", "d")
    behind = _job("z")
    outcomes = bench.run("ab")
    next(outcomes)
    bench.jobs.begin(behind)
    assert bench.log == "a b z"
    others = bench.run("cd")
    assert _outcome(next(others)) == "c done"  # b and c, with z held; then d
    assert bench.log == "c d" and bench.script.held == {"z"}
    assert _outcome(next(others)) == "d done"
    assert bench.script.held == set()
    _ends(bench, "b", "z")
    bench.jobs.finish(behind)
    assert _outcome(behind) == "z done" and _outcome(next(outcomes)) == "b done"


def test_a_background_job_that_finds_no_idle_worker_runs_when_it_is_waited_for() -> None:
    bench = Bench(workers=1)
    _ends(bench, "a", "z")
    outcomes, behind = bench.run("ab"), _job("z")
    next(outcomes)
    bench.jobs.begin(behind)
    assert bench.log == "a b"
    bench.script.end("b")
    bench.jobs.finish(behind)
    assert _outcome(behind) == "z done"


def test_a_background_job_can_be_cancelled_begun_or_not() -> None:
    bench = Bench(workers=1)
    first, second = _job("y"), _job("z")
    bench.jobs.begin(first)
    bench.jobs.begin(second)
    bench.jobs.end([second, first])
    assert bench.log == "y -y"
    bench.jobs.finish(first)
    assert isinstance(first.outcome, Died) and first.outcome.message == "it was cancelled"


def test_where_memory_is_short_the_background_has_none() -> None:
    bench = Bench(workers=2)
    behind = _job("z")
    bench.jobs.begin(behind)
    _ends(bench, ("a", signal.SIGKILL), "a", "z")
    assert [_outcome(job) for job in bench.run("a")] == ["a done"]
    assert bench.log == "z a -z a"
    bench.jobs.finish(behind)
    assert bench.log == "z" and _outcome(behind) == "z done"
