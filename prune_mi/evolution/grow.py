"""Growing a network: children of the best one, all trained and it with them, the best is the next.

DEIM 2019 A3-4, after Elsken, Metzen, Hutter (2017): children by random morphisms, the most accurate
becomes the next best. Of method `mi` each trained child is then tried without the layer that adds
least; see `evolution.deletion_trials`. Method `default` trains twice as many children for the same
number of images by successive halving, and of models that are equally good within the error of the
validation accuracy takes the smallest.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import astuple, replace

import numpy as np

from prune_mi.config import SearchSettings
from prune_mi.costs.objective import named_objective
from prune_mi.data import AugmentationPolicy
from prune_mi.evolution.deletion_trials import DeletionTrials
from prune_mi.evolution.evaluator import Evaluator
from prune_mi.evolution.inheritance import Inheritance
from prune_mi.evolution.policies import make_policy, make_schedule, stopping_rules
from prune_mi.evolution.race_plan import RacePlan
from prune_mi.evolution.strategy import Evolved, LineUp, Raced
from prune_mi.execution.tasks import FailedEvaluation
from prune_mi.graph.analysis.layer_counts import num_paper_layers
from prune_mi.graph.cost import graph_cost, training_step_cost
from prune_mi.morphisms.catalog import Allows
from prune_mi.morphisms.morphism import MorphContext, SiteScore
from prune_mi.morphisms.widen import SMALL_PARAMS
from prune_mi.preparation.baseline import Baseline
from prune_mi.preparation.recognised_augmentation import recognised_augmentation
from prune_mi.records import GenerationRecord, Reason, events
from prune_mi.runs.run import Run
from prune_mi.search.candidate import Proposed, Screened, Trained
from prune_mi.search.children import Draw
from prune_mi.search.climber import HillClimber
from prune_mi.search.racing import Rung
from prune_mi.search.selection import RunnersUp
from prune_mi.search.weight_bank import WeightBank

_MOST_GROWTH = 2.0  # of weights and of a step's work, in a generation of the default method
_COST = named_objective("params")  # what removals by rank are to save
_VARIED = {
    "none": "used as they are.",
    "flip": "also mirrored at random.",
    "shift": "also shifted at random.",
    "flip+shift": "also mirrored and shifted at random.",
}


class Growing:
    """See `Strategy`.

    Args:
        run: The run under way.
        baseline: The start, measured.
        evaluator: Ranks, repairs and trains.
        plan: How generations are trained, in what time.
        usual_work: What a training step of a child of the default method may always cost, see
            `training_step_cost`.
    """

    def __init__(
        self,
        run: Run[SearchSettings],
        baseline: Baseline,
        evaluator: Evaluator,
        *,
        plan: RacePlan,
        usual_work: float,
    ) -> None:
        settings, start = run.settings, baseline.start
        self._run = run
        self._evaluator = evaluator
        self._plan = plan
        self._usual_work = usual_work
        self._num_screening = baseline.images.num_screening
        self._policy = make_policy(settings)
        self._bank = WeightBank() if settings.share_weights else None
        self._inheritance = Inheritance(evaluator, self._bank, anew=settings.weights == "scratch")
        self._trials = DeletionTrials(run, evaluator) if settings.tries_deletions else None
        self._runners_up = RunnersUp(settings.ensemble + 1)  # the best one may be among them
        self._runners_up.add(start)
        self._least_layers = num_paper_layers(start.graph) if settings.keeps_seed_layers else 0
        equals = len(baseline.roles.validation) if settings.is_own_method else None
        self.climber = HillClimber(
            start,
            allowed_drop=0.0,
            objective=named_objective("accuracy"),
            mix={},
            max_morphs=settings.morphs,
            rng=np.random.default_rng((settings.seed, 2)),
            horizon=lambda candidate: candidate.own_images,
            num_validation=equals,
        )
        self._told_of_few = False
        self._began = 0.0
        self._seconds: float | None = None
        self._rungs: tuple[Rung, ...] = ()
        self._order: dict[str, int] = {}

    def limited(self) -> events.Limited | None:
        """See `Strategy`: nothing may be lost."""
        return None

    def reason_to_stop(self, last: GenerationRecord | None) -> str | None:
        """See `Strategy`."""
        climber = self.climber
        new = 1 if last is None else sum(bool(each.morphs) for each in last.children)
        return stopping_rules(self._run.settings).reason(
            climber.state(proposals=new, has_time=self._has_time())
        )

    def begin(self, parent: Trained) -> None:
        """See `Strategy`."""
        generation, settings = self.climber.generation, self._run.settings
        self._began = time.monotonic()
        left = settings.generations - generation
        self._seconds = self._run.log.once(
            events.GenerationBegan,
            lambda: events.GenerationBegan(
                generation + 1,
                settings.generations,
                parent.name,
                self._plan.generation_seconds(parent, generations_left=left),
            ),
        ).seconds
        self._rungs, self._order = self._planned(parent, "rungs", self._seconds), {}
        self._tell_of_few(self._rungs[0].count - 1)

    def propose(self, parent: Trained, seen: Sequence[Screened]) -> Sequence[Proposed]:
        """See `Strategy`: the parent itself is trained on beside its children."""
        if self._order:
            return ()
        children = self.climber.ask_alike(
            self._rungs[0].count - 1,
            make_schedule(self._run.settings).morphs(self.climber.generation + 1),
            self._draw(parent),
            allows=self._limits(parent),
        )
        base = Proposed(
            name=f"g{self.climber.generation}base",
            graph=parent.graph,
            cost=parent.cost,
            parent=parent.name,
            morphs=(),
            lineage=parent.lineage,
            images_trained=parent.images_trained,
        )
        # Trainings end in any order; who goes on, and what is learned, must not depend on it.
        self._order = {each.name: place for place, each in enumerate((base, *children))}
        return (base, *children)

    def repair(
        self, children: Sequence[Proposed], parent: Trained
    ) -> tuple[list[Screened], list[FailedEvaluation]]:
        """See `Strategy`."""
        return self._inheritance.prepared(children, parent)

    def line_up(self, ready: Sequence[Screened], parent: Trained) -> LineUp:
        """See `Strategy`; preparing may have taken the time of some."""
        if self._seconds is not None:
            left = self._seconds - (time.monotonic() - self._began)
            self._rungs = self._planned(parent, "rungs once more", left)
            ready = ready[: self._rungs[0].count]
        return LineUp(sorted(ready, key=self._by_accuracy), self._rungs)

    def advance(self, trained: Sequence[Trained], rung: Rung) -> Sequence[Trained]:
        """See `Strategy`."""
        return sorted(trained, key=self._by_accuracy)[: rung.count]

    def judge(self, trained: Sequence[Trained]) -> list[Trained]:
        """See `Strategy`: nothing may be lost, so nothing is left unused."""
        return list(trained)

    def finish(self, trained: Sequence[Trained], last: Sequence[str]) -> Raced:
        """See `Strategy`: those that came through, each or its slimmer version."""
        ordered = sorted(trained, key=lambda each: self._order[each.name])
        through = [each for each in ordered if each.name in last]
        behind = [each for each in ordered if each.name not in last]
        behind.sort(key=lambda each: (each.own_images, *self._by_accuracy(each)))
        if self._trials is None:
            return Raced(through, behind)
        better, others, failures = self._trials.offered(
            through,
            allows=self._limits(self.climber.elite),
            seconds=self._rungs[0].seconds,
        )
        return Raced(better, [*behind, *others], failures)

    def verdict(self, child: Trained) -> events.Accepted | events.Refused:
        """See `Strategy`."""
        elite = self.climber.elite
        if child.name == elite.name:
            return events.Accepted(child.name, child.quality)
        reason: Reason = "less accurate"
        if child.quality > elite.quality:
            reason = "equal, but larger"
        numbers = {"accuracy": child.quality, "best": elite.quality}
        return events.Refused(child.name, reason, numbers, elite.name)

    def learn(self, parent: Trained, accepted: Trained | None, trained: Sequence[Trained]) -> None:
        """See `Strategy`.

        A child that fell behind in the race was trained less: that counts against it, as it should.
        """
        if accepted is not None:
            self._vary(accepted)
        for each in trained:
            if each.morphs and each.parent == parent.name:
                self._policy.tell(each.morphs, each.quality - parent.quality)
            if self._bank is not None and each.own_images:
                self._bank.remember(each)
            self._runners_up.add(each)

    def wanted(self) -> Sequence[str]:
        """See `Strategy`."""
        kept = [self.climber.elite, *self._runners_up.best()]
        return [*(each.name for each in kept), *(self._bank.donors() if self._bank else ())]

    def evolved(self) -> Evolved:
        """See `Strategy`."""
        return self._evaluator.evolved(
            self.climber.elite,
            runners_up=self._runners_up.best(),
            trials=self._trials.tried if self._trials else 0,
            adoptions=self._trials.adopted if self._trials else 0,
        )

    def _by_accuracy(self, child: Screened) -> tuple[float, int]:
        return -child.quality, self._order[child.name]

    def _has_time(self) -> bool:
        has_time: bool = self._run.log.decided(
            f"time for generation {self.climber.generation + 1}",
            lambda: self._plan.has_time(self.climber.elite),
        )
        return has_time

    def _planned(self, parent: Trained, what: str, seconds: float | None) -> tuple[Rung, ...]:
        found = self._run.log.decided(
            what, lambda: [astuple(each) for each in self._plan.rungs(parent, seconds)]
        )
        return tuple(Rung(*each) for each in found)

    def _tell_of_few(self, num_children: int) -> None:
        """Says once that the budget allows for fewer children than were asked for."""
        if num_children < self._run.settings.children and not self._told_of_few:
            self._told_of_few = True
            self._run.notes.note(
                f"The time budget is enough for {num_children} new "
                f"{'network' if num_children == 1 else 'networks'} in each round, instead of "
                f"{self._run.settings.children} (--children)."
            )

    def _draw(self, parent: Trained) -> Draw:
        """How each child of a parent is drawn; its units are ranked where that may be asked for."""
        ranking: tuple[SiteScore, ...] | None = None

        def draw() -> tuple[dict[str, float], MorphContext]:
            nonlocal ranking
            choice = self._policy.choose()
            if ranking is None:
                wanted = choice.mix.get("remove-by-rank", 0.0) > 0
                ranking = self._evaluator.ranking(parent, objective=_COST).units if wanted else ()
            context = MorphContext(
                ranking=ranking, objective=_COST, place_weight=choice.place_weight
            )
            return dict(choice.mix), context

        return draw

    def _vary(self, elite: Trained) -> None:
        """Trains from now on with the flips and shifts that do not mislead the best network."""
        if self._run.settings.training.augmentation != "auto":
            return
        profile, pool = self._evaluator.profile, self._run.pool

        def recognised() -> events.Varied:
            found = pool.call(
                recognised_augmentation, elite.graph, pool.store, self._num_screening, profile
            )
            return events.Varied(found.flip, found.max_shift, found.fill)

        varied = self._run.log.once(events.Varied, recognised)
        found = AugmentationPolicy(varied.flip, varied.max_shift, varied.fill)
        if found != profile.augmentation:
            last = self.climber.generation == self._run.settings.generations
            since = f"From round {self.climber.generation + 1} on"
            told = f"{'In the final training' if last else since}, the training images are "
            told += _VARIED[found.name]
            if found.name != "none":
                told += f" The best network so far, {elite.name}, recognises such images as well."
            self._run.notes.note(told)
            self._evaluator.profile = replace(profile, augmentation=found)

    def _limits(self, parent: Trained) -> Allows:
        """How its children may be: no smaller than the seed, as the paper has it, nor too big."""
        most = self._run.settings.max_params or math.inf
        if not self._run.settings.is_own_method:
            return lambda graph: (
                graph_cost(graph).num_params <= most
                and num_paper_layers(graph) >= self._least_layers
            )
        weights = min(most, max(_MOST_GROWTH * parent.cost.num_params, SMALL_PARAMS))
        work = max(_MOST_GROWTH * training_step_cost(parent.graph), self._usual_work)
        return lambda graph: (
            graph_cost(graph).num_params <= weights and training_step_cost(graph) <= work
        )
