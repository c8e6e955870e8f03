"""Pruning a given model: what adds least goes, in waves that learn from each other.

Children are the elite without some of its units, lowest in rank first. All are repaired and scored
untrained; those of greatest merit are raced; the cheapest that stays within the allowed drop is the
next elite.
"""

import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from prune_mi.config import OptimizeSettings
from prune_mi.evolution.evaluator import Evaluator, Failure
from prune_mi.evolution.limits import AllowedDrop
from prune_mi.evolution.recipe import TrainingSpeed
from prune_mi.evolution.strategy import Evolved, LineUp, Raced
from prune_mi.evolution.timing import TimePlan
from prune_mi.graph.units.discovery import outermost, removable_units
from prune_mi.measure.metric import chance_level
from prune_mi.morphisms.mixes import resolve_mix
from prune_mi.morphisms.morphism import SiteScore
from prune_mi.preparation.baseline import Baseline
from prune_mi.records import GenerationRecord, Observer, TrainedChild, Verdict
from prune_mi.search.budget import final_images, generation_seconds, room_for_generation
from prune_mi.search.candidate import Proposed, Screened, Trained
from prune_mi.search.climber import HillClimber
from prune_mi.search.racing import Rung, plan_rungs
from prune_mi.search.selection import with_hope
from prune_mi.search.termination import SearchState, StoppingRules

_FAIR_CHANCE = 0.3
_FEWEST_MORPHS = 5
_SECOND_WAVE = 0.4
OnLast = Callable[[Trained, TrainingSpeed | None], object]


