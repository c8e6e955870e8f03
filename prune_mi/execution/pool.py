"""Where children are evaluated: joblib processes of one thread each.

One thread a process because small convolutional networks gain little from a second one, while two
children side by side are nearly twice as fast. With one worker everything runs in this process.
joblib's Ray and Dask backends take over where the caller has activated one.
"""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from prune_mi.errors import RunError
from prune_mi.execution.shared_data import SharedData
from prune_mi.execution.tasks import Outcome, Task, evaluate
from prune_mi.keras_io.runtime import prepare_backend, start_backend
from prune_mi.records import Observer

_POLL_SECONDS = 1.0


class WorkerPool:
    """Evaluates tasks, as many at once as there are workers.

    Args:
        data: What the workers read.
        workers: Processes.
        observer: Hears of trainings under way.
    """

    def __init__(self, data: SharedData, *, workers: int, observer: Observer) -> None:
        self.workers = workers
        self._data = data
        self._observer = observer

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Yields outcomes as they come, in any order.

        Raises:
            RunError: If a worker process was killed, for instance for want of memory.
        """
        jobs = [(task, self._data.folder / f"progress-{task.name}") for task in tasks]
        parallel = joblib.Parallel(
            n_jobs=self.workers,
            return_as="generator_unordered",
            batch_size=1,
            pre_dispatch="all",
            **({} if self.workers == 1 else {"initializer": _start_worker}),
        )
        calls = (joblib.delayed(evaluate)(task, self._data, path) for task, path in jobs)
        with _watching([path for _, path in jobs], self._observer):
            try:
                yield from parallel(calls)
            except TerminatedWorkerError as error:
                raise RunError(
                    "a worker process was killed, most likely for want of memory; "
                    f"{self.workers} ran at once: try --workers {max(1, self.workers - 1)}"
                ) from error


def _start_worker() -> None:
    """Runs first in a worker: one thread, and Ctrl-C left to the parent, which ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare_backend(threads=1)
    start_backend()


def shut_down() -> None:
    """Ends idle worker processes."""
    joblib.externals.loky.get_reusable_executor().shutdown(wait=False, kill_workers=True)


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
