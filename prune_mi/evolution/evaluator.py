"""Candidates ranked, screened and trained in the pool."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from prune_mi.config import ChannelCriterion
from prune_mi.costs.objective import Objective
from prune_mi.errors import RunError
from prune_mi.evolution.recipe import (
    TrainingSpeed,
    after_training,
    damage_of,
    measured_speed,
    training_task,
)
from prune_mi.evolution.strategy import Evolved
from prune_mi.execution.tasks import FailedEvaluation, Ranked, RankTask, ScreenTask
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.site import Site
from prune_mi.graph.units.sites import unit_sites
from prune_mi.information.ranking import least_first
from prune_mi.morphisms.morphism import SiteScore
from prune_mi.preparation.baseline import Baseline
from prune_mi.records import events
from prune_mi.runs.run import Run
from prune_mi.search.candidate import Proposed, Screened, Trained
from prune_mi.search.racing import Rung


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a candidate can lose.

    Attributes:
        units: Units that can go, the least information first.
        channels: What each output channel of layers adds, by the layers' names.
    """

    units: tuple[SiteScore, ...] = ()
    channels: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


MostImages = Callable[[Screened, int], int]


class Evaluator:
    """Evaluates the candidates of one run.

    `speed`, `images` and `training_seconds` are of all trainings so far: how fast, how many images
    they saw, and how long their steps took, the workers' times added up; `overheads` what each took
    beside its steps. `profile` says how images are varied; a search learns that as it goes on.

    Args:
        run: The run under way.
        baseline: What it begins with.
        left: Seconds before the final training is to begin, or None without a budget.
        most_images: Images that a child's training sees, of those wanted.
    """

    def __init__(
        self,
        run: Run[Any],
        baseline: Baseline,
        *,
        left: Callable[[], float | None],
        most_images: MostImages = lambda child, wanted: wanted,
    ) -> None:
        self._most_images = most_images
        self.profile = baseline.profile
        self._run = run
        self._baseline = baseline
        self._left = left
        self.speed: TrainingSpeed | None = None
        self.images = 0
        self.training_seconds = 0.0
        self.overheads: list[float] = []
        self._begun = Counter[tuple[str, int]]()
        self._rankings = WeakKeyDictionary[LayerGraph, Ranking]()

    def evolved(self, elite: Trained, **known: Any) -> Evolved:
        """Where a search with these trainings ended; `known` as in `Evolved`, by the strategy."""
        return Evolved(elite, self.profile, self.speed, self.images, self.training_seconds, **known)

    def announce(self, children: Sequence[Proposed]) -> None:
        """Tells of new children."""
        for each in children:
            self._run.log.append(events.Proposed(each.name, each.parent, each.morphs, each.cost))

    def rank(
        self,
        asked: Sequence[tuple[Proposed, Sequence[Site]]],
        *,
        channels: ChannelCriterion | None = None,
    ) -> list[Ranked | FailedEvaluation]:
        """Ranks sites of candidates by the run's criteria, in their order."""
        return self._run.evaluations.rank(
            [
                RankTask(
                    name=each.name,
                    graph=each.graph,
                    sites=tuple(sites),
                    settings=self._run.settings.ranking,
                    seed=self._run.settings.seed,
                    channels=channels,
                )
                for each, sites in asked
            ]
        )

    def ranking(
        self,
        candidate: Proposed,
        *,
        objective: Objective,
        channels: ChannelCriterion | None = None,
    ) -> Ranking:
        """What a candidate can lose that saves any of the objective; of one graph found out once.

        Args:
            candidate: The parent of children to come.
            objective: What removals are to save.
            channels: How channels are to be ranked; None: they are not.

        Raises:
            RunError: If they could not be ranked.
        """
        if (known := self._rankings.get(candidate.graph)) is not None:
            return known
        sites = [
            site
            for site in unit_sites(candidate.graph)
            if objective.taken_off(site.saves, num_layers=len(site.nodes)) > 0
        ]
        if not sites and channels is None:
            return Ranking()
        (answer,) = self.rank([(candidate, sites)], channels=channels)
        if isinstance(answer, FailedEvaluation):
            raise RunError(
                f"the units of {candidate.name} could not be ranked: {answer.message}; try another "
                "`ranking.criterion`"
            )
        units = tuple(
            SiteScore(
                sites[place].name,
                answer.gains[place],
                answer.spreads[place],
                measure=answer.measure,
            )
            for place in least_first(sites, answer.gains)
        )
        ranking = Ranking(units, answer.channels)
        self._rankings[candidate.graph] = ranking
        return ranking

    def screen(
        self, children: Sequence[Proposed], parents: Mapping[str, LayerGraph]
    ) -> tuple[list[Screened], list[FailedEvaluation]]:
        """Repairs children of their parents and scores them untrained, in their order.

        The screening images are a sample of the validation images: a child's accuracy is shifted by
        as much as the original's is off on that sample.
        """
        offset = self._baseline.screening_offset
        tasks = [
            ScreenTask(
                each.name,
                each.graph,
                parents[each.parent],
                self._run.settings.seed,
                offset,
                each.kept,
                self._run.settings.repair,
            )
            for each in children
        ]
        by_name = {child.name: child for child in children}
        screened, failures = dict[str, Screened](), []
        for outcome in self._run.evaluations.run(tasks):
            child = by_name[outcome.name]
            if isinstance(outcome, FailedEvaluation):
                failures.append(outcome)
                continue
            screened[child.name] = child.screened(
                outcome.quality, graph=outcome.graph, seconds=outcome.seconds
            )
        return [screened[name] for name in by_name if name in screened], failures

    def train(
        self, chosen: Sequence[Screened], rung: Rung, later: Sequence[Rung] = ()
    ) -> tuple[list[Trained], list[FailedEvaluation]]:
        """Trains candidates for one rung, for better or worse; see `recipe.kept`.

        Args:
            chosen: The candidates.
            rung: How long each is trained.
            later: The rungs behind it, whose time must be left.
        """
        num_train = self._baseline.images.num_train
        tasks = [
            training_task(
                child,
                self.profile,
                self._run.settings,
                num_images=self._most_images(
                    child, max(1, round(rung.share * self._run.settings.child_epochs * num_train))
                ),
                num_train_images=num_train,
                seconds=self._seconds(rung, later),
                seconds_in_all=rung.seconds,
                damage=damage_of(child, self._baseline),
                repeats=self._repeats(child),
            )
            for child in chosen
        ]
        by_name = {child.name: child for child in chosen}
        trained, failures = dict[str, Trained](), []
        for outcome in self._run.evaluations.run(tasks):
            child = by_name[outcome.name]
            self.images += outcome.images_trained
            self.training_seconds += outcome.step_seconds
            if isinstance(outcome, FailedEvaluation):
                failures.append(outcome)
                continue
            self.speed = measured_speed(child, outcome, self.speed)
            self.overheads.append(outcome.overhead_seconds)
            trained[child.name] = after_training(child, outcome)
        return [trained[name] for name in by_name if name in trained], failures

    def _repeats(self, child: Screened) -> int:
        """How many trainings have begun with a candidate's weights; another is to go otherwise.

        What makes it worse leaves it as it was; what is trained unchanged has its parent's weights.
        """
        weights = (child.name if child.morphs else child.parent, child.own_images)
        self._begun[weights] += 1
        return self._begun[weights] - 1

    def _seconds(self, rung: Rung, later: Sequence[Rung]) -> float | None:
        """Of a training: its rung's, or less where a run goes on and loading took the time."""
        left, workers = self._left(), self._run.evaluations.at_once
        is_as_planned = not self._run.resumes or self._run.gets_another_budget
        if rung.seconds is None or left is None or is_as_planned:
            return rung.seconds
        planned = sum(
            (each.seconds or 0.0) * math.ceil(each.count / workers) for each in (rung, *later)
        )
        return rung.seconds * min(1.0, max(0.0, left) / max(planned, 1e-9))