class Pruning:
    """See `Strategy`.

    Args:
        baseline: The original, measured.
        allowed: What may be lost.
        evaluator: Ranks, screens and trains.
        settings: The run's settings.
        workers: Trainings at once: to begin with, and as memory allows.
        time_plan: When to end, and what the rest of the run is expected to take.
        observer: Hears of generations and of the time left.
        on_last: Called with the elite and the speed of trainings when a generation begins behind
            which there is time for none.
    """

    def __init__(
        self,
        baseline: Baseline,
        allowed: AllowedDrop,
        evaluator: Evaluator,
        settings: OptimizeSettings,
        *,
        workers: Callable[[], int],
        time_plan: TimePlan,
        observer: Observer,
        on_last: OnLast,
    ) -> None:
        self._baseline = baseline
        self._allowed = allowed
        self._evaluator = evaluator
        self._settings = settings
        self._workers = workers
        self._finalists = settings.trained_children or workers()
        self._time = time_plan
        self._overhead = time_plan.generation_overhead
        self._observer = observer
        self._on_last = on_last
        self._trained: dict[str, TrainedChild] = {}
        self._bias = 0.0
        self._ranking: Sequence[SiteScore] = ()
        self._waves: list[int] = []
        self._began = 0.0
        self._seconds: float | None = None
        self.climber = HillClimber(
            baseline.start,
            allowed_drop=baseline.start.accuracy
            - (baseline.judged_by.accuracy - settings.max_accuracy_drop),
            margin=allowed.expected_margin,
            objective=settings.objective,
            mix=resolve_mix(settings.mix),
            max_morphs=settings.morphs or _morphs_for(baseline.start),
            rng=np.random.default_rng((settings.seed, 2)),
            horizon=self._horizon,
        )

    def reason_to_stop(self, last: GenerationRecord | None) -> str | None:
        """See `Strategy`; the first generation is always made."""
        climber, settings = self.climber, self._settings
        if last is None:
            return None
        rules = StoppingRules(settings.most_generations, settings.most_flat_generations)
        has_time = room_for_generation(self._remaining(), overhead=self._overhead)
        return rules.reason(
            SearchState(
                climber.generation,
                climber.flat_generations,
                len(last.children),
                has_time,
                climber.elite.accuracy,
                climber.structure_age,
            )
        )

    def begin(self, parent: Trained) -> None:
        """See `Strategy`."""
        self._began, remaining = time.monotonic(), self._remaining()
        self._seconds = generation_seconds(remaining, overhead=self._overhead)
        self._observer.time_left(self._time.run_left())
        self._observer.generation(
            self.climber.generation + 1, self._settings.most_generations, parent.name
        )
        if self._seconds is not None and self._seconds == remaining:
            self._on_last(parent, self._evaluator.speed)
        self._ranking = self._evaluator.ranking(parent, objective=self._settings.objective)
        later = round(_SECOND_WAVE * self._settings.children)
        self._waves = [self._settings.children - later, later]

    def propose(self, parent: Trained, seen: Sequence[Screened]) -> Sequence[Proposed]:
        """See `Strategy`: a first wave, and a second one that has learned from it."""
        if len(self._waves) == 2:
            return self.climber.ask(self._waves.pop(0), self._ranking)
        if self._waves and self._waves[0] and seen:
            return self.climber.ask(self._waves.pop(), self._ranking, seen=seen)
        return ()

    def repair(
        self, children: Sequence[Proposed], parent: Trained
    ) -> tuple[list[Screened], list[Failure]]:
        """See `Strategy`."""
        return self._evaluator.screen(
            children, {parent.name: parent.graph}, generation=self.climber.generation
        )

    def line_up(self, ready: Sequence[Screened], parent: Trained) -> LineUp:
        """See `Strategy`.

        The promising child of earlier generations has its heat behind it: where there are heats, it
        joins the last rung.
        """
        preparing = time.monotonic() - self._began
        self._overhead = preparing + self._time.compile_seconds
        labels = self._baseline.images.validation_labels
        hopeful, hopeless = with_hope(ready, chance=chance_level(labels, self._baseline.metric))
        everyone = self.climber.choose(hopeful, len(hopeful) + 1)
        rungs = plan_rungs(
            num_children=len(everyone),
            finalists=self._finalists,
            workers=self._workers(),
            seconds=None if self._seconds is None else max(0.0, self._seconds - preparing),
            compile_seconds=self._time.compile_seconds,
        )
        if len(rungs) > 1:
            everyone = tuple(each for each in everyone if not each.own_images)
        field = everyone[: rungs[0].count]
        chosen = {each.name for each in field}
        left_out = [
            *((each, "lost too much accuracy to recover it by training") for each in hopeless),
            *(
                (each, "others save more cost for the accuracy they lose")
                for each in hopeful
                if each.name not in chosen
            ),
        ]
        return LineUp(field, rungs, left_out)

    def advance(self, trained: Sequence[Trained], rung: Rung) -> Sequence[Trained]:
        """See `Strategy`."""
        waiting = [] if self.climber.promising is None else [self.climber.promising]
        return self.climber.advance([*trained, *waiting], rung.count)

    def judge(self, trained: Sequence[Trained]) -> list[Trained]:
        """See `Strategy`: with what their acceptance leaves unused of the allowed drop.

        Of many children the cheapest that seems to be within it owes that to chance in part.
        """
        for each in trained:
            self._trained[each.name] = TrainedChild(each.name, each.cost, each.correct)
        if self._allowed.confidence is not None:
            self._bias = self._allowed.chosen(
                list(self._trained.values()),
                objective=self._settings.objective,
                seed=self._settings.seed,
            ).bias
        return [self._allowed.with_margin(each, bias=self._bias) for each in trained]

    def finish(self, trained: Sequence[Trained], last: Sequence[str]) -> Raced:
        """See `Strategy`: whatever has been trained may be within the allowed drop."""
        return Raced(trained)

    def verdict(self, child: Trained) -> tuple[Verdict, str]:
        """See `Strategy`."""
        elite, floor = self.climber.elite, self.climber.floor
        if child.name == elite.name:
            return "accepted", f"{child.accuracy:.4f}, required {floor:.4f}"
        counts = self._settings.objective != "accuracy"
        if counts and child.accuracy - child.margin < floor:
            needed = f"{floor:.4f} plus {child.margin:.4f} for the error of the estimate"
            return "over the allowed drop", f"{child.accuracy:.4f} is below the required {needed}"
        return "not smaller", f"{elite.name} is better by the objective"

    def learn(self, parent: Trained, accepted: Trained | None, trained: Sequence[Trained]) -> None:
        """See `Strategy`: the climber has learned all that there is."""

    def evolved(self, generations: tuple[GenerationRecord, ...], stop_reason: str) -> Evolved:
        """See `Strategy`."""
        return Evolved(
            elite=self.climber.elite,
            generations=generations,
            stop_reason=stop_reason,
            profile=self._evaluator.profile,
            speed=self._evaluator.speed,
            images=self._evaluator.images,
            training_s=self._evaluator.training_seconds,
            promising=self._hopeful(),
            trained=tuple(self._trained.values()),
            bias=self._bias,
        )

    def _remaining(self) -> float | None:
        return None if self._time.search_end is None else self._time.search_end - time.monotonic()

    def _horizon(self, candidate: Trained) -> int:
        """Images that a candidate will have been trained on after the final training."""
        wanted = self._settings.most_final_epochs * self._baseline.images.num_train
        seconds, speed = self._time.final_seconds, self._evaluator.speed
        if seconds is None or speed is None:
            return candidate.own_images + (0 if math.isinf(wanted) else round(wanted))
        rate = speed.images_per_second(candidate.cost.macs)
        return candidate.own_images + final_images(
            seconds, rate=rate, overhead=speed.overhead_seconds, wanted=wanted
        )

    def _hopeful(self) -> Trained | None:
        """The promising model, if it is the only hope or has a fair chance."""
        promising, elite = self.climber.promising, self.climber.elite
        if promising is None:
            return None
        only_hope = elite.name == self._baseline.start.name
        return promising if only_hope or self.climber.chance(promising) > _FAIR_CHANCE else None


def _morphs_for(reference: Trained) -> int:
    """Morphisms a child may take at most, where the user leaves that open."""
    units = [unit for unit in removable_units(reference.graph) if unit.macs > 0]
    return max(_FEWEST_MORPHS, len(outermost(units)) // 3)
