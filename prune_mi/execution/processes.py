"""An executor of processes on this machine: each has its own pipes, and dies by itself.

Pools of the standard library, loky and pebble have their workers share pipes. One that is killed
while it writes leaves half a message there, or holds the lock: the others wait for ever, or are
ended too. A worker's death is seen here as the end of its own pipe.

Workers are started as fresh interpreters, never forked, since TensorFlow has threads; and the main
script is not imported in them, so it needs no guard.
"""

import atexit
import itertools
import json
import math
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from prune_mi.execution.executor import Call, Lost, News, Outcome, packed, unpacked
from prune_mi.execution.worker import receive, send

# What a module prints as it is imported must not get among the answers.
_START = (
    "import json, os, sys; answers = os.dup(1); os.dup2(2, 1); "
    "sys.path[:] = json.loads(sys.argv[1]); "
    "from prune_mi.execution.worker import main; main(answers)"
)
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_OLDER_QUOTA = (
    Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
    Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)


class ProcessExecutor:
    """See `Executor`. A process that has done a call waits for the next of the same environment.

    Args:
        keep: Processes to keep: before one more is started than that, an idle one is ended.
    """

    def __init__(self, *, keep: int) -> None:
        self._keep = keep
        self._news = queue.SimpleQueue[News | Outcome]()
        self._tickets = itertools.count()
        self._workers: list[_Worker] = []

    def submit(self, call: Call) -> int:
        message, ticket = packed(call), next(self._tickets)
        self._free_worker(dict(call.environment)).give(ticket, message)
        return ticket

    def next(self, timeout: float | None = None) -> News | Outcome | None:
        with suppress(queue.Empty):
            return self._news.get(timeout=timeout)
        return None

    def cancel(self, ticket: int) -> None:
        for worker in self._at(ticket):
            worker.kill()

    def pause(self, ticket: int, paused: bool) -> None:
        """See `Executor`; on Windows it runs on."""
        if os.name == "posix":
            for worker in self._at(ticket):
                worker.send_signal(signal.SIGSTOP if paused else signal.SIGCONT)

    def close(self) -> None:
        for worker in self._workers:
            worker.kill()
        for worker in self._workers:
            worker.join()
        self._workers = []

    def _at(self, ticket: int) -> list["_Worker"]:
        return [each for each in self._workers if each.ticket == ticket]

    def _free_worker(self, environment: Mapping[str, str]) -> "_Worker":
        self._workers = [each for each in self._workers if each.is_alive()]
        idle = [each for each in self._workers if each.ticket is None]
        for worker in idle:
            if worker.environment == environment:
                return worker
        if idle and len(self._workers) >= self._keep:
            idle[0].kill()
            idle[0].join()
            self._workers.remove(idle[0])
        worker = _taken_over(environment, self._news) or _Worker(environment, self._news)
        self._workers.append(worker)
        return worker


class _Worker:
    """A process, and the thread that talks to it."""

    def __init__(
        self, environment: Mapping[str, str], news: "queue.SimpleQueue[News | Outcome]"
    ) -> None:
        self.environment = environment
        self.ticket: int | None = None
        self.news = news
        self._calls = queue.SimpleQueue[tuple[int | None, bytes] | None]()
        self._process = _started(environment)
        self._thread = threading.Thread(target=self._talk, daemon=True, name="prune-mi worker")
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether it can be given a call."""
        return self._process.poll() is None

    def give(self, ticket: int | None, call: bytes) -> None:
        """Has it carry a packed call out; without a ticket its outcome is of no interest."""
        self.ticket = ticket
        self._calls.put((ticket, call))

    def send_signal(self, how: signal.Signals) -> None:
        """Sends its process a signal, unless that is gone."""
        with suppress(OSError):
            self._process.send_signal(how)

    def kill(self) -> None:
        """Ends its process at once."""
        with suppress(OSError):
            self._process.kill()
        self._calls.put(None)

    def join(self) -> None:
        """Waits until its process and its thread are gone."""
        self._process.wait()
        self._thread.join()

    def _talk(self) -> None:
        calls, answers = _pipes(self._process)
        with suppress(BrokenPipeError), calls, answers:  # closing writes what has not gone out
            while (given := self._calls.get()) is not None:
                ticket, call = given
                try:
                    send(calls, call)
                    answer = receive(answers)
                    while answer[:1] == b"n":
                        if ticket is not None:
                            self.news.put(News(ticket, pickle.loads(answer[1:])))
                        answer = receive(answers)
                except (EOFError, OSError):
                    code = self._process.wait()
                    lost, self.ticket = self.ticket, None
                    if lost is None:  # the next call will find that it is gone
                        continue
                    self.news.put(Lost(lost, code))
                    return
                if ticket is not None:
                    self.ticket = None  # before the outcome is known: the next call finds it free
                    self.news.put(unpacked(ticket, answer[1:]))


# Started before there is an executor, with what `sys.path` was.
_EARLY: list[tuple[_Worker, list[str]]] = []


def start_early(call: Call) -> None:
    """Starts a process with a call such as an import that takes seconds; an executor takes it over.

    What this process does meanwhile is done beside it. On one core nothing is started.
    """
    if _EARLY or usable_cores() == 1:
        return
    worker = _Worker(dict(call.environment), queue.SimpleQueue[News | Outcome]())
    worker.give(None, packed(call))
    _EARLY.append((worker, list(sys.path)))
    atexit.register(_end_early)


def _taken_over(
    environment: Mapping[str, str], news: "queue.SimpleQueue[News | Outcome]"
) -> _Worker | None:
    """The process that was started early, unless it is gone or would find other modules."""
    while _EARLY:
        worker, path = _EARLY.pop()
        if worker.is_alive() and worker.environment == environment and path == sys.path:
            worker.news = news
            return worker
        worker.kill()
    return None


def _end_early() -> None:
    while _EARLY:
        worker, _ = _EARLY.pop()
        worker.kill()
        worker.join()


def _started(environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """A process that ignores interruptions from its first instruction on: masks are inherited."""
    folders = [str(Path(each).absolute()) if each else os.getcwd() for each in sys.path]
    masks = hasattr(signal, "pthread_sigmask")
    if masks:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _START, json.dumps(folders)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
        )
    finally:
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _pipes(process: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a worker without pipes")
    return process.stdin, process.stdout


def usable_cores() -> int:
    """Those that it may run on, but no more than a container's share of time comes to."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    share = _container_share()
    return max(1, cores if share is None else min(cores, math.ceil(share)))


def _container_share() -> float | None:
    """Cores that a container's quota of time comes to; None without one."""
    try:
        if _QUOTA.exists():
            quota, period = _QUOTA.read_text(encoding="ascii").split()
        else:
            quota, period = (each.read_text(encoding="ascii").strip() for each in _OLDER_QUOTA)
        share = int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # "max" is no number: no quota
        return None
    return share if share > 0 else None
