"""The generational loop: rank, propose, screen, train, select."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from prune_mi.config import OptimizeSettings
from prune_mi.execution.pool import WorkerPool
from prune_mi.execution.tasks import Evaluated, FailedEvaluation, Outcome, ScreenTask, TrainTask
from prune_mi.graph.units import removable_units
from prune_mi.information.ranking import RankedUnit, rank_units
from prune_mi.morphisms.catalog import resolve_mix
from prune_mi.morphisms.morphism import RankedName
from prune_mi.morphisms.remove_unit import saves
from prune_mi.records import ChildRecord, GenerationRecord, Observer, Verdict
from prune_mi.search.budget import SearchPlan
from prune_mi.search.candidate import Candidate
from prune_mi.search.climber import HillClimber
from prune_mi.search.journal import Journal
from prune_mi.search.selection import improves
from prune_mi.search.termination import SearchState, StoppingRules
from prune_mi.stages.prepare import Subject
from prune_mi.stages.share import SearchData

_RATE_PER_DAMAGE = 4e-3
_LOWEST_RATE = 2e-4
_HIGHEST_RATE = 3e-3


@dataclass(frozen=True, slots=True)
class TrainingSpeed:
    """What trainings on one worker have shown so far: MACs of steps a second, and the rest."""

    macs_per_second: float
    overhead_seconds: float

    def images_per_second(self, macs: int) -> float:
        """Expected speed of a network of so many MACs."""
        return self.macs_per_second / max(macs, 1)


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """Where the search ended.

    Attributes:
        elite: The best accepted model; the reference where none was.
        promising: A trained model that came close, or None.
        generations: What was tried.
        stop_reason: Why it ended.
        speed: Of the trainings, or None where none was made.
    """

    elite: Candidate
    promising: Candidate | None
    generations: tuple[GenerationRecord, ...]
    stop_reason: str
    speed: TrainingSpeed | None


class Search:
    """One run's search over children of a subject.

    Args:
        subject: The original, measured.
        reference: The original as a candidate.
        data: What it works on.
        pool: Where children are evaluated.
        settings: The run's settings.
        plan: How its time is cut.
        journal: Gets a line a child.
        observer: Hears of everything.
        on_elite: Called with each newly accepted model, to be kept safe.
    """

    def __init__(
        self,
        subject: Subject,
        reference: Candidate,
        data: SearchData,
        *,
        pool: WorkerPool,
        settings: OptimizeSettings,
        plan: SearchPlan,
        journal: Journal,
        observer: Observer,
        on_elite: Callable[[Candidate], None],
    ) -> None:
        self._subject = subject
        self._data = data
        self._pool = pool
        self._settings = settings
        self._plan = plan
        self._journal = journal
        self._observer = observer
        self._on_elite = on_elite
        self._speed: TrainingSpeed | None = None
        self._climber = HillClimber(
            reference,
            allowed_drop=settings.max_accuracy_drop,
            objective=settings.objective,
            mix=resolve_mix(settings.mix),
            max_morphs=settings.morphs,
            rng=np.random.default_rng((settings.seed, 2)),
        )

    def run(self) -> SearchOutcome:
        """Makes generations until a stopping rule holds."""
        rules = StoppingRules(self._plan.generations, self._settings.patience, min_seconds=0.0)
        records: list[GenerationRecord] = []
        while True:
            record = self._generation()
            if record.children:
                records.append(record)
            state = SearchState(
                self._climber.generation,
                self._climber.flat_generations,
                len(record.children),
                None,
            )
            reason = rules.reason(state)
            if reason is not None:
                break
        if self._plan.generations < self._settings.generations and state.proposals:
            reason = f"{reason}, as many as the budget allows"
        return SearchOutcome(
            self._climber.elite, self._climber.promising, tuple(records), reason, self._speed
        )

    def _generation(self) -> GenerationRecord:
        started = time.monotonic()
        climber, settings = self._climber, self._settings
        parent = climber.elite
        self._observer.generation(climber.generation + 1, self._plan.generations, parent.name)
        ranking = self._rank(parent)
        children = climber.ask(
            settings.children,
            [RankedName(each.unit.name, each.gain_bits, each.gain_spread) for each in ranking],
        )
        screened, failures = self._screen(children)
        count = settings.trained_children or self._pool.workers
        chosen = climber.choose(screened, count)
        waves = -(-len(chosen) // self._pool.workers)
        seconds = None
        if self._plan.seconds_each is not None and waves:
            seconds = (self._plan.seconds_each - (time.monotonic() - started)) / waves
        trained, more_failures = self._train(chosen, seconds)
        accepted = climber.tell(trained)
        if accepted is not None:
            self._on_elite(accepted)
        records = (
            *(self._failed(each, (*children, *chosen)) for each in (*failures, *more_failures)),
            *self._verdicts(screened, chosen, trained, parent),
        )
        for record in records:
            self._journal.append(record)
            if record.trained_accuracy is not None:
                self._observer.child(record)
        return GenerationRecord(climber.generation, parent.name, records, climber.elite.name)

    def _rank(self, parent: Candidate) -> tuple[RankedUnit, ...]:
        units = [
            unit
            for unit in removable_units(parent.graph)
            if saves(unit, self._settings.objective) > 0
        ]
        return rank_units(
            parent.graph,
            units,
            self._data.ranking_images,
            self._data.ranking_labels,
            self._subject.scaling,
            self._settings.ranking,
            num_classes=self._subject.num_classes,
            seed=self._settings.seed,
        )

    def _screen(
        self, children: Sequence[Candidate]
    ) -> tuple[list[Candidate], list[FailedEvaluation]]:
        by_name = {child.name: child for child in children}
        screened, failures = [], []
        for outcome in self._pool.run([ScreenTask(each.name, each.graph) for each in children]):
            if isinstance(outcome, FailedEvaluation):
                failures.append(outcome)
                continue
            child = replace(
                by_name[outcome.name],
                graph=outcome.graph,
                accuracy=outcome.accuracy,
                screened_accuracy=outcome.accuracy,
            )
            screened.append(child)
            self._observer.child(
                _record(child, self._climber.generation, "not trained", "screened", outcome.seconds)
            )
        order = [child.name for child in children]
        return sorted(screened, key=lambda each: order.index(each.name)), failures

    def _train(
        self, chosen: Sequence[Candidate], seconds: float | None
    ) -> tuple[list[Candidate], list[FailedEvaluation]]:
        by_name = {child.name: child for child in chosen}
        wanted = max(1, round(self._settings.child_epochs * self._data.num_train_images))
        tasks = [
            training_task(child, self._subject, self._settings, num_images=wanted, seconds=seconds)
            for child in chosen
        ]
        trained, failures = [], []
        for outcome in self._pool.run(tasks):
            if isinstance(outcome, FailedEvaluation):
                failures.append(outcome)
                continue
            child = after_training(by_name[outcome.name], outcome)
            self._speed = measured_speed(child, outcome, self._speed)
            trained.append(child)
        return trained, failures

    def _verdicts(
        self,
        screened: Sequence[Candidate],
        chosen: Sequence[Candidate],
        trained: Sequence[Candidate],
        parent: Candidate,
    ) -> Iterator[ChildRecord]:
        elite, floor = self._climber.elite, self._climber.floor
        by_name = {child.name: child for child in trained}
        generation = self._climber.generation
        for child in {each.name: each for each in (*screened, *chosen)}.values():
            done = by_name.get(child.name)
            verdict: Verdict = "not trained"
            if done is None:
                if child.name in {each.name for each in chosen}:
                    continue  # its failure is recorded
                detail = "another child promised more"
                if not improves(child, parent, self._settings.objective):
                    verdict, detail = "not smaller", "it costs no less than its parent"
                yield _record(child, generation, verdict, detail, 0.0)
                continue
            if done.name == elite.name:
                verdict, detail = "accepted", f"{done.accuracy:.4f}, floor {floor:.4f}"
            elif (done.accuracy or 0.0) < floor:
                verdict = "over the allowed drop"
                detail = f"{done.accuracy:.4f} is below {floor:.4f}"
            else:
                verdict = "not smaller"
                detail = f"{elite.name} serves the objective better"
            yield _record(done, generation, verdict, detail, 0.0)

    def _failed(self, failure: FailedEvaluation, children: Sequence[Candidate]) -> ChildRecord:
        child = next(each for each in children if each.name == failure.name)
        self._observer.note(f"{failure.name} failed and is passed over: {failure.message}")
        return _record(child, self._climber.generation, "failed", failure.message, failure.seconds)


def training_task(
    child: Candidate,
    subject: Subject,
    settings: OptimizeSettings,
    *,
    num_images: int,
    seconds: float | None,
    damage: float | None = None,
) -> TrainTask:
    """The training of a child, the winner or the control: one recipe for all.

    Without a learning rate in the settings it goes by `damage`, the accuracy that the child's
    deletions cost before training: a network hardly hurt must not be thrown out of its optimum, one
    badly hurt has much to learn. (ResNet-8 without a block, at 0.15: 3e-3 beat 1e-3. ResNet-56
    without five, at 0.87: 3e-4 beat 1e-3 by more than a point.)
    """
    recipe = settings.training
    if damage is None:
        damage = subject.val_accuracy - (child.screened_accuracy or 0.0)
    automatic = min(max(_RATE_PER_DAMAGE * damage, _LOWEST_RATE), _HIGHEST_RATE)
    return TrainTask(
        name=child.name,
        graph=child.graph,
        num_images=num_images,
        seconds=seconds,
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate or automatic,
        distillation=recipe.distillation,
        temperature=recipe.temperature,
        from_logits=subject.from_logits,
        seed=settings.seed + child.own_images,
    )


def after_training(child: Candidate, outcome: Evaluated) -> Candidate:
    """The candidate with its new weights, accuracy and images."""
    return replace(
        child,
        graph=outcome.graph,
        accuracy=outcome.accuracy,
        images_trained=child.images_trained + outcome.images_trained,
        own_images=child.own_images + outcome.images_trained,
    )


def measured_speed(
    child: Candidate, outcome: Outcome, before: TrainingSpeed | None
) -> TrainingSpeed | None:
    """Speed after one more training; the slowest seen counts, so that plans hold."""
    if isinstance(outcome, FailedEvaluation) or outcome.images_per_second <= 0:
        return before
    speed = outcome.images_per_second * child.cost.macs
    overhead = outcome.overhead_seconds
    if before is None:
        return TrainingSpeed(speed, overhead)
    return TrainingSpeed(min(speed, before.macs_per_second), max(overhead, before.overhead_seconds))


def _record(
    child: Candidate, generation: int, verdict: Verdict, detail: str, seconds: float
) -> ChildRecord:
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
        seconds=round(seconds, 3),
        verdict=verdict,
        detail=detail,
    )
