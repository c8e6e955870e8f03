"""The hill climber: ask for children, tell their accuracies, keep the elite.

Pure: it draws morphisms and compares numbers; repair, screening and training happen elsewhere.
The trained child that is expected to do most for the objective once it is trained to the end,
though it does not yet reach the allowed drop, is kept as `promising`: it competes again with its
weights, so no training is lost. After a generation that accepts nothing, children take half as many
morphs.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from prune_mi.costs.objective import Objective
from prune_mi.morphisms.catalog import Allows
from prune_mi.morphisms.morphism import MorphContext, SiteScore
from prune_mi.morphisms.removals import UNIT_REMOVAL
from prune_mi.search.candidate import Proposed, Screened, Trained
from prune_mi.search.children import Children, Draw, even_sizes, spread_sizes
from prune_mi.search.evidence import Gains, expected_losses
from prune_mi.search.forecast import Forecast
from prune_mi.search.plans import Aim
from prune_mi.search.proposing import NO_CHANNELS, Channels, PlanProposer
from prune_mi.search.selection import (
    acceptable,
    best_of,
    by_expected_saving,
    choose_for_training,
    hedged,
    improves,
    merit,
    with_hope,
)
from prune_mi.search.termination import SearchState

_BLIND_GREED = 0.5
_INFORMED_GREED = 0.9
_LARGEST_PLAN = 0.75  # of the cost
_SIZE_SPREAD = 0.25
_LESS = 0.8


class HillClimber:
    """Elitist hill climbing over graphs.

    `elite` is the best accepted model, `leads_on` whether another generation may follow. For
    `flat_generations` no child has been accepted, for `structure_age` generations the elite's
    structure has stayed the same.

    Args:
        reference: The original, with its validation accuracy.
        allowed_drop: Accuracy that may be lost, a fraction.
        objective: What children are compared by, and removals are to save.
        mix: Probabilities of morphisms.
        max_morphs: Morphisms a child at most.
        rng: Source of all draws.
        horizon: Images that a candidate can have been trained on when the run ends.
        margin: What acceptance is expected to leave unused of the allowed drop.
        num_validation: Where nothing is made small, images that accuracies are measured on: of
            the accepted children that are within half a standard error of the best one, and half
            a point, the one with the fewest weights is taken. None takes the best one.
        multiples: Numbers of channels that stay are multiples of this.
        train_quality: Accuracy of the reference on its own training images; see
            `learning_curve`.
    """

    def __init__(
        self,
        reference: Trained,
        *,
        allowed_drop: float,
        objective: Objective,
        mix: Mapping[str, float],
        max_morphs: int,
        rng: np.random.Generator,
        horizon: Callable[[Trained], int],
        margin: float = 0.0,
        num_validation: int | None = None,
        multiples: int = 1,
        train_quality: float = 1.0,
    ) -> None:
        self._start = reference
        self._children = Children(reference, rng)
        self._proposer = PlanProposer(objective, mix, multiples, rng)
        self._objective = objective
        self._mix = mix
        self._max_morphs = max_morphs
        self._rng = rng
        self._forecast = Forecast(reference, horizon, train_quality=train_quality)
        self._num_validation = num_validation
        self._allowed = allowed_drop
        self._margin = margin
        self.floor = reference.quality - allowed_drop
        self.elite = reference
        self.promising: Trained | None = None
        self._failed: set[str] = set()
        self.flat_generations = 0
        self.structure_age = 0
        self.leads_on = True

    @property
    def generation(self) -> int:
        """The generation under way, or the last one, from 1 on."""
        return self._children.generation

    @property
    def parent(self) -> Trained:
        """What the next generation's children are made from."""
        return self.elite

    @property
    def narrows(self) -> bool:
        """Whether it needs to know what channels add."""
        return self._proposer.narrows

    @property
    def waiting(self) -> Sequence[Trained]:
        """Models beside the elite and the promising one that are yet to be parents."""
        return ()

    def ask(
        self,
        num_children: int,
        ranking: Sequence[SiteScore],
        *,
        channels: Channels = NO_CHANNELS,
        seen: Sequence[Screened] = (),
    ) -> tuple[Proposed, ...]:
        """New children of the elite, no architecture twice; fewer where none are left to find.

        Args:
            num_children: How many.
            ranking: The elite's units, least information first.
            channels: What each output channel of the elite's layers adds. With them, where the mix
                narrows and something is made small, children are plans (`search.plans`).
            seen: Children of this generation, screened. With them, units go by what their loss has
                cost these, more of them at once and, where the mix removes by rank, nothing else;
                without, a new generation begins.
        """
        if not seen:
            self._children.begin_generation()
        if self._proposer.makes_plans(channels):
            return self._ask_plans(num_children, ranking, channels, seen)
        most = max(1, math.ceil(self._max_morphs / 2**self.flat_generations))
        sizes = (even_sizes if seen else spread_sizes)(num_children, most)
        drawn_with = self._drawn_with(ranking, seen)
        return self._children.draw(self.parent, sizes, lambda: drawn_with)

    def ask_alike(
        self, num_children: int, num_morphs: int, draw: Draw, *, allows: Allows = lambda graph: True
    ) -> tuple[Proposed, ...]:
        """New children of the elite in a new generation, each of as many morphs.

        Args:
            num_children: How many; fewer where none are left to find.
            num_morphs: Morphisms a child.
            draw: The mix and the context that the next child is drawn with.
            allows: Which graphs a child may have on its way.
        """
        self._children.begin_generation()
        return self._children.draw(self.parent, [num_morphs] * num_children, draw, allows)

    def _ask_plans(
        self,
        num_children: int,
        ranking: Sequence[SiteScore],
        channels: Channels,
        seen: Sequence[Screened],
    ) -> tuple[Proposed, ...]:
        """Plans of many sizes; then of the sizes, and with the factors, that screening favours."""
        parent = self.parent
        shown = self._proposer.shown(parent, seen)
        best = self.best_screened(shown)
        children: list[Proposed] = []
        for plan in self._proposer.plans(
            parent,
            num_children,
            units=ranking,
            channels=channels,
            shown=shown,
            best=best,
            aim=lambda place, attempt: self._aim(
                (place + 0.5) / num_children, attempt, best, is_informed=bool(shown)
            ),
            is_new=self._children.take,
        ):
            child = self._children.child(parent, plan.graph, plan.records, kept=plan.kept)
            self._proposer.remember(child.name, plan)
            children.append(child)
        return tuple(children)

    def best_screened(self, screened: Sequence[Screened]) -> Screened | None:
        """The screened child whose size, and whose factors, the next plans go by."""
        pool = [each for each in screened if improves(each, self.parent, self._objective)]
        return max(pool, key=self._merits(), default=None)

    def _merits(self) -> Callable[[Screened], float]:
        """What screened children are worth, by what is known now."""
        return partial(
            merit,
            elite=self.elite,
            floor=self.floor,
            allowed=self._allowed,
            objective=self._objective,
            stays=self._forecast.share_that_stays(),
        )

    def _aim(self, place: float, attempt: int, best: Screened | None, *, is_informed: bool) -> Aim:
        """What a plan may cost: less by a share from small to large, or near that of the best.

        Args:
            place: Of the plan among those of its wave, in (0, 1).
            attempt: From 0 on; where nothing was found, the next asks for less.
            best: The best child so far.
            is_informed: Whether screened children have shown what changes cost.
        """
        cost = self._objective.told_by.name
        amount = self.parent.cost.amounts[cost]
        if best is None:
            most = _LARGEST_PLAN / 2**self.flat_generations
            share = most * place
        else:
            share = 1 - best.cost.amounts[cost] / amount
            share *= float(np.exp(_SIZE_SPREAD * self._rng.standard_normal()))
        share = min(share, _LARGEST_PLAN) * _LESS**attempt
        return {cost: (1 - share) * amount}

    def _drawn_with(
        self, ranking: Sequence[SiteScore], seen: Sequence[Screened]
    ) -> tuple[Mapping[str, float], MorphContext]:
        """The mix and the context of draws: by what units have cost the children seen, if any."""
        if not seen:
            return self._mix, self._context(ranking, greed=_BLIND_GREED)
        before = self.parent.quality
        shown = [
            ({each.target: 1.0 for each in child.morphs if each.is_removal}, before - child.quality)
            for child in seen
        ]
        losses, _ = expected_losses(Gains({each.site: each.score for each in ranking}, {}), shown)
        informed = [replace(each, expected_loss=losses[each.site]) for each in ranking]
        mix = {UNIT_REMOVAL: 1.0} if self._mix.get(UNIT_REMOVAL) else self._mix
        return mix, self._context(informed, greed=_INFORMED_GREED)

    def _context(self, ranking: Sequence[SiteScore], *, greed: float) -> MorphContext:
        return MorphContext(ranking=ranking, objective=self._objective, greed=greed)

    def hopeful(
        self, screened: Sequence[Screened], *, chance: float
    ) -> tuple[list[Screened], list[Screened]]:
        """Those that training may still make good, and the others; see `selection.with_hope`."""
        return with_hope(screened, chance=chance)

    def choose(self, screened: Sequence[Screened], count: int) -> tuple[Screened, ...]:
        """The children to train: the best few of the screened and the promising one."""
        pool = [*screened, *([self.promising] if self.promising else [])]
        return choose_for_training(
            pool,
            count,
            worth=self._merits(),
            elite=self.elite,
            floor=self.floor,
            objective=self._objective,
            margin=self._margin,
        )

    def observe(self, trained: Sequence[Trained]) -> None:
        """Takes note of how far trainings came; predictions learn from it."""
        self._forecast.observe(trained)
        self._failed.difference_update(each.name for each in trained)

    def state(self, *, proposals: int, has_time: bool) -> SearchState:
        """What stopping rules look at, after a generation that proposed so many children."""
        return SearchState(
            self.generation,
            self.flat_generations,
            proposals,
            has_time,
            self.elite.quality,
            self.structure_age,
        )

    def drop(self, name: str) -> None:
        """Forgets a candidate whose evaluation failed; it is not to be trained to the end."""
        self._failed.add(name)
        if self.promising is not None and self.promising.name == name:
            self.promising = None

    def advance(self, trained: Sequence[Trained], count: int) -> tuple[Trained, ...]:
        """The trained children to train further; see `selection.hedged`.

        None where the most hopeful one is accepted already.
        """
        pool = [each for each in trained if improves(each, self.elite, self._objective)]
        ordered = self._by_expected_saving(pool)
        if ordered and self.accepts(ordered[0]):
            return ()
        if not self._objective.makes_smaller:
            return tuple(ordered[:count])
        return hedged(ordered, count, self.chance, elite=self.elite, objective=self._objective)

    def tell(self, trained: Sequence[Trained]) -> Trained | None:
        """Ends a generation with its trained children.

        Returns:
            The new elite, or None where the old one stays.
        """
        fit = [each for each in trained if self.accepts(each)]
        before = self.elite.graph.structural_hash()
        if fit:
            self.elite = self._best_of(fit)
            self.flat_generations = 0
        else:
            self.flat_generations += 1
        same = self.elite.graph.structural_hash() == before
        self.structure_age = self.structure_age + 1 if same else 0
        self.promising = self._most_promising(trained)
        return self.elite if fit else None

    def allow(
        self,
        allowed_drop: float,
        *,
        margin: float,
        trained: Sequence[Trained],
        objective: Objective | None = None,
    ) -> None:
        """Goes on with another allowed drop: the best of what is accepted by that is the elite.

        Args:
            allowed_drop: Accuracy that may be lost, a fraction.
            margin: What acceptance is expected to leave unused of it.
            trained: What it may be, with the margins that hold from here on.
            objective: What holds from here on; None: as before.
        """
        self._objective = self._proposer.objective = objective or self._objective
        self._allowed, self._margin = allowed_drop, margin
        self.floor = self._start.quality - allowed_drop
        self.elite, self.flat_generations = self._start, 0
        fit = [each for each in trained if self.accepts(each)]
        if fit:
            self.elite = self._best_of(fit)
        self.promising = self._most_promising(trained)

    def accepts(self, candidate: Trained) -> bool:
        """Whether a trained candidate may replace the elite."""
        return acceptable(candidate, elite=self.elite, floor=self.floor, objective=self._objective)

    def chance(self, candidate: Trained) -> float:
        """The chance that a trained candidate ends within the allowed drop."""
        if self.accepts(candidate):
            return 1.0
        return self._forecast.chance(candidate, self._allowed - self._margin)

    def finalist(self, others: Sequence[Trained], *, least: float) -> Trained | None:
        """What should get the final training in place of the elite; None: nothing.

        Where nothing is made small, the most accurate is the elite already.

        Args:
            others: Trained models to choose from, beside the promising one.
            least: The chance that it must have, unless nothing is accepted yet.
        """
        if not self._objective.makes_smaller:
            return None
        if self.elite.name == self._start.name:
            return self.promising
        fair = [each for each in self._followers(others) if self.chance(each) > least]
        return next(iter(self._by_expected_saving(fair)), None)

    def _followers(self, others: Sequence[Trained]) -> list[Trained]:
        """Models that may take the elite's place, the promising one among them."""
        pool = {each.name: each for each in (*others, self.promising) if each is not None}
        return [each for each in self._sound(pool) if improves(each, self.elite, self._objective)]

    def _sound(self, pool: Mapping[str, Trained]) -> list[Trained]:
        """Those whose last training did not fail."""
        return [each for name, each in pool.items() if name not in self._failed]

    def _best_of(self, fit: Sequence[Trained]) -> Trained:
        """The best of those that may be accepted."""
        return best_of(fit, self._objective, num_validation=self._num_validation)

    def _most_promising(self, trained: Sequence[Trained]) -> Trained | None:
        if not self._objective.makes_smaller:
            return None
        latest = {each.name: each for each in ([self.promising] if self.promising else [])}
        latest |= {each.name: each for each in trained}
        sound = self._sound(latest)
        pool = [each for each in sound if improves(each, self.elite, self._objective)]
        return next(iter(self._by_expected_saving(pool)), None)

    def _by_expected_saving(self, candidates: Sequence[Trained]) -> list[Trained]:
        return by_expected_saving(
            candidates, self.chance, elite=self.elite, objective=self._objective
        )
