"""The climber under targets: the most accurate model that costs no more than was asked.

What is over a target is no result, however accurate. So most children are drawn until they are
under all targets, and their parents are models above: the original, and trained models on the way
to the targets (`stones`), each of which is a parent once. Children of a stone inherit what it has
learned; children of the original may take combinations that no stone leads to.

Children that were trained for different times are compared by the accuracy that learning curves
expect of each after the final training.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prune_mi.costs.objective import Objective
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph
from prune_mi.morphisms.catalog import CATALOG, morph
from prune_mi.morphisms.morphism import MorphContext, SiteScore
from prune_mi.morphisms.removals import WithoutUnits
from prune_mi.records import MorphRecord
from prune_mi.search.candidate import Proposed, Screened, Trained
from prune_mi.search.children import DRAWS_A_CHILD
from prune_mi.search.climber import HillClimber
from prune_mi.search.plans import Aim
from prune_mi.search.proposing import NO_CHANNELS, Channels
from prune_mi.search.selection import is_fit, with_hope
from prune_mi.search.termination import SearchState

_SMALLER = ("removes", "narrows")
_CHOICES = 6  # draws of which a child is the one that loses, or saves beyond the target, least
_ON_THE_WAY = 3  # every third child of the original stops half way
_LEAST_LOSS = 0.005  # of accuracy, about what a thousand images resolve


class TargetClimber(HillClimber):
    """See `HillClimber`; `elite` is the start until a child is under all targets.

    Args:
        reference: The original, with its validation accuracy; it is above a target.
        objective: With targets.
        mix: Probabilities of morphisms; of what makes nothing smaller none is drawn.
        **options: As of `HillClimber`.
    """

    def __init__(
        self, reference: Trained, *, objective: Objective, mix: Mapping[str, float], **options: Any
    ) -> None:
        # What comes costs, and would have to go again.
        smaller = {name: each for name, each in mix.items() if CATALOG[name].effect in _SMALLER}
        super().__init__(reference, objective=objective, mix=smaller or mix, **options)
        self._parent = reference
        self._stones: dict[str, Trained] = {}
        self._used: set[str] = set()
        self._exhausted: set[str] = set()

    @property
    def parent(self) -> Trained:
        """The original, or in every second generation a stone that was none yet."""
        return self._parent

    @property
    def waiting(self) -> list[Trained]:
        """Models that are yet to be parents."""
        stones = [each for name, each in self._stones.items() if name not in self._used]
        return [self._parent, *stones]

    def ask(
        self,
        num_children: int,
        ranking: Sequence[SiteScore],
        *,
        channels: Channels = NO_CHANNELS,
        seen: Sequence[Screened] = (),
    ) -> tuple[Proposed, ...]:
        """New children of the parent, most of them drawn until they are under the targets.

        Args:
            num_children: How many; fewer where none are left to find.
            ranking: The parent's units, least information first.
            channels: As of `HillClimber`.
            seen: As of `HillClimber`.
        """
        if self._proposer.makes_plans(channels):
            children = super().ask(num_children, ranking, channels=channels, seen=seen)
            if not children and not seen:
                self._exhausted.add(self._parent.name)
            return children
        if not seen:
            self._children.begin_generation()
        mix, context = self._drawn_with(ranking, seen)
        may_stop = self.leads_on and not seen and self._parent is self._start
        drawn: list[Proposed] = []
        for place in range(num_children):
            half_way = may_stop and place % _ON_THE_WAY == 1
            found = self._drawn(context, mix, half_way=half_way, nearest=place % 2 == 1)
            if found is not None and self._children.take(found[0]):
                drawn.append(self._children.child(self._parent, *found))
        if not drawn and not seen:
            self._exhausted.add(self._parent.name)
        return tuple(drawn)

    def _aim(self, place: float, attempt: int, best: Screened | None, *, is_informed: bool) -> Aim:
        """The targets; of a third of the original's children, once informed, half of the way.

        But for the last generation.
        """
        is_last = place > 1 - 1 / _ON_THE_WAY
        half_way = self.leads_on and is_informed and self._parent is self._start and is_last
        aim = {}
        for each in self._objective.targets:
            own = self._parent.cost.amounts[each.kind.name]
            aim[each.kind.name] = (
                (own + each.most) / 2 if half_way and own > each.most else each.most
            )
        return aim

    def best_screened(self, screened: Sequence[Screened]) -> Screened | None:
        """Of those under the targets the most accurate."""
        under, _ = self._divided(screened)
        return max(under, key=lambda each: float(each.quality), default=None)

    def _drawn(
        self,
        context: MorphContext,
        mix: Mapping[str, float],
        *,
        half_way: bool,
        nearest: bool,
    ) -> tuple[LayerGraph, tuple[MorphRecord, ...]] | None:
        """One of some new draws; None where none is new.

        Args:
            context: What the draws may know.
            mix: Probabilities of morphisms.
            half_way: Whether half of what is over the targets is enough.
            nearest: Whether to take the one that saves least beyond that, and not the one that is
                expected to lose least.
        """
        objective = self._objective
        # Half of what is over on the way, else all of it.
        most = objective.excess(self._parent.cost) / 2 if half_way else 0.0

        def over(graph: LayerGraph) -> float:
            return max(0.0, objective.excess(graph_cost(graph)) - most)

        without = WithoutUnits(self._parent.graph)
        found: list[tuple[LayerGraph, tuple[MorphRecord, ...]]] = []
        for _ in range(DRAWS_A_CHILD):
            graph, records = morph(
                self._parent.graph,
                num_morphs=len(self._parent.graph.layers),
                mix=mix,
                context=context,
                rng=self._rng,
                enough=lambda graph: over(graph) == 0,
            )
            if over(graph) == 0 and all(each.is_removal for each in records):
                graph, records = self._trimmed(graph, records, context, over, without)
            if records and self._children.is_new(graph):
                found.append((graph, records))
            if len(found) == _CHOICES:
                break
        if not found:
            return None

        def rank(each: tuple[LayerGraph, tuple[MorphRecord, ...]]) -> tuple[float, float, float]:
            graph, records = each
            risk, amount = self._risk(records, context), -objective.amount(graph_cost(graph))
            return (over(graph), *((amount, risk) if nearest else (risk, amount)))

        return min(found, key=rank)

    def _trimmed(
        self,
        graph: LayerGraph,
        records: tuple[MorphRecord, ...],
        context: MorphContext,
        over: Callable[[LayerGraph], float],
        without: WithoutUnits,
    ) -> tuple[LayerGraph, tuple[MorphRecord, ...]]:
        """A child without removals that turned out to be needless, the riskiest first."""
        for each in sorted(records, key=lambda each: -self._risk([each], context)):
            rest = tuple(other for other in records if other is not each)
            fewer = without(tuple(other.target for other in rest))
            if rest and fewer is not None and over(fewer) == 0:
                graph, records = fewer, rest
        return graph, records

    def _risk(self, records: Sequence[MorphRecord], context: MorphContext) -> float:
        """What a child's removals are expected to lose together, in the ranking's measure."""
        scores = {
            each.site: max(each.score, each.score_spread)
            if each.expected_loss is None
            else each.expected_loss
            for each in context.ranking
        }
        usual = sum(scores.values()) / len(scores) if scores else 0.0
        return sum(scores.get(each.target, usual) for each in records)

    def hopeful(
        self, screened: Sequence[Screened], *, chance: float
    ) -> tuple[list[Screened], list[Screened]]:
        """As of `HillClimber`, among those under the targets and among the others.

        What stops half way has lost less, and must not make the rest look hopeless.
        """
        left, out = [], []
        for group in self._divided(screened):
            good, bad = with_hope(group, chance=chance)
            left += good
            out += bad
        return left, out

    def choose(self, screened: Sequence[Screened], count: int) -> tuple[Screened, ...]:
        """The children to train: under the targets the most accurate, and every third a stone.

        What is above a target is of no use where no generation follows.
        """
        pool = [*screened, *([self.promising] if self.promising else [])]
        under, above = self._divided(pool)
        under.sort(key=lambda each: -each.quality)
        above.sort(key=lambda each: -self._worth(each))
        chosen: list[Screened] = []
        while under or above:
            stone = self.leads_on and len(chosen) % _ON_THE_WAY == 2
            first, second = (above, under) if stone else (under, above)
            chosen.append((first or second).pop(0))
        return tuple(chosen[:count])

    def advance(self, trained: Sequence[Trained], count: int) -> tuple[Trained, ...]:
        """The trained children to train further: under the targets the most hopeful first."""
        under, above = self._divided(trained)
        under.sort(key=self._forecast.loss)
        above.sort(key=lambda each: -self._worth(each))
        return tuple([*under, *above][:count])

    def tell(self, trained: Sequence[Trained]) -> Trained | None:
        """Ends a generation with its trained children; see `HillClimber`."""
        accepted = super().tell(trained)
        _, above = self._divided(trained)
        for each in above:
            if self._objective.improves(each.cost, self._start.cost):
                self._stones[each.name] = each
        self._parent = self._next_parent()
        return accepted

    def state(self, *, proposals: int, has_time: bool) -> SearchState:
        """As of `HillClimber`; another parent may have children where the last had none."""
        others = self._parent.name not in self._exhausted
        return super().state(proposals=max(proposals, int(others)), has_time=has_time)

    def accepts(self, candidate: Trained) -> bool:
        """Whether a trained candidate is under the targets, good enough, and before the elite."""
        if not is_fit(candidate, floor=self.floor, objective=self._objective):
            return False
        if not self._objective.is_feasible(self.elite.cost):
            return True
        if candidate.name == self.elite.name:
            return candidate.quality > self.elite.quality
        return self._forecast.loss(candidate) < self._forecast.loss(self.elite)

    def _followers(self, others: Sequence[Trained]) -> list[Trained]:
        return [] if self.promising is None else [self.promising]

    def _best_of(self, fit: Sequence[Trained]) -> Trained:
        return min(fit, key=lambda each: (self._forecast.loss(each), self._key(each)))

    def _most_promising(self, trained: Sequence[Trained]) -> Trained | None:
        """What is not accepted, and is nearest to the targets; of those under them, the best."""
        latest = {each.name: each for each in ([self.promising] if self.promising else [])}
        latest |= {each.name: each for each in trained}
        pool = [each for each in self._sound(latest) if each.lineage]
        if self._objective.is_feasible(self.elite.cost):
            elite = self._forecast.loss(self.elite)
            pool = [
                each
                for each in pool
                if each.name != self.elite.name
                and self._objective.is_feasible(each.cost)
                and self._forecast.loss(each) < elite
            ]
        return min(pool, key=self._nearness, default=None)

    def _nearness(self, candidate: Trained) -> tuple[float, ...]:
        return (self._objective.excess(candidate.cost), self._forecast.loss(candidate))

    def _key(self, candidate: Trained) -> tuple[float, ...]:
        return self._objective.key(candidate.cost, candidate.quality)

    def _divided(self, candidates: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Those under all targets, and those above one."""
        under = [each for each in candidates if self._objective.is_feasible(each.cost)]
        return under, [each for each in candidates if each not in under]

    def _worth(self, candidate: Screened) -> float:
        """How much nearer to the targets a candidate is, over what that has cost."""
        start = self._objective.excess(self._start.cost)
        nearer = (start - self._objective.excess(candidate.cost)) / start
        return nearer / (max(0.0, self._start.quality - candidate.quality) + _LEAST_LOSS)

    def _next_parent(self) -> Trained:
        """A stone in every second generation, the most worthwhile first; else the original."""
        left = [each for name, each in self._stones.items() if name not in self._used]
        turn = self._parent is self._start or self._start.name in self._exhausted
        if left and turn:
            stone = max(left, key=self._worth)
            self._used.add(stone.name)
            return stone
        return self._start
