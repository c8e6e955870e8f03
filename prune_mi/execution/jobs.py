"""Jobs on an executor: who runs next, what waits, and what becomes of one whose worker dies.

- A crash (SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, or an exit of its own): once more in safe mode,
  with oneDNN off; a second one is final. Once two jobs came through so, all are done so from then
  on, lest each first crash.
- Killed (SIGKILL), or a `MemoryError`: once more with half as many at once; again with nothing
  beside it is final.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from prune_mi.execution.executor import Call, Executor, Lost, News, Outcome, Raised, Value

_ENOUGH_RESCUED = 2


@dataclass(frozen=True, slots=True)
class Died:
    """The outcome of a job that was given up.

    Attributes:
        message: What happened, as the end of a sentence about the job.
        advice: What to try.
    """

    message: str
    advice: str


@dataclass(slots=True, eq=False)
class Job:
    """Something to be done in a worker.

    Attributes:
        name: For people.
        function, args: What is done; pickled when its turn comes.
        hears: Called with what it tells meanwhile.
        in_background: Whether it only runs while a worker is idle.
        outcome: Of it, once it is done.
        seconds: What its attempts took, those of dead workers among them.
        first_began: When the first of them began, on the monotonic clock.
        ticket: Of the attempt under way; None while there is none.
        safe: Whether it is done in safe mode.
        beside: The most that ran at once while it did, itself among them.
        crashes: What its workers died by.
        kills: How often they were killed, or out of memory.
    """

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    hears: Callable[[Any], None] | None = None
    in_background: bool = False
    outcome: Value | Raised | Died | None = None
    seconds: float = 0.0
    first_began: float | None = None
    began: float = 0.0
    ticket: int | None = None
    paused: bool = False
    safe: bool = False
    beside: int = 1
    crashes: list[str] = field(default_factory=list)
    kills: int = 0


class Deaths:
    """Decides what follows each death, over one run.

    `at_once` is how many may run at once, `all_safe` whether all are to run in safe mode.

    Args:
        at_once: How many may, to begin with.
        note: Hears of each death and what is done.
    """

    def __init__(self, at_once: int, note: Callable[[str], None]) -> None:
        self.at_once = at_once
        self.all_safe = False
        self.short_of_memory = False
        self._rescued = 0
        self._note = note

    def of(self, job: Job, cause: Lost | MemoryError) -> Died | None:
        """Judges a death; None where the job is to be done once more, as it then says itself."""
        if isinstance(cause, MemoryError):
            return self._killed(job, "ran out of memory")
        if cause.was_killed:
            said = "was killed (SIGKILL), most likely because memory ran out"
            return self._killed(job, said)
        return self._crashed(job, cause)

    def survived(self, job: Job) -> None:
        """A job has come to its end."""
        if not (job.crashes and job.safe) or self.all_safe:
            return
        self._rescued += 1
        if self._rescued >= _ENOUGH_RESCUED:
            self.all_safe = True
            self._note(
                f"{self._rescued} tasks crashed at first and succeeded with oneDNN off. It now "
                "stays off for all others. Training may be slower."
            )

    def _crashed(self, job: Job, cause: Lost) -> Died | None:
        job.crashes.append(cause.what + (" with oneDNN off" if job.safe else ""))
        if len(job.crashes) > 1:
            self._note(
                f"The worker of {job.name} died again, by {cause.explained}. "
                f"{job.name} is given up."
            )
            first, second = job.crashes
            return Died(
                f"its worker died twice: {first}, then {second}",
                "the fault lies in a library below Keras, or in the model's own code: try another "
                "version of TensorFlow, or KERAS_BACKEND=jax with prune-mi[jax] installed",
            )
        job.safe = True
        self._note(
            f"The worker of {job.name} died by {cause.explained}. {job.name} is run once more with "
            "oneDNN off (a library that TensorFlow uses on CPUs)."
        )
        return None

    def _killed(self, job: Job, said: str) -> Died | None:
        self.short_of_memory = True
        job.kills += 1
        if job.kills > 1 and job.beside == 1:
            self._note(
                f"The worker of {job.name} {said}, while it ran alone. {job.name} is given up."
            )
            return Died(
                f"its worker {said}. This happened {job.kills} times, the last time while it "
                "ran alone",
                "end other programs, give the machine or container more memory, or take a smaller "
                "batch size or model",
            )
        fewer = max(1, job.beside // 2)
        told = f"The worker of {job.name} {said}. {job.name} is run once more."
        if fewer < self.at_once:
            told += f" From now on at most {fewer} run at once, instead of {self.at_once}."
            self.at_once = fewer
        self._note(told)
        return None


class Jobs:
    """Has jobs done, as many at once as there are workers, in the order in which they came.

    A job in the background begins when a worker is idle, that is when fewer jobs run than may and
    none waits. When others want all workers it is held, where the executor can do that, beside as
    many of these as there are workers; so nothing waits for it. Where memory has been short it does
    not run beside others at all, but when it is waited for.

    Args:
        executor: Carries out.
        workers: How many run at once.
        call: What to submit for a job, in safe mode or not.
        note: Hears of deaths and what is done about them.
    """

    def __init__(
        self,
        executor: Executor,
        *,
        workers: int,
        call: Callable[[Job, bool], Call],
        note: Callable[[str], None],
    ) -> None:
        self._executor = executor
        self._call = call
        self._deaths = Deaths(workers, note)
        self._waiting = deque[Job]()
        self._behind = list[Job]()  # in the background, begun or not
        self._running = dict[int, Job]()

    @property
    def at_once(self) -> int:
        """How many may run at once: fewer than workers once memory has been short."""
        return self._deaths.at_once

    def done(self, jobs: Sequence[Job]) -> Iterator[Job]:
        """Has jobs done and yields each as it is; those left when that is given up are ended."""
        left = list(jobs)
        self._waiting.extend(left)
        try:
            while left:
                ended = [job for job in left if job.outcome is not None]
                if not ended:
                    self._dispatch()
                    self._take(self._executor.next())
                for job in ended:
                    left.remove(job)
                    self._dispatch()  # before the caller takes its time with this one
                    yield job
        finally:
            self.end(left)

    def begin(self, job: Job) -> None:
        """Has a job done in the background."""
        job.in_background = True
        self._behind.append(job)
        self._dispatch()

    def finish(self, job: Job) -> None:
        """Waits for a job of `begin`, which from now on is one like all others."""
        if job in self._behind:
            self._behind.remove(job)
            job.in_background = False
            if job.ticket is None:
                self._waiting.appendleft(job)
        self._hold(job, False)
        while job.outcome is None:
            self._dispatch()
            self._take(self._executor.next())

    def end(self, jobs: Sequence[Job]) -> None:
        """Ends jobs that are not done yet."""
        for job in jobs:
            if job in self._waiting:
                self._waiting.remove(job)
            if job in self._behind:
                self._behind.remove(job)
            self._stop(job)
            if job.outcome is None:
                job.outcome = Died("it was cancelled", "nothing: this was asked for")

    def _stop(self, job: Job) -> None:
        """Ends an attempt that is under way."""
        if job.ticket is not None:
            self._executor.cancel(job.ticket)
            self._is_over(job.ticket)

    def _is_over(self, ticket: int) -> Job:
        """Takes note that an attempt is at its end, and says whose it was."""
        job = self._running.pop(ticket)
        job.seconds += time.monotonic() - job.began
        job.ticket, job.paused = None, False
        return job

    def _dispatch(self) -> None:
        """Begins what may begin, and holds or continues what runs in the background."""
        ahead = sum(not job.in_background for job in self._running.values())
        while self._waiting and ahead < self._deaths.at_once:
            self._start(self._waiting.popleft())
            ahead += 1
        idle = 0 if self._deaths.short_of_memory else self._deaths.at_once - ahead
        for job in self._behind:
            if job.ticket is not None:
                self._hold(job, idle <= 0)
            elif idle > 0:
                self._start(job)
            idle -= 1
        for job in self._running.values():
            job.beside = max(job.beside, len(self._running))

    def _start(self, job: Job) -> None:
        job.safe = job.safe or self._deaths.all_safe
        job.beside = 1
        job.began = time.monotonic()
        if job.first_began is None:
            job.first_began = job.began
        job.ticket = self._executor.submit(self._call(job, job.safe))
        self._running[job.ticket] = job

    def _hold(self, job: Job, paused: bool) -> None:
        if job.ticket is not None and job.paused != paused:
            job.paused = paused
            self._executor.pause(job.ticket, paused)

    def _take(self, news: News | Outcome | None) -> None:
        if news is None or news.ticket not in self._running:
            return  # of a job that was ended
        if isinstance(news, News):
            hears = self._running[news.ticket].hears
            if hears is not None:
                hears(news.told)
            return
        job = self._is_over(news.ticket)
        if isinstance(news, Lost):
            self._lost(job, news)
        elif isinstance(news, Raised) and isinstance(news.error, MemoryError):
            self._lost(job, news.error)
        else:
            self._deaths.survived(job)
            self._settle(job, news)

    def _lost(self, job: Job, cause: Lost | MemoryError) -> None:
        died = self._deaths.of(job, cause)
        if died is not None:
            self._settle(job, died)
        elif not job.in_background:
            self._waiting.appendleft(job)
        if self._deaths.short_of_memory:
            # What runs in the background begins anew when there is room for it.
            for each in [each for each in self._running.values() if each.in_background]:
                self._stop(each)

    def _settle(self, job: Job, outcome: Value | Raised | Died) -> None:
        job.outcome = outcome
        if job in self._behind:
            self._behind.remove(job)
