"""The generational loop: rank, propose, screen, train, select."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np

from prune_mi.config import OptimizeSettings
from prune_mi.execution.pool import WorkerPool
from prune_mi.execution.tasks import FailedEvaluation, ScreenTask
from prune_mi.graph.units import removable_units
from prune_mi.information.ranking import RankedUnit, rank_units
from prune_mi.morphisms.catalog import resolve_mix
from prune_mi.morphisms.morphism import RankedName
from prune_mi.morphisms.remove_unit import saves
from prune_mi.records import ChildRecord, GenerationRecord, Observer, Verdict
from prune_mi.search.budget import final_images, generation_seconds, room_for_generation
from prune_mi.search.candidate import Candidate
from prune_mi.search.climber import HillClimber
from prune_mi.search.journal import Journal
from prune_mi.search.racing import Rung, plan_rungs
from prune_mi.search.termination import SearchState, StoppingRules
from prune_mi.stages.prepare import Subject
from prune_mi.stages.recipe import (
    TrainingSpeed,
    after_training,
    measured_speed,
    training_task,
)
from prune_mi.stages.share import SearchData
from prune_mi.stages.timing import TimePlan


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """Where the search ended.

    Attributes:
        elite: The best accepted model; the reference where none was.
        promising: A trained, cheaper model that is not accepted yet but may be after the final
            training, or None.
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
        time_plan: When to end, and what the rest of the run is expected to take.
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
        time_plan: TimePlan,
        journal: Journal,
        observer: Observer,
        on_elite: Callable[[Candidate], None],
    ) -> None:
        self._subject = subject
        self._reference = reference
        self._data = data
        self._pool = pool
        self._settings = settings
        self._time = time_plan
        self._overhead = time_plan.generation_overhead
        self._compile_seconds = time_plan.compile_seconds
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
            horizon=self._horizon,
        )

    def run(self) -> SearchOutcome:
        """Makes generations until a stopping rule holds."""
        rules = StoppingRules(self._settings.generations, self._settings.patience)
        records: list[GenerationRecord] = []
        reason = None
        while reason is None:
            record = self._generation()
            if record.children:
                records.append(record)
            state = SearchState(
                self._climber.generation,
                self._climber.flat_generations,
                len(record.children),
                room_for_generation(self._remaining(), overhead=self._overhead),
            )
            reason = rules.reason(state)
        return SearchOutcome(
            self._climber.elite, self._hopeful(), tuple(records), reason, self._speed
        )

    def _remaining(self) -> float | None:
        return None if self._time.search_end is None else self._time.search_end - time.monotonic()

    def _horizon(self, candidate: Candidate) -> int:
        """Images that a candidate will have been trained on after the final training."""
        most = round(self._settings.final_epochs * self._data.num_train_images)
        if self._time.final_seconds is None or self._speed is None:
            return candidate.own_images + (most if self._time.final_seconds is None else 0)
        return candidate.own_images + final_images(
            self._time.final_seconds,
            images_so_far=candidate.images_trained,
            child_rate=self._speed.images_per_second(candidate.cost.macs),
            reference_rate=self._speed.images_per_second(self._reference.cost.macs),
            overhead=self._speed.overhead_seconds,
            wanted=most,
            control=self._settings.control,
        )

    def _hopeful(self) -> Candidate | None:
        """The promising model, if it is the only hope or expected to end within the drop."""
        promising, elite = self._climber.promising, self._climber.elite
        if promising is None:
            return None
        only_hope = elite.name == self._reference.name
        return promising if only_hope or not self._climber.expected_violation(promising) else None

    def _generation(self) -> GenerationRecord:
        started = time.monotonic()
        climber, settings = self._climber, self._settings
        parent = climber.elite
        seconds = generation_seconds(self._remaining(), overhead=self._overhead)
        self._observer.generation(climber.generation + 1, settings.generations, parent.name)
        ranking = self._rank(parent)
        children = climber.ask(
            settings.children,
            [RankedName(each.unit.name, each.gain_bits, each.gain_spread) for each in ranking],
        )
        screened, failures = self._screen(children)
        preparing = time.monotonic() - started
        self._overhead = preparing + self._compile_seconds
        if seconds is not None:
            seconds = max(0.0, seconds - preparing)
        trained = self._race(screened, seconds, failures)
        accepted = climber.tell(list(trained.values()))
        if accepted is not None:
            self._on_elite(accepted)
        records = (
            *(self._failed(each, children) for each in failures),
            *self._verdicts(screened, trained, {each.name for each in failures}),
        )
        for record in records:
            self._journal.append(record)
            if record.trained_accuracy is not None:
                self._observer.child(record)
        return GenerationRecord(climber.generation, parent.name, records, climber.elite.name)

    def _race(
        self,
        screened: Sequence[Candidate],
        seconds: float | None,
        failures: list[FailedEvaluation],
    ) -> dict[str, Candidate]:
        """Trains children in rungs; the latest state of each that was trained, by name."""
        climber = self._climber
        everyone = climber.choose(screened, len(screened) + 1)
        rungs = plan_rungs(
            num_children=len(everyone),
            finalists=self._settings.trained_children or self._pool.workers,
            workers=self._pool.workers,
            seconds=seconds,
            compile_seconds=self._compile_seconds,
        )
        trained: dict[str, Candidate] = {}
        field = everyone[: rungs[0].count]
        for place, rung in enumerate(rungs):
            if place:
                field = climber.advance(list(trained.values()), rung.count)
            if not field:
                break
            outcomes, failed = self._train(field, rung)
            failures.extend(failed)
            climber.observe(outcomes)
            trained |= {each.name: each for each in outcomes}
        return trained

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
        parent, seed = self._climber.elite.graph, self._settings.seed
        tasks = [ScreenTask(each.name, each.graph, parent, seed) for each in children]
        for outcome in self._pool.run(tasks):
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
                _record(child, self._climber.generation, "pending", "screened", outcome.seconds)
            )
        order = [child.name for child in children]
        return sorted(screened, key=lambda each: order.index(each.name)), failures

    def _train(
        self, chosen: Sequence[Candidate], rung: Rung
    ) -> tuple[list[Candidate], list[FailedEvaluation]]:
        by_name = {child.name: child for child in chosen}
        wanted = max(
            1, round(rung.share * self._settings.child_epochs * self._data.num_train_images)
        )
        tasks = [
            training_task(
                child, self._subject, self._settings, num_images=wanted, seconds=rung.seconds
            )
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
            detail = "accepted so far" if self._climber.accepts(child) else "below the floor"
            self._observer.child(
                _record(child, self._climber.generation, "pending", detail, outcome.seconds)
            )
        return trained, failures

    def _verdicts(
        self,
        screened: Sequence[Candidate],
        trained: Mapping[str, Candidate],
        failed: Set[str],
    ) -> Iterator[ChildRecord]:
        """Why each child was accepted or not, in the order of their names' numbers."""
        elite, floor = self._climber.elite, self._climber.floor
        generation = self._climber.generation
        for child in ({each.name: each for each in screened} | dict(trained)).values():
            done = trained.get(child.name)
            if child.name in failed:
                continue
            verdict: Verdict = "not trained"
            if done is None:
                yield _record(child, generation, verdict, "other children promised more", 0.0)
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
