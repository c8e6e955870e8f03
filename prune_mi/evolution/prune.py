"""Pruning a given model: what adds least goes, in waves that learn from each other.

Children are plans: the elite, or what is on the way to a target, without some of its units and
channels, those first that add least. All are repaired and scored untrained; those of greatest merit
are raced. The next elite is the cheapest that stays within the allowed drop, or under targets the
most accurate.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from typing import Any

import numpy as np

from prune_mi.config import OptimizeSettings
from prune_mi.costs.objective import objective_of
from prune_mi.evolution.evaluator import Evaluator, Ranking
from prune_mi.evolution.limits import AllowedDrop, allowed_drop
from prune_mi.evolution.lineage_images import most_final_images
from prune_mi.evolution.recipe import TrainingSpeed
from prune_mi.evolution.strategy import Evolved, LineUp, Raced
from prune_mi.evolution.timing import TimePlan
from prune_mi.evolution.waves import Waves
from prune_mi.execution.tasks import FailedEvaluation
from prune_mi.graph.units.discovery import outermost, removable_units
from prune_mi.morphisms.mixes import resolve_mix
from prune_mi.preparation.baseline import Baseline
from prune_mi.records import GenerationRecord, Reason, TrainedChild, events
from prune_mi.runs.run import Run
from prune_mi.search.archive import Archive
from prune_mi.search.budget import final_images, generation_seconds, room_for_generation
from prune_mi.search.candidate import Proposed, Screened, Trained
from prune_mi.search.climber import HillClimber
from prune_mi.search.racing import Rung, plan_rungs
from prune_mi.search.selection import is_fit
from prune_mi.search.target_climber import TargetClimber
from prune_mi.search.termination import StoppingRules

_FAIR_CHANCE = 0.3
_FEWEST_MORPHS = 5
OnLast = Callable[[Trained, TrainingSpeed | None], object]


class Pruning:
    """See `Strategy`.

    Args:
        run: The run under way.
        baseline: The original, measured.
        allowed: What may be lost.
        evaluator: Ranks, screens and trains.
        time_plan: When to end, and what the rest of the run is expected to take.
        on_last: Called with the elite and the speed of trainings when a generation begins behind
            which there is time for none.
    """

    def __init__(
        self,
        run: Run[OptimizeSettings],
        baseline: Baseline,
        allowed: AllowedDrop,
        evaluator: Evaluator,
        *,
        time_plan: TimePlan,
        on_last: OnLast,
    ) -> None:
        settings = run.settings
        self._run = run
        self._baseline = baseline
        self._allowed = allowed
        self._evaluator = evaluator
        self._objective = objective_of(settings, baseline.given.cost)
        self._finalists = settings.trained_children or run.evaluations.workers
        self._time = time_plan
        self._overhead = time_plan.generation_overhead
        self._on_last = on_last
        self._trained: dict[str, TrainedChild] = {}
        self._accepted: list[Trained] = []
        self._archive = Archive(baseline.start)
        self._bias = 0.0
        self._ranking = Ranking()
        self._waves: Waves  # of the generation under way
        self._began = 0.0
        self._seconds: float | None = None
        kind = TargetClimber if self._objective.targets else HillClimber
        self.climber = kind(
            baseline.start,
            allowed_drop=self._allowed_drop,
            margin=allowed.expected_margin,
            objective=self._objective,
            mix=resolve_mix(settings.mix),
            max_morphs=settings.morphs or _morphs_for(baseline.start),
            rng=np.random.default_rng((settings.seed, 2)),
            horizon=self._horizon,
            multiples=settings.channels_multiple_of,
            train_quality=baseline.train_quality,
        )

    def limited(self) -> events.Limited | None:
        """See `Strategy`."""
        asked = self._run.settings.allowed_drop
        wanted = None if asked is None else self._baseline.judge.drop(asked)
        if wanted == self._allowed.limit:
            return None
        self._objective = objective_of(self._run.settings, self._baseline.given.cost)
        anew = allowed_drop(self._baseline, self._run.settings, self._run.notes)
        self._allowed = replace(anew, before=self._allowed.before)
        pool = (*self._accepted, *self._archive.points(), *self._waiting())
        judged = self.judge(list({each.name: each for each in pool if each.lineage}.values()))
        accepted = {each.name for each in self._accepted}
        self.climber.allow(
            self._allowed_drop,
            margin=self._allowed.expected_margin,
            trained=judged,
            objective=self._objective,
        )
        accepted.add(self.climber.elite.name)
        self._accepted = [each for each in judged if each.name in accepted]
        return events.Limited(asked, self.climber.elite.name)

    def reason_to_stop(self, last: GenerationRecord | None) -> str | None:
        """See `Strategy`; the first generation is always made."""
        climber, settings = self.climber, self._run.settings
        if last is None:
            return None
        under_targets = bool(self._objective.targets) and self._objective.is_feasible(
            climber.elite.cost
        )
        patience = settings.most_flat_generations(under_targets=under_targets)
        rules = StoppingRules(settings.most_generations, patience)
        return rules.reason(climber.state(proposals=len(last.children), has_time=self._has_time()))

    def begin(self, parent: Trained) -> None:
        """See `Strategy`."""
        settings, log = self._run.settings, self._run.log
        self._began, remaining = time.monotonic(), self._time.search_left()
        self._run.notes.time_left(self._run.budget.remaining())
        self._seconds = log.once(
            events.GenerationBegan,
            lambda: events.GenerationBegan(
                self.climber.generation + 1,
                settings.most_generations,
                parent.name,
                generation_seconds(remaining, overhead=self._overhead),
            ),
        ).seconds
        gets_all = self._seconds is not None and self._seconds == remaining
        if gets_all:
            self._on_last(parent, self._evaluator.speed)
        narrows = self.climber.narrows
        self._ranking = self._evaluator.ranking(
            parent,
            objective=self._objective,
            channels=settings.ranking.channel_criterion if narrows else None,
        )
        self._waves = Waves(
            self._run, self.climber, parent, began=self._began, seconds=self._seconds
        )
        self.climber.leads_on = self._leads_on(gets_all)

    def propose(self, parent: Trained, seen: Sequence[Screened]) -> Sequence[Proposed]:
        """See `Strategy`: a first wave, and others that have learned from those before them."""
        units, channels = self._ranking.units, self._ranking.channels
        first = not self._waves.asked
        while (count := self._waves.next(seen)) is not None:
            if first:
                return self.climber.ask(count, units, channels=channels)
            if count and seen:
                return self.climber.ask(count, units, channels=channels, seen=seen)
        return ()

    def repair(
        self, children: Sequence[Proposed], parent: Trained
    ) -> tuple[list[Screened], list[FailedEvaluation]]:
        """See `Strategy`."""
        return self._evaluator.screen(children, {parent.name: parent.graph})

    def line_up(self, ready: Sequence[Screened], parent: Trained) -> LineUp:
        """See `Strategy`.

        The promising child of earlier generations has its heat behind it: where there are heats, it
        joins the last rung.
        """
        chance = self._baseline.judge.chance(self._baseline.images.validation_truth)
        hopeful, hopeless = self.climber.hopeful(ready, chance=chance)
        everyone = self.climber.choose(hopeful, len(hopeful) + 1)
        fresh = tuple(each for each in everyone if not each.own_images)
        rungs = self._rungs(len(fresh if len(fresh) > self._finalists else everyone))
        if len(rungs) > 1:
            everyone = fresh
        field = everyone[: rungs[0].count]
        chosen = {each.name for each in field}
        left_out: list[tuple[Screened, Reason]] = [(each, "lost too much") for each in hopeless]
        by_saving = self._objective.makes_smaller and not self._objective.targets
        why: Reason = "others save more" if by_saving else "others are better"
        left_out += [(each, why) for each in hopeful if each.name not in chosen]
        return LineUp(field, rungs, left_out)

    def advance(self, trained: Sequence[Trained], rung: Rung) -> Sequence[Trained]:
        """See `Strategy`."""
        return self.climber.advance([*trained, *self._waiting()], rung.count)

    def _waiting(self) -> list[Trained]:
        """The promising child of earlier generations, if there is one."""
        return [] if self.climber.promising is None else [self.climber.promising]

    def judge(self, trained: Sequence[Trained]) -> list[Trained]:
        """See `Strategy`: with what their acceptance leaves unused of the allowed drop.

        Of many children the cheapest that seems to be within it owes that to chance in part.
        """
        for each in trained:
            self._trained[each.name] = TrainedChild(each.name, each.cost, each.scores)
        if self._allowed.confidence is not None:
            self._bias = self._allowed.chosen(
                list(self._trained.values()),
                objective=self._objective,
                seed=self._run.settings.seed,
            ).bias
        return [self._allowed.with_margin(each, bias=self._bias) for each in trained]

    def finish(self, trained: Sequence[Trained], last: Sequence[str]) -> Raced:
        """See `Strategy`: whatever has been trained may be within the allowed drop."""
        return Raced(trained)

    def verdict(self, child: Trained) -> events.Accepted | events.Refused:
        """See `Strategy`."""
        elite, floor = self.climber.elite, self.climber.floor
        if child.name == elite.name:
            required = None if self._objective.may_lose is None else floor
            return events.Accepted(child.name, child.quality, required)
        fits = is_fit(child, floor=floor, objective=self._objective)
        if not self._objective.is_feasible(child.cost):
            over = self._objective.excess(child.cost)
            return events.Refused(child.name, "over the target", {"over": over})
        if self._objective.makes_smaller and not fits:
            numbers = {"accuracy": child.quality, "required": floor, "margin": child.margin}
            return events.Refused(child.name, "over the limit", numbers)
        if self._objective.targets and child.quality <= elite.quality:
            numbers = {"accuracy": child.quality, "best": elite.quality}
            return events.Refused(child.name, "less accurate", numbers, elite.name)
        return events.Refused(child.name, "elite is better", {}, elite.name)

    def learn(self, parent: Trained, accepted: Trained | None, trained: Sequence[Trained]) -> None:
        """See `Strategy`: the climber has learned all but what was accepted in its time."""
        self._archive.add(trained)
        if accepted is not None:
            self._accepted.append(accepted)

    def wanted(self) -> Sequence[str]:
        """See `Strategy`: another limit may make another child the best, another aim any point."""
        kept = [*self._accepted, *self._waiting(), *self.climber.waiting]
        kept += self._archive.points()
        return list(dict.fromkeys(each.name for each in kept))

    def evolved(self) -> Evolved:
        """See `Strategy`."""
        return self._evaluator.evolved(
            self.climber.elite,
            promising=self.climber.finalist(self._archive.points(), least=_FAIR_CHANCE),
            allowed=self._allowed,
            trained=tuple(self._trained.values()),
            frontier=self._archive.points(),
            bias=self._bias,
        )

    @property
    def _allowed_drop(self) -> float:
        """What may be lost against the start."""
        if self._allowed.limit is None:
            return math.inf
        floor = self._baseline.judged_by.quality - self._allowed.limit
        return self._baseline.start.quality - floor

    def _has_time(self) -> bool:
        has_time: bool = self._run.log.decided(
            f"time for generation {self.climber.generation + 1}",
            lambda: room_for_generation(self._time.search_left(), overhead=self._overhead),
        )
        return has_time

    def _leads_on(self, gets_all: bool) -> bool:
        """Whether another generation may follow the one that begins.

        Args:
            gets_all: Whether it gets all the time that is left.
        """
        most, generation = self._run.settings.most_generations, self.climber.generation + 1
        leads_on: bool = self._run.log.decided(
            f"whether generation {generation} may be followed",
            lambda: not gets_all and (most is None or generation < most),
        )
        return leads_on

    def _rungs(self, num_children: int) -> tuple[Rung, ...]:
        """How children are trained, in the time that making them ready has left."""

        def planned() -> dict[str, Any]:
            preparing = time.monotonic() - self._began
            rungs = plan_rungs(
                num_children=num_children,
                finalists=self._finalists,
                workers=self._run.evaluations.at_once,
                seconds=None if self._seconds is None else max(0.0, self._seconds - preparing),
                compile_seconds=self._time.compile_seconds,
            )
            return {"preparing": self._waves.needed, "rungs": [astuple(each) for each in rungs]}

        what = f"rungs of generation {self.climber.generation}"
        found = self._run.log.decided(what, planned)
        self._overhead = found["preparing"] + self._time.compile_seconds
        return tuple(Rung(*each) for each in found["rungs"])

    def _horizon(self, candidate: Trained) -> int:
        """Images that a candidate will have been trained on after the final training."""
        num_train = self._baseline.images.num_train
        wanted = most_final_images(self._run.settings, candidate, num_train)
        seconds, speed = self._time.final_seconds, self._evaluator.speed
        if seconds is None or speed is None:
            return candidate.own_images + (0 if math.isinf(wanted) else round(wanted))
        rate = speed.images_per_second(candidate.cost.macs)
        return candidate.own_images + final_images(
            seconds, rate=rate, overhead=speed.overhead_seconds, wanted=wanted
        )


def _morphs_for(reference: Trained) -> int:
    """Morphisms a child may take at most, where the user leaves that open."""
    units = [unit for unit in removable_units(reference.graph) if unit.macs > 0]
    return max(_FEWEST_MORPHS, len(outermost(units)) // 3)
