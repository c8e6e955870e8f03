"""Where children are evaluated: joblib processes of one thread each.

One thread a process because small convolutional networks gain little from a second one, while two
children side by side are nearly twice as fast. With one worker everything runs in this process.
joblib's Ray and Dask backends take over where the caller has activated one.
"""

import itertools
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from joblib.externals.loky.process_executor import TerminatedWorkerError

from prune_mi.errors import RunError
from prune_mi.execution.shared_data import SharedData
from prune_mi.execution.tasks import (
    FailedEvaluation,
    Outcome,
    Ranked,
    RankTask,
    Task,
    evaluate,
    predict_slice,
    rank,
)
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.runtime import (
    has_accelerator,
    prepare_backend,
    share_compiled,
    start_backend,
)
from prune_mi.keras_io.trust import Trust, apply_trust
from prune_mi.records import Observer

_POLL_SECONDS = 1.0
_MOST_ON_AN_ACCELERATOR = 5


def worker_count(asked: int | None) -> int:
    """Trainings at once: as many as asked for, or one for each core.

    On an accelerator they wait in turn, so that there more than a few gain nothing; those few keep
    it busy while others compile.
    """
    if asked is not None:
        return asked
    cores = int(joblib.cpu_count())
    return min(cores, _MOST_ON_AN_ACCELERATOR) if has_accelerator() else cores


class WorkerPool:
    """Evaluates tasks, as many at once as there are workers.

    Args:
        data: What the workers read.
        workers: Processes.
        observer: Hears of trainings under way.
        trust: How the model's file was opened: a worker builds layers from the same configurations.
    """

    def __init__(self, data: SharedData, *, workers: int, observer: Observer, trust: Trust) -> None:
        self.workers = workers
        self.folder = data.folder
        self._data = data
        self._observer = observer
        self._trust = trust
        share_compiled(data.folder)
        quiet_manager()

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Yields outcomes as they come, in any order.

        Raises:
            RunError: If a worker process was killed, for instance for want of memory.
        """
        jobs = [(task, self._data.folder / f"progress-{task.name}") for task in tasks]
        calls = (joblib.delayed(evaluate)(task, self._data, path) for task, path in jobs)
        with _watching([path for _, path in jobs], self._observer), self._alive():
            yield from self._parallel("generator_unordered")(calls)

    def rank(self, tasks: Sequence[RankTask]) -> list[Ranked | FailedEvaluation]:
        """Ranks units of several models, in their order.

        Raises:
            RunError: If a worker process was killed.
        """
        with self._alive():
            return list(
                self._parallel("list")(joblib.delayed(rank)(task, self._data) for task in tasks)
            )

    def predict(self, graph: LayerGraph, name: str, *, count: int | None = None) -> np.ndarray:
        """A model's outputs on the first `count` rows of a shared array, or on all of them.

        The rows are shared out evenly among the workers.

        Raises:
            RunError: If a worker process was killed.
        """
        rows = len(self._data.load(name)[:count])
        bounds = np.linspace(0, rows, min(self.workers, rows) + 1).astype(int)
        calls = (
            joblib.delayed(predict_slice)(graph, self._data, name, int(start), int(stop))
            for start, stop in itertools.pairwise(bounds)
        )
        with self._alive():
            return np.concatenate(list(self._parallel("list")(calls)))

    def _parallel(self, return_as: str) -> joblib.Parallel:
        return joblib.Parallel(
            n_jobs=self.workers,
            return_as=return_as,
            batch_size=1,
            pre_dispatch="all",
            **({} if self.workers == 1 else self._initializer()),
        )

    def _initializer(self) -> dict[str, Any]:
        return {"initializer": _start_worker, "initargs": (self._trust, self.folder)}

    @contextmanager
    def _alive(self) -> Iterator[None]:
        try:
            yield
        except TerminatedWorkerError as error:
            raise RunError(
                "a worker process was killed, most likely for want of memory; "
                f"{self.workers} ran at once: try --workers {max(1, self.workers - 1)}"
            ) from error


def _start_worker(trust: Trust, folder: Path) -> None:
    """Runs first in a worker: one thread, and Ctrl-C left to the parent, which ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare_backend(threads=1)
    start_backend()
    share_compiled(folder)
    apply_trust(trust)


class _ButOfLostWorkers:
    """What threads of the caller's are told by, but for the one that manages workers."""

    def __init__(self, before: Callable[[threading.ExceptHookArgs], object]) -> None:
        self._before = before

    def __call__(self, failure: threading.ExceptHookArgs) -> None:
        if failure.thread is None or "ExecutorManager" not in failure.thread.name:
            self._before(failure)


def quiet_manager() -> None:
    """Has what the thread that manages workers says of losing them go unheard.

    From the first worker on: joblib ends those of an interrupted call before we hear of it.
    """
    if not isinstance(threading.excepthook, _ButOfLostWorkers):
        threading.excepthook = _ButOfLostWorkers(threading.excepthook)


def shut_down() -> None:
    """Ends worker processes at once.

    Asked for without `reuse`, joblib's executor is another one, with other arguments, and this
    process waits for the workers of the old one to end by themselves: seconds with TensorFlow.
    """
    executor = joblib.externals.loky.get_reusable_executor(reuse=True)
    executor.shutdown(wait=False, kill_workers=True)
    share_compiled(None)


@contextmanager
def _watching(paths: Sequence[Path], observer: Observer) -> Iterator[None]:
    """Tells the observer how far the trainings are, from the files they leave."""
    done = threading.Event()

    def poll() -> None:
        while not done.wait(_POLL_SECONDS):
            for path in paths:
                try:
                    images, total = path.read_text(encoding="ascii").split()
                except (OSError, ValueError):
                    continue  # not begun, or half written
                observer.training(path.name.removeprefix("progress-"), int(images), int(total))

    thread = threading.Thread(target=poll, daemon=True, name="progress")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        for path in paths:
            path.unlink(missing_ok=True)
