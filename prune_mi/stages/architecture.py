"""The generations of `prune-mi search`: draw children, train them beside their parent, select.

DEIM 2019 A3-4, after Elsken, Metzen, Hutter (2017): children of the best model by random morphisms,
all of them trained and the best model with them, the most accurate becomes the next best. Of method
`mi` each trained child is then tried without the layer that adds least; see `stages.trial`. Method
`default` trains twice as many children for the same number of images by successive halving, and of
models that are equally good within the error of the validation accuracy takes the smallest.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from prune_mi.config import SearchSettings
from prune_mi.execution.pool import WorkerPool
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.paper_layers import num_paper_layers
from prune_mi.graph.work import training_work
from prune_mi.morphisms.catalog import Allows
from prune_mi.morphisms.morphism import MorphContext, SiteScore
from prune_mi.morphisms.widen import SMALL_PARAMS
from prune_mi.records import ChildRecord, GenerationRecord, Observer, Verdict
from prune_mi.search.candidate import Candidate
from prune_mi.search.climber import Draw, HillClimber
from prune_mi.search.journal import Journal
from prune_mi.search.loop import run_generations
from prune_mi.search.policy import Policy
from prune_mi.search.runners_up import RunnersUp
from prune_mi.search.termination import SearchState
from prune_mi.search.weight_bank import WeightBank
from prune_mi.stages.augmentation import recognised_augmentation
from prune_mi.stages.evaluation import Evaluator, Failure, child_record
from prune_mi.stages.generations import rank_candidate
from prune_mi.stages.policies import make_policy, make_schedule, stopping_rules
from prune_mi.stages.race import Race
from prune_mi.stages.race_plan import RacePlan
from prune_mi.stages.recipe import TrainingSpeed
from prune_mi.stages.roles import Subject
from prune_mi.stages.share import SearchData
from prune_mi.stages.trial import Trials

_MOST_GROWTH = 2.0  # of weights and of a step's work, in a generation of the default method
_COST = "params"  # what removals by rank are to save
_VARIED = {
    "none": "used as they are.",
    "flip": "also mirrored at random.",
    "shift": "also shifted at random.",
    "flip+shift": "also mirrored and shifted at random.",
}


@dataclass(frozen=True, slots=True)
class ArchitectureOutcome:
    """Where a search ended.

    Attributes:
        subject: The start, with the augmentation that has been found.
        elite: The best model.
        runners_up: The most accurate models of different structure, the best first.
        generations: What was tried.
        stop_reason: Why it ended.
        trials, adoptions: Children that a deletion was tried on, and those whose slimmer version
            was better.
        total_images: Images that all trainings saw.
        training_s: Seconds that the steps of all trainings took.
        speed: Of these trainings, or of those before them where none was made; None without any.
    """

    subject: Subject
    elite: Candidate
    runners_up: tuple[Candidate, ...]
    generations: tuple[GenerationRecord, ...]
    stop_reason: str
    trials: int
    adoptions: int
    total_images: int
    training_s: float
    speed: TrainingSpeed | None


class ArchitectureSearch:
    """One run's search for an architecture.

    Args:
        subject: The start, measured.
        reference: The start as a candidate, with weights.
        data: What it works on.
        pool: Where children are trained.
        settings: The run's settings.
        speed: Of trainings so far, or None where there were none.
        usual_work: What a training step of a child of the default method may always cost, see
            `training_work`.
        search_end: When the final training is to begin, on the monotonic clock; None without a
            budget.
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
        settings: SearchSettings,
        speed: TrainingSpeed | None,
        usual_work: float,
        search_end: float | None,
        journal: Journal,
        observer: Observer,
        on_elite: Callable[[Candidate], object],
    ) -> None:
        self._subject = subject
        self._data = data
        self._pool = pool
        self._evaluator = Evaluator(subject, data, pool=pool, settings=settings, observer=observer)
        self._trials = (
            Trials(subject, self._evaluator, pool, settings, observer) if _tries(settings) else None
        )
        self._plan = RacePlan(
            settings,
            self._evaluator,
            workers=pool.workers,
            num_train_images=data.num_train_images,
            trials=_tries(settings),
            speed=speed,
            search_end=search_end,
        )
        self._settings = settings
        self._usual_work = usual_work
        self._speed = speed
        self._journal = journal
        self._observer = observer
        self._on_elite = on_elite
        self._policy: Policy = make_policy(settings)
        self._schedule = make_schedule(settings)
        self._bank = WeightBank() if settings.share_weights else None
        self._race = Race(self._evaluator, settings, self._bank)
        self._runners_up = RunnersUp(settings.ensemble + 1)  # the best one may be among them
        self._least_layers = num_paper_layers(reference.graph) if _has_floor(settings) else 0
        self._climber = HillClimber(
            reference,
            allowed_drop=0.0,
            objective="accuracy",
            mix={},
            max_morphs=settings.morphs,
            rng=np.random.default_rng((settings.seed, 2)),
            horizon=lambda candidate: candidate.own_images,
            num_validation=self._equal_within(subject),
        )
        self._runners_up.add(reference)
        self._proposals = 1
        self._told_of_few = False

    def run(self) -> ArchitectureOutcome:
        """Makes generations until a stopping rule holds."""
        rule = stopping_rules(self._settings)
        records: tuple[GenerationRecord, ...] = ()
        reason = rule.reason(self._state())
        if reason is None:
            records, reason = run_generations(self._generation, lambda _: self._state(), rule)
        return ArchitectureOutcome(
            subject=self._evaluator.subject,
            elite=self._climber.elite,
            runners_up=self._runners_up.best(),
            generations=records,
            stop_reason=reason,
            trials=self._trials.tried if self._trials else 0,
            adoptions=self._trials.adopted if self._trials else 0,
            total_images=self._evaluator.images,
            training_s=self._evaluator.training_seconds,
            speed=self._evaluator.speed or self._speed,
        )

    def _state(self) -> SearchState:
        return SearchState(
            generation=self._climber.generation,
            flat_generations=self._climber.flat_generations,
            proposals=self._proposals,
            has_time=self._plan.has_time(self._climber.elite),
            elite_accuracy=self._climber.elite.accuracy or 0.0,
            structure_age=self._climber.structure_age,
        )

    def _generation(self) -> GenerationRecord:
        climber, settings = self._climber, self._settings
        parent, started = climber.elite, time.monotonic()
        seconds = self._plan.generation_seconds(
            parent, generations_left=settings.generations - climber.generation
        )
        self._observer.generation(climber.generation + 1, settings.generations, parent.name)
        rungs = self._plan.rungs(parent, seconds)
        self._tell_of_few(rungs[0].count - 1)
        allows, num_morphs = self._limits(parent), self._schedule.morphs(climber.generation + 1)
        children = climber.ask_alike(
            rungs[0].count - 1, num_morphs, self._draw(parent), allows=allows
        )
        base = replace(parent, name=f"g{climber.generation}base", parent=parent.name, morphs=())
        self._proposals = len(children)
        field, fresh, failures = self._race.prepared(
            [replace(base, own_images=0), *children], parent, generation=climber.generation
        )
        records = [self._failed(each) for each in failures]
        if seconds is not None:
            rungs = self._plan.rungs(parent, seconds - (time.monotonic() - started))
            field = field[: rungs[0].count]  # preparing may have taken the time of some
        trained, out, lost = self._race.run(
            field, rungs, fresh=fresh, generation=climber.generation
        )
        records += [self._failed(each) for each in lost]
        if self._trials:
            trained, slimmed, lost = self._trials.offered(
                trained,
                allows=allows,
                generation=climber.generation,
                seconds=rungs[0].seconds,
            )
            records += [self._failed(each) for each in lost]
            out += slimmed
        accepted = climber.tell(trained)
        if accepted is not None:
            self._on_elite(accepted)
            self._vary(accepted)
        self._learn(parent, [*trained, *out])
        for each in (*trained, *out):
            record = self._record(each, *self._verdict(each))
            self._observer.child(record)
            records.append(record)
        return GenerationRecord(climber.generation, parent.name, tuple(records), climber.elite.name)

    def _tell_of_few(self, num_children: int) -> None:
        """Says once that the budget allows for fewer children than were asked for."""
        if num_children < self._settings.children and not self._told_of_few:
            self._told_of_few = True
            self._observer.note(
                f"The time budget is enough for {num_children} new "
                f"{'network' if num_children == 1 else 'networks'} in each round, instead of "
                f"{self._settings.children} (--children)."
            )

    def _draw(self, parent: Candidate) -> Draw:
        """How each child of a parent is drawn; its units are ranked where that may be asked for."""
        ranking: tuple[SiteScore, ...] | None = None

        def draw() -> tuple[dict[str, float], MorphContext]:
            nonlocal ranking
            choice = self._policy.choose()
            if ranking is None:
                wanted = choice.mix.get("remove-by-rank", 0.0) > 0
                ranking = self._ranking(parent) if wanted else ()
            context = MorphContext(
                ranking=ranking, objective=_COST, place_weight=choice.place_weight
            )
            return dict(choice.mix), context

        return draw

    def _ranking(self, parent: Candidate) -> tuple[SiteScore, ...]:
        return rank_candidate(
            parent, self._subject, self._settings, pool=self._pool, objective=_COST
        )

    def _vary(self, elite: Candidate) -> None:
        """Trains from now on with the flips and shifts that do not mislead the best network."""
        if self._settings.training.augmentation != "auto":
            return
        subject = self._evaluator.subject
        found = recognised_augmentation(
            elite.graph,
            self._data.screening_images,
            self._data.screening_labels,
            subject.scaling,
            num_classes=subject.num_classes,
            so_far=subject.augmentation,
        )
        if found != subject.augmentation:
            last = self._climber.generation == self._settings.generations
            since = f"From round {self._climber.generation + 1} on"
            told = f"{'In the final training' if last else since}, the training images are "
            told += _VARIED[found.name]
            if found.name != "none":
                told += f" The best network so far, {elite.name}, recognises such images as well."
            self._observer.note(told)
            understanding = replace(subject.understanding, augmentation=found)
            self._evaluator.subject = replace(subject, understanding=understanding)

    def _learn(self, parent: Candidate, trained: Sequence[Candidate]) -> None:
        """Lets the policy, the bank and the runners-up know what the trainings have shown.

        A child that fell behind in the race was trained less: that counts against it, as it should.
        """
        before = parent.accuracy or 0.0
        for each in trained:
            if each.morphs and each.parent == parent.name:
                self._policy.tell(each.morphs, (each.accuracy or 0.0) - before)
            if self._bank is not None and each.own_images:
                self._bank.remember(each)
            self._runners_up.add(each)

    def _limits(self, parent: Candidate) -> Allows:
        """How its children may be: no smaller than the seed, as the paper has it, nor too big."""
        most = self._settings.max_params or math.inf
        if self._settings.method != "default":
            return lambda graph: (
                graph_cost(graph).num_params <= most
                and num_paper_layers(graph) >= self._least_layers
            )
        weights = min(most, max(_MOST_GROWTH * parent.cost.num_params, SMALL_PARAMS))
        work = max(_MOST_GROWTH * training_work(parent.graph), self._usual_work)
        return lambda graph: (
            graph_cost(graph).num_params <= weights and training_work(graph) <= work
        )

    def _equal_within(self, subject: Subject) -> int | None:
        """Validation images whose sampling error makes networks equal; None where it does not."""
        return len(subject.roles.validation) if self._settings.method == "default" else None

    def _verdict(self, child: Candidate) -> tuple[Verdict, str]:
        elite = self._climber.elite
        if child.name == elite.name:
            return "accepted", f"validation accuracy {child.accuracy:.4f}"
        detail = f"{child.accuracy:.4f}, {elite.name} has {elite.accuracy:.4f}"
        if (child.accuracy or 0.0) > (elite.accuracy or 0.0):
            detail += " and fewer weights, equal within the error"
        return "not better", detail

    def _failed(self, failure: Failure) -> ChildRecord:
        name, message = failure.candidate.name, failure.outcome.message
        self._observer.note(f"Network {name} failed and is left out: {message}")
        return self._record(failure.candidate, "failed", message)

    def _record(self, child: Candidate, verdict: Verdict, detail: str) -> ChildRecord:
        record = child_record(child, self._climber.generation, verdict, detail)
        self._journal.append(record)
        return record


def _tries(settings: SearchSettings) -> bool:
    return settings.method == "mi"


def _has_floor(settings: SearchSettings) -> bool:
    return settings.method in ("random", "mi")
