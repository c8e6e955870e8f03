"""Where models are evaluated: worker processes of one thread each, on top of an executor.

One thread a process because small convolutional networks gain little from a second one, while two
children side by side are nearly twice as fast. Nothing that runs a user's model is done in this
process, so nothing that it does can end the run.

A worker that dies loses its task alone, which is done once more; see `execution.jobs`.
"""

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np

from prune_mi.errors import PruneMIError, RunError, first_line
from prune_mi.execution.carrying_out import compact_slice, evaluate, predict_slice, rank
from prune_mi.execution.executor import Call, Executor, Raised
from prune_mi.execution.jobs import Died, Job, Jobs
from prune_mi.execution.preparation import Preparation, registered_classes, worker_environment
from prune_mi.execution.processes import ProcessExecutor, usable_cores
from prune_mi.execution.store import FolderStore, SharedData, Store
from prune_mi.execution.tasks import (
    FailedEvaluation,
    Outcome,
    Ranked,
    RankTask,
    Task,
    TrainTask,
)
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.runtime.backend import has_accelerator, share_compiled
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.records import Observer

_T = TypeVar("_T")
_P = ParamSpec("_P")
_MOST_ON_AN_ACCELERATOR = 5


def worker_count(asked: int | None) -> int:
    """Trainings at once: as many as asked for, or one for each core.

    On an accelerator they wait in turn, so that there more than a few gain nothing; those few keep
    it busy while others compile.
    """
    if asked is not None:
        return asked
    cores = usable_cores()
    return min(cores, _MOST_ON_AN_ACCELERATOR) if has_accelerator() else cores


@contextmanager
def temporary_pool(
    *, workers: int | None, observer: Observer, trust: Trust
) -> Iterator["WorkerPool"]:
    """A pool in a folder of its own, both gone in the end; see `WorkerPool`.

    Args:
        workers: Processes; None: see `worker_count`.
        observer: As the pool's.
        trust: As the pool's.
    """
    with tempfile.TemporaryDirectory() as folder:
        pool = WorkerPool(
            Path(folder), workers=worker_count(workers), observer=observer, trust=trust
        )
        try:
            yield pool
        finally:
            pool.close()


