"""The generational loop: rank, propose, screen, train, select."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from prune_mi.config import OptimizeSettings, RunSettings
from prune_mi.errors import RunError
from prune_mi.execution.pool import WorkerPool
from prune_mi.execution.tasks import FailedEvaluation, RankTask
from prune_mi.graph.site import unit_sites
from prune_mi.graph.units import outermost, removable_units
from prune_mi.information.catalog import criterion
from prune_mi.information.ranking import least_first
from prune_mi.measure.metric import chance_level
from prune_mi.morphisms.mixes import resolve_mix
from prune_mi.morphisms.morphism import SiteScore
from prune_mi.records import ChildRecord, GenerationRecord, Observer, TrainedChild, Verdict
from prune_mi.search.budget import final_images, generation_seconds, room_for_generation
from prune_mi.search.candidate import Candidate
from prune_mi.search.climber import HillClimber
from prune_mi.search.journal import Journal
from prune_mi.search.loop import run_generations
from prune_mi.search.racing import Rung, plan_rungs
from prune_mi.search.selection import with_hope
from prune_mi.search.termination import SearchState, StoppingRules
from prune_mi.stages.evaluation import Evaluator, Failure, child_record
from prune_mi.stages.limits import AllowedDrop
from prune_mi.stages.recipe import TrainingSpeed
from prune_mi.stages.roles import Subject
from prune_mi.stages.share import SearchData
from prune_mi.stages.timing import TimePlan

_FAIR_CHANCE = 0.3
_FEWEST_MORPHS = 5
_SECOND_WAVE = 0.4


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
        trained: What each trained child is right on.
        bias: How much smaller drops look for having been chosen, where a confidence was asked for.
    """

    elite: Candidate
    promising: Candidate | None
    generations: tuple[GenerationRecord, ...]
    stop_reason: str
    speed: TrainingSpeed | None
    trained: tuple[TrainedChild, ...]
    bias: float = 0.0


