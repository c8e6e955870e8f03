"""Candidates evaluated once: an outcome that is written is not worked out again.

What `WorkerPool` says of tasks holds here too. An outcome is an event as soon as it is there, its
weights a file before that; of a training under way there are checkpoints, which go with its end.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from prune_mi.execution.pool import Handle, WorkerPool
from prune_mi.execution.tasks import (
    Evaluated,
    FailedEvaluation,
    Outcome,
    Ranked,
    RankTask,
    RecalibrateTask,
    ScreenTask,
    Task,
    TrainTask,
)
from prune_mi.graph.ir import LayerGraph
from prune_mi.records import events
from prune_mi.runs.log import EventLog
from prune_mi.runs.weights import Weights, scores_of, scores_text

_KINDS: Mapping[type[Task], type[events.Screened | events.Trained | events.Recalibrated]] = {
    ScreenTask: events.Screened,
    TrainTask: events.Trained,
    RecalibrateTask: events.Recalibrated,
}
_START = "reference"
_STEPS: Mapping[type[Task], events.Step] = {
    ScreenTask: "screened",
    TrainTask: "trained",
    RecalibrateTask: "recalibrated",
}


class Evaluations:
    """Ranks, repairs, trains and scores candidates, each task once in a run.

    Args:
        pool: Where it is done.
        log: Where outcomes are written, and read of a run that goes on.
        weights: Where the weights of candidates lie.
        checkpoints: A folder for trainings under way; None: they leave none.
    """

    def __init__(
        self, pool: WorkerPool, log: EventLog, weights: Weights, checkpoints: Path | None
    ) -> None:
        self._pool = pool
        self._log = log
        self._weights = weights
        self._checkpoints = checkpoints
        self._digests: dict[str, set[str]] = {}  # a training may make a candidate worse
        self._of_start: set[str] = set()

    @property
    def workers(self) -> int:
        """Tasks at once to begin with."""
        return self._pool.workers

    @property
    def at_once(self) -> int:
        """Tasks at once, as memory allows."""
        return self._pool.at_once

    def run(self, tasks: Sequence[Task], *, too_late: str | None = None) -> Iterator[Outcome]:
        """Yields outcomes as they come, first those that are written.

        Args:
            tasks: What is to be done.
            too_late: Why nothing is begun any more, or None: then what is not written, and has left
                no checkpoint either, has failed.

        Raises:
            RunFolderError: If weights that a task needs are missing, or as `EventLog` does.
        """
        left = {task.name: task for task in tasks}
        kinds = {events.Failed, *(_KINDS[type(task)] for task in tasks)}
        while left and (event := self._log.outcome(left, kinds)) is not None:
            yield self._written(left.pop(event.name), event)
        if too_late is not None:
            for task in [each for each in left.values() if not self._checkpoint(each).is_file()]:
                yield self._new(left.pop(task.name), FailedEvaluation(task.name, too_late, 0.0))
        waiting = [self._ready(task) for task in left.values()]
        for outcome in self._pool.run(waiting):
            yield self._new(left[outcome.name], outcome)

    def begin(self, task: TrainTask) -> "Handle":
        """Has a training done while workers are idle; see `WorkerPool.begin`."""
        return self._pool.begin(self._ready(task))

    def outcome_of(self, task: TrainTask, handle: Handle) -> Outcome:
        """The outcome of a training that `begin` began, when it is there."""
        return self._new(task, handle.result())

    def rank(self, tasks: Sequence[RankTask]) -> list[Ranked | FailedEvaluation]:
        """Ranks units of several models, in their order."""
        found: dict[str, Ranked | FailedEvaluation] = {}
        left = {task.name: task for task in tasks}
        kinds = {events.Ranked, events.Failed}
        while left and (event := self._log.outcome(left, kinds)) is not None:
            task = left.pop(event.name)
            if isinstance(event, events.Ranked):
                found[task.name] = Ranked(
                    task.name, event.scores, event.spreads, event.measure, event.channels
                )
            elif isinstance(event, events.Failed):
                found[task.name] = _failure(event)
        for task, answer in zip(left.values(), self._pool.rank(list(left.values())), strict=True):
            found[task.name] = answer
            if isinstance(answer, FailedEvaluation):
                self._log.append(_failed(answer, "ranked"))
                continue
            units = tuple(each.name for each in task.sites)
            self._log.append(
                events.Ranked(
                    task.name,
                    units,
                    answer.gains,
                    answer.spreads,
                    answer.measure,
                    answer.channels,
                )
            )
        return [found[task.name] for task in tasks]

    def require(self, graph: LayerGraph, name: str) -> None:
        """Refuses a candidate whose weights are missing; see `Weights.require`."""
        self._weights.require(graph, name)

    def keep(self, names: Sequence[str]) -> None:
        """Drops the weights of all candidates but some, and of what the search started from."""
        kept = [name for name in (*names, _START) if name in self._digests]
        self._digests = {name: self._digests[name] for name in kept}
        if not self._log.is_replaying:
            self._weights.keep(self._of_start.union(*self._digests.values()))

    def _remember(self, task: Task, digest: str) -> None:
        if isinstance(task, RecalibrateTask):
            self._of_start.add(digest)
        else:
            self._digests.setdefault(task.name, set()).add(digest)

    def _ready(self, task: Task) -> Task:
        """A task that can be done: its weights are there, and it knows its checkpoint."""
        self._weights.require(task.graph, task.name)
        if isinstance(task, ScreenTask):
            self._weights.require(task.parent, task.name)
        if not isinstance(task, TrainTask) or self._checkpoints is None:
            return task
        self._checkpoints.mkdir(exist_ok=True)
        return replace(task, checkpoint=str(self._checkpoint(task)))

    def _checkpoint(self, task: Task) -> Path:
        return (self._checkpoints or Path()) / f"{task.name}-{task.seed}.npz"

    def _new(self, task: Task, outcome: Outcome) -> Outcome:
        """An outcome, written."""
        if isinstance(outcome, FailedEvaluation):
            self._log.append(_failed(outcome, _STEPS[type(task)]))
        else:
            digest = self._weights.put(outcome.graph)
            self._log.append(_event(task, outcome, digest))
            self._remember(task, digest)
        if self._checkpoints is not None:
            self._checkpoint(task).unlink(missing_ok=True)
        return outcome

    def _written(self, task: Task, event: events.Outcome) -> Outcome:
        """The outcome of an event."""
        if isinstance(event, events.Failed):
            return _failure(event)
        assert not isinstance(event, events.Ranked)  # no outcome of such a task
        self._remember(task, event.weights)
        trained = event if isinstance(event, events.Trained) else None
        scores = "0:" if isinstance(event, events.Screened) else event.scores
        return Evaluated(
            name=task.name,
            graph=self._weights.get(event.weights, task.graph),
            quality=event.quality,
            scores=scores_of(scores),
            images_trained=0 if trained is None else trained.images,
            seconds=event.seconds,
            images_per_second=0.0 if trained is None else trained.images_per_second,
            overhead_seconds=event.seconds if trained is None else trained.overhead_seconds,
        )


def _event(
    task: Task, outcome: Evaluated, digest: str
) -> events.Screened | events.Trained | events.Recalibrated:
    name, quality, seconds = outcome.name, outcome.quality, outcome.seconds
    if isinstance(task, ScreenTask):
        return events.Screened(name, quality, seconds, digest)
    scores = scores_text(outcome.scores)
    if isinstance(task, RecalibrateTask):
        return events.Recalibrated(name, quality, scores, seconds, digest)
    return events.Trained(
        name,
        quality,
        scores,
        outcome.images_trained,
        seconds,
        outcome.images_per_second,
        outcome.overhead_seconds,
        digest,
    )


def _failed(outcome: FailedEvaluation, step: events.Step) -> events.Failed:
    return events.Failed(
        outcome.name,
        step,
        outcome.message,
        outcome.seconds,
        outcome.images_trained,
        outcome.step_seconds,
    )


def _failure(event: events.Failed) -> FailedEvaluation:
    return FailedEvaluation(
        event.name, event.message, event.seconds, event.images, event.step_seconds
    )