class WorkerPool:
    """Evaluates tasks, as many at once as there are workers.

    `folder` and `store` are the run's, for what has to lie somewhere on its way.

    Args:
        folder: Of the run: for arrays, and what is compiled for an accelerator.
        workers: Processes.
        observer: Hears of trainings under way, and of workers that died.
        trust: How the model's file was opened: a worker builds layers from the same configurations.
        executor: Carries out; None: processes on this machine.
        store: Where arrays lie that workers read; None: in `folder`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int,
        observer: Observer,
        trust: Trust,
        executor: Executor | None = None,
        store: Store | None = None,
    ) -> None:
        self.workers = workers
        self.store = store or FolderStore(folder)
        self.folder = folder.absolute()
        self._trust = trust
        self._observer = observer
        self._data: SharedData | None = None
        self._executor = executor or ProcessExecutor(keep=workers)
        self._jobs = Jobs(self._executor, workers=workers, call=self._made, note=observer.note)
        share_compiled(folder)

    @property
    def at_once(self) -> int:
        """Tasks that run at once: as many as workers, until memory has been short."""
        return self._jobs.at_once

    def use(self, data: SharedData) -> None:
        """Says what tasks read, and how; `call` does without."""
        self._data = data

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Yields outcomes as they come, in any order; a task that failed is a value.

        Raises:
            PruneMIError: What a worker cannot be prepared for raises.
        """
        for job in self._jobs.done([self._job_of(task) for task in tasks]):
            yield _evaluation(job)

    def begin(self, task: Task) -> "Handle":
        """Has a task done while workers are idle.

        It begins when a worker is idle. When `run` and the others want all workers it is held, so
        that they do not wait for it, and the time that it takes has no meaning. Where a process
        cannot be held, on Windows, it runs on.
        """
        return Handle(self._jobs, self._job_of(task))

    def rank(self, tasks: Sequence[RankTask]) -> list[Ranked | FailedEvaluation]:
        """Ranks units of several models, in their order."""
        jobs = [Job(task.name, rank, (task, self._used())) for task in tasks]
        for _ in self._jobs.done(jobs):
            pass
        return [_evaluation(job) for job in jobs]

    def predict(self, graph: LayerGraph, name: str, *, count: int | None = None) -> np.ndarray:
        """A model's outputs on the first `count` rows of a stored array, or on all of them.

        Of maps only what is judged comes back, see `Judge.compact`. The rows are shared out evenly
        among the workers.

        Raises:
            RunError: If a worker died twice.
        """
        return self._predicted(compact_slice, graph, name, len(self.store.get(name)[:count]))

    def raw_outputs(self, graph: LayerGraph, name: str, *, mirrored: bool = False) -> np.ndarray:
        """A model's raw outputs on all rows of a stored array.

        Args:
            graph: The model.
            name: Of the array.
            mirrored: Whether to take the mean of those on each image and on its mirror image.

        Raises:
            RunError: If a worker died twice.
        """
        rows = len(self.store.get(name))
        return self._predicted(predict_slice, graph, name, rows, mirrored)

    def _predicted(
        self,
        asked: Callable[..., np.ndarray],
        graph: LayerGraph,
        name: str,
        rows: int,
        *options: bool,
    ) -> np.ndarray:
        bounds = np.linspace(0, rows, min(self.workers, rows) + 1).astype(int)
        slices = [
            self._call_of(asked, graph, self._used(), name, int(start), int(stop), *options)
            for start, stop in itertools.pairwise(bounds)
        ]
        for job in self._jobs.done(slices):
            _value(job)  # raises at the first that failed
        return np.concatenate([_value(job) for job in slices])

    def call(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Calls a function in a worker; its arguments and what it returns are pickled.

        Raises:
            RunError: If a worker died twice.
            Exception: What the function raises.
        """
        job = self._call_of(partial(function, *args, **kwargs))
        job.name = getattr(function, "__name__", str(function))
        for _ in self._jobs.done([job]):
            pass
        found: _T = _value(job)
        return found

    def close(self) -> None:
        """Ends all workers at once."""
        self._executor.close()
        share_compiled(None)

    def _used(self) -> SharedData:
        if self._data is None:
            raise RunError("the pool received tasks before their data; expected `use` first")
        return self._data

    def _job_of(self, task: Task) -> Job:
        def hears(images: tuple[int, int]) -> None:
            self._observer.training(task.name, *images)

        return Job(task.name, evaluate, (task, self._used()), hears)

    def _call_of(self, function: Callable[..., Any], *args: Any) -> Job:
        return Job(getattr(function, "__name__", "a call"), function, args)

    def _made(self, job: Job, safe: bool) -> Call:
        environment = worker_environment(safe=safe)
        return Call(job.name, job.function, _in_time(job), self._preparation, environment)

    @cached_property
    def _preparation(self) -> Preparation:
        return Preparation(self._trust, self.folder, registered_classes())


def _in_time(job: Job) -> tuple[Any, ...]:
    """A job's arguments; of a training that is done again, with the time that it has left."""
    if job.first_began is None or not job.args or not isinstance(job.args[0], TrainTask):
        return job.args
    task, *others = job.args
    plan = task.plan
    if plan.seconds is None:
        return job.args
    left = max(0.0, plan.seconds - (time.monotonic() - job.first_began))
    return (replace(task, plan=replace(plan, seconds=left)), *others)


class Handle:
    """A task that is done in the background; see `WorkerPool.begin`."""

    def __init__(self, jobs: Jobs, job: Job) -> None:
        self._jobs = jobs
        self._job = job
        jobs.begin(job)

    def result(self) -> Outcome:
        """Waits for its outcome, from now on as for any task.

        Raises:
            PruneMIError: As `WorkerPool.run` does.
        """
        self._jobs.finish(self._job)
        outcome: Outcome = _evaluation(self._job)
        return outcome


def _evaluation(job: Job) -> Any:
    """The outcome of a task, whose failure is a value."""
    outcome = job.outcome
    if isinstance(outcome, Died):
        return FailedEvaluation(job.name, outcome.message, job.seconds)
    if isinstance(outcome, Raised) and not isinstance(outcome.error, PruneMIError):
        message = f"{type(outcome.error).__name__}: {first_line(outcome.error)}"
        return FailedEvaluation(job.name, message, job.seconds)
    return _value(job)


def _value(job: Job) -> Any:
    """What a job returned.

    Raises:
        RunError: If its worker died twice.
        Exception: What it raised.
    """
    outcome = job.outcome
    if isinstance(outcome, Died):
        raise RunError(f"{job.name} failed: {outcome.message}; {outcome.advice}")
    if isinstance(outcome, Raised):
        raise outcome.error
    return None if outcome is None else outcome.value