class Search:
    """One run's search over children of a subject.

    Args:
        subject: The original, measured.
        reference: The original as a candidate.
        data: What it works on.
        allowed: What may be lost.
        pool: Where children are evaluated.
        settings: The run's settings.
        time_plan: When to end, and what the rest of the run is expected to take.
        journal: Gets a line a child, as soon as its generation has no more use for it.
        observer: Hears of everything.
        on_elite: Called with each newly accepted model, to be kept safe.
        on_last: Called with the elite and the speed of trainings when a generation begins behind
            which there is time for none.
    """

    def __init__(
        self,
        subject: Subject,
        reference: Candidate,
        data: SearchData,
        *,
        allowed: AllowedDrop,
        pool: WorkerPool,
        settings: OptimizeSettings,
        time_plan: TimePlan,
        journal: Journal,
        observer: Observer,
        on_elite: Callable[[Candidate], None],
        on_last: Callable[[Candidate, TrainingSpeed | None], object],
    ) -> None:
        self._allowed = allowed
        self._on_last = on_last
        self._trained: dict[str, TrainedChild] = {}
        self._bias = 0.0
        self._chance = chance_level(data.validation_labels, subject.metric)
        self._subject = subject
        self._reference = reference
        self._data = data
        self._pool = pool
        self._workers = pool.workers
        self._evaluator = Evaluator(
            subject,
            data,
            pool=pool,
            settings=settings,
            observer=observer,
        )
        self._settings = settings
        self._time = time_plan
        self._overhead = time_plan.generation_overhead
        self._compile_seconds = time_plan.compile_seconds
        self._journal = journal
        self._observer = observer
        self._on_elite = on_elite
        self._climber = HillClimber(
            reference,
            allowed_drop=(reference.accuracy or 0.0) - subject.floor,
            margin=allowed.expected_margin,
            objective=settings.objective,
            mix=resolve_mix(settings.mix),
            max_morphs=settings.morphs or _morphs_for(reference),
            rng=np.random.default_rng((settings.seed, 2)),
            horizon=self._horizon,
        )

    def run(self) -> SearchOutcome:
        """Makes generations until a stopping rule holds."""
        records, reason = run_generations(
            self._generation,
            self._state,
            StoppingRules(self._settings.most_generations, self._settings.most_flat_generations),
        )
        return SearchOutcome(
            self._climber.elite,
            self._hopeful(),
            records,
            reason,
            self._evaluator.speed,
            tuple(self._trained.values()),
            self._bias,
        )

    def _state(self, record: GenerationRecord) -> SearchState:
        return SearchState(
            self._climber.generation,
            self._climber.flat_generations,
            len(record.children),
            room_for_generation(self._remaining(), overhead=self._overhead),
            self._climber.elite.accuracy or 0.0,
            self._climber.structure_age,
        )

    def _remaining(self) -> float | None:
        return None if self._time.search_end is None else self._time.search_end - time.monotonic()

    def _horizon(self, candidate: Candidate) -> int:
        """Images that a candidate will have been trained on after the final training."""
        wanted = self._settings.most_final_epochs * self._data.num_train_images
        seconds, speed = self._time.final_seconds, self._evaluator.speed
        if seconds is None or speed is None:
            return candidate.own_images + (0 if math.isinf(wanted) else round(wanted))
        rate = speed.images_per_second(candidate.cost.macs)
        return candidate.own_images + final_images(
            seconds, rate=rate, overhead=speed.overhead_seconds, wanted=wanted
        )

    def _hopeful(self) -> Candidate | None:
        """The promising model, if it is the only hope or has a fair chance."""
        promising, elite = self._climber.promising, self._climber.elite
        if promising is None:
            return None
        only_hope = elite.name == self._reference.name
        return promising if only_hope or self._climber.chance(promising) > _FAIR_CHANCE else None

    def _generation(self) -> GenerationRecord:
        started = time.monotonic()
        climber, settings = self._climber, self._settings
        parent = climber.elite
        remaining = self._remaining()
        seconds = generation_seconds(remaining, overhead=self._overhead)
        self._observer.time_left(self._time.run_left())
        self._observer.generation(climber.generation + 1, settings.most_generations, parent.name)
        if seconds is not None and seconds == remaining:
            self._on_last(parent, self._evaluator.speed)
        screened, failures = self._propose(
            rank_candidate(
                parent, self._subject, settings, pool=self._pool, objective=settings.objective
            )
        )
        preparing = time.monotonic() - started
        self._overhead = preparing + self._compile_seconds
        if seconds is not None:
            seconds = max(0.0, seconds - preparing)
        early = [self._failed(each) for each in failures]
        hopeful, hopeless = with_hope(screened, chance=self._chance)
        early += [
            self._record(each, "not trained", "lost too much accuracy to recover it by training")
            for each in hopeless
        ]
        field, rungs = self._line_up(hopeful, seconds)
        names = {each.name for each in field}
        early += [
            self._record(each, "not trained", "others save more cost for the accuracy they lose")
            for each in hopeful
            if each.name not in names
        ]
        late = self._race(field, rungs)
        return GenerationRecord(
            climber.generation, parent.name, (*early, *late), climber.elite.name
        )

    def _propose(self, ranking: Sequence[SiteScore]) -> tuple[list[Candidate], list[Failure]]:
        """Children, screened: a first wave, and a second one that has learned from it."""
        climber, parent = self._climber, self._climber.elite
        later = round(_SECOND_WAVE * self._settings.children)
        children = climber.ask(self._settings.children - later, ranking)
        screened, failures = self._evaluator.screen(
            children, lambda _: parent.graph, generation=climber.generation
        )
        if later and screened:
            more, failed = self._evaluator.screen(
                climber.ask(later, ranking, seen=screened),
                lambda _: parent.graph,
                generation=climber.generation,
            )
            screened, failures = screened + more, failures + failed
        return screened, failures

    def _line_up(
        self, screened: Sequence[Candidate], seconds: float | None
    ) -> tuple[tuple[Candidate, ...], tuple[Rung, ...]]:
        """Who is trained at all, and in which rungs.

        The promising child of earlier generations has its heat behind it: where there are heats, it
        joins the last rung.
        """
        everyone = self._climber.choose(screened, len(screened) + 1)
        rungs = plan_rungs(
            num_children=len(everyone),
            finalists=self._settings.trained_children or self._workers,
            workers=self._pool.at_once,
            seconds=seconds,
            compile_seconds=self._compile_seconds,
        )
        if len(rungs) > 1:
            everyone = tuple(each for each in everyone if not each.own_images)
        return everyone[: rungs[0].count], rungs

    def _race(self, field: Sequence[Candidate], rungs: Sequence[Rung]) -> list[ChildRecord]:
        """Trains candidates in rungs and lets the climber judge them."""
        climber = self._climber
        trained: dict[str, Candidate] = {}
        records = []
        for place, rung in enumerate(rungs):
            if place:
                waiting = [climber.promising] if climber.promising is not None else []
                field = climber.advance([*trained.values(), *waiting], rung.count)
            if not field:
                break
            done, failures = self._evaluator.train(
                field, rung, floor=climber.floor, generation=climber.generation
            )
            done = self._judged(done)
            climber.observe(done)
            trained |= {each.name: each for each in done}
            for failure in failures:
                climber.drop(failure.candidate.name)
                trained.pop(failure.candidate.name, None)
                records.append(self._failed(failure))
        trained = {each.name: each for each in self._judged(trained.values())}
        accepted = climber.tell(list(trained.values()))
        if accepted is not None:
            self._on_elite(accepted)
        for each in trained.values():
            record = self._record(each, *self._verdict(each))
            self._observer.child(record)
            records.append(record)
        return records

    def _judged(self, trained: Iterable[Candidate]) -> list[Candidate]:
        """Trained children with what their acceptance leaves unused of the allowed drop.

        Of many children the cheapest that seems to be within it owes that to chance in part.
        """
        judged = list(trained)
        for each in judged:
            if each.correct is not None:
                self._trained[each.name] = TrainedChild(each.name, each.cost, each.correct)
        if self._allowed.confidence is None:
            return [self._allowed.with_margin(each) for each in judged]
        self._bias = self._allowed.chosen(
            list(self._trained.values()),
            objective=self._settings.objective,
            seed=self._settings.seed,
        ).bias
        return [self._allowed.with_margin(each, bias=self._bias) for each in judged]

    def _verdict(self, child: Candidate) -> tuple[Verdict, str]:
        """Why a trained child was accepted or not."""
        elite, floor = self._climber.elite, self._climber.floor
        if child.name == elite.name:
            return "accepted", f"{child.accuracy:.4f}, required {floor:.4f}"
        counts = self._settings.objective != "accuracy"
        if counts and (child.accuracy or 0.0) - child.margin < floor:
            needed = f"{floor:.4f} plus {child.margin:.4f} for the error of the estimate"
            return "over the allowed drop", f"{child.accuracy:.4f} is below the required {needed}"
        return "not smaller", f"{elite.name} is better by the objective"

    def _failed(self, failure: Failure) -> ChildRecord:
        name, message = failure.candidate.name, failure.outcome.message
        self._observer.note(f"{name} failed and is left out: {message}")
        spent = failure.candidate.seconds + failure.outcome.seconds
        return self._record(replace(failure.candidate, seconds=spent), "failed", message)

    def _record(self, child: Candidate, verdict: Verdict, detail: str) -> ChildRecord:
        """A child's record, in the journal from now on."""
        record = child_record(child, self._climber.generation, verdict, detail)
        self._journal.append(record)
        return record


