"""Jobs on an executor: who runs next, what waits, and what becomes of one whose worker died."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from prune_mi.execution.deaths import Deaths, Died, History
from prune_mi.execution.executor import Call, Executor, Lost, News, Outcome, Raised, Value


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
    """

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    hears: Callable[[Any], None] | None = None
    in_background: bool = False
    outcome: Value | Raised | Died | None = None
    seconds: float = 0.0
    history: History = field(default_factory=History)
    first_began: float | None = None
    began: float = 0.0
    ticket: int | None = None
    paused: bool = False


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
            job.history.beside = max(job.history.beside, len(self._running))

    def _start(self, job: Job) -> None:
        job.history.safe = job.history.safe or self._deaths.all_safe
        job.history.beside = 1
        job.began = time.monotonic()
        if job.first_began is None:
            job.first_began = job.began
        job.ticket = self._executor.submit(self._call(job, job.history.safe))
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
            self._deaths.survived(job.history)
            self._settle(job, news)

    def _lost(self, job: Job, cause: Lost | MemoryError) -> None:
        died = self._deaths.of(job.name, job.history, cause)
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
