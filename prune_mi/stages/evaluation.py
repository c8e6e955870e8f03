"""Screening and training candidates in the pool, and their records."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from prune_mi.config import RunSettings
from prune_mi.execution.pool import WorkerPool
from prune_mi.execution.tasks import FailedEvaluation, ScreenTask
from prune_mi.graph.ir import LayerGraph
from prune_mi.records import ChildRecord, Observer, Verdict
from prune_mi.search.candidate import Candidate
from prune_mi.search.racing import Rung
from prune_mi.stages.recipe import TrainingSpeed, after_training, measured_speed, training_task
from prune_mi.stages.roles import Subject
from prune_mi.stages.share import SearchData


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """A candidate that could not be evaluated, and why."""

    candidate: Candidate
    outcome: FailedEvaluation


class Evaluator:
    """Evaluates the candidates of one run.

    `speed`, `images` and `training_seconds` are of all trainings so far: how fast, how many images
    they saw, and how long their steps took, the workers' times added up; `overheads` what each took
    beside its steps. `subject` says how images are varied; a search learns that as it goes on.

    Args:
        subject: The original, measured.
        data: What the search works on.
        pool: Where candidates are evaluated.
        settings: The run's settings.
        observer: Hears of each candidate.
    """

    def __init__(
        self,
        subject: Subject,
        data: SearchData,
        *,
        pool: WorkerPool,
        settings: RunSettings,
        observer: Observer,
    ) -> None:
        self.subject = subject
        self._data = data
        self._pool = pool
        self._settings = settings
        self._observer = observer
        self.speed: TrainingSpeed | None = None
        self.images = 0
        self.training_seconds = 0.0
        self.overheads: list[float] = []

    def screen(
        self,
        children: Sequence[Candidate],
        parent_of: Callable[[Candidate], LayerGraph],
        *,
        generation: int,
    ) -> tuple[list[Candidate], list[Failure]]:
        """Repairs children of their parents and scores them untrained, in their order.

        The screening images are a sample of the validation images: a child's accuracy is shifted by
        as much as the original's is off on that sample.
        """
        by_name = {child.name: child for child in children}
        shift = self.subject.val_accuracy - self._data.screening_reference
        screened, failures = [], []
        tasks = [
            ScreenTask(each.name, each.graph, parent_of(each), self._settings.seed)
            for each in children
        ]
        for outcome in self._pool.run(tasks):
            child = by_name[outcome.name]
            if isinstance(outcome, FailedEvaluation):
                failures.append(Failure(child, outcome))
                continue
            child = replace(
                child,
                graph=outcome.graph,
                accuracy=outcome.accuracy + shift,
                screened_accuracy=outcome.accuracy + shift,
                seconds=outcome.seconds,
            )
            screened.append(child)
            self._observer.child(child_record(child, generation, "pending", "screened"))
        order = {child.name: place for place, child in enumerate(children)}
        return sorted(screened, key=lambda each: order[each.name]), failures

    def train(
        self,
        chosen: Sequence[Candidate],
        rung: Rung,
        *,
        floor: float,
        generation: int,
        fresh: frozenset[str] = frozenset(),
    ) -> tuple[list[Candidate], list[Failure]]:
        """Trains candidates for one rung; one that training made worse keeps its weights.

        Those named in `fresh` forget their weights first.
        """
        by_name = {child.name: child for child in chosen}
        wanted = rung.share * self._settings.child_epochs * self._data.num_train_images
        tasks = [
            training_task(
                child,
                self.subject,
                self._settings,
                num_images=max(1, round(wanted)),
                num_train_images=self._data.num_train_images,
                seconds=rung.seconds,
                fresh=child.name in fresh,
            )
            for child in chosen
        ]
        trained, failures = [], []
        for outcome in self._pool.run(tasks):
            child = by_name[outcome.name]
            self.images += outcome.images_trained
            self.training_seconds += outcome.step_seconds
            if isinstance(outcome, FailedEvaluation):
                failures.append(Failure(child, outcome))
                continue
            self.speed = measured_speed(child, outcome, self.speed)
            self.overheads.append(outcome.overhead_seconds)
            worse = child.own_images > 0 and outcome.accuracy < (child.accuracy or 0.0)
            child = (
                replace(child, seconds=child.seconds + outcome.seconds)
                if worse
                else after_training(child, outcome)
            )
            trained.append(child)
            below = (child.accuracy or 0.0) < floor
            detail = "below the required accuracy so far" if below else "within the allowed drop"
            self._observer.child(child_record(child, generation, "pending", detail))
        return trained, failures


def child_record(child: Candidate, generation: int, verdict: Verdict, detail: str) -> ChildRecord:
    """A candidate as the journal and the report keep it."""
    return ChildRecord(
        name=child.name,
        generation=generation,
        parent=child.parent,
        morphs=child.morphs,
        num_params=child.cost.num_params,
        macs=child.cost.macs,
        num_layers=child.cost.num_layers,
        screened_accuracy=child.screened_accuracy,
        trained_accuracy=child.accuracy if child.own_images else None,
        images_trained=child.own_images,
        seconds=round(child.seconds, 3),
        verdict=verdict,
        detail=detail,
    )