def rank_candidate(
    candidate: Candidate,
    subject: Subject,
    settings: RunSettings,
    *,
    pool: WorkerPool,
    objective: str,
) -> tuple[SiteScore, ...]:
    """The units of a candidate whose removal saves any of the objective, the least first.

    Raises:
        RunError: If they could not be ranked.
    """
    sites = [site for site in unit_sites(candidate.graph) if site.saves[objective] > 0]
    if not sites:
        return ()
    (answer,) = pool.rank(
        [
            RankTask(
                name=candidate.name,
                graph=candidate.graph,
                sites=tuple(sites),
                settings=settings.ranking,
                from_logits=subject.from_logits,
                seed=settings.seed,
            )
        ]
    )
    if isinstance(answer, FailedEvaluation):
        raise RunError(
            f"the units of {candidate.name} could not be ranked: {answer.message}; try another "
            "`ranking.criterion`"
        )
    measure = criterion(settings.ranking.criterion).measure
    return tuple(
        SiteScore(sites[place].name, answer.gains[place], answer.spreads[place], measure=measure)
        for place in least_first(sites, answer.gains)
    )


def _morphs_for(reference: Candidate) -> int:
    """Morphisms a child may take at most, where the user leaves that open."""
    units = [unit for unit in removable_units(reference.graph) if unit.macs > 0]
    return max(_FEWEST_MORPHS, len(outermost(units)) // 3)
