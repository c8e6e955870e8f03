"""Plans for the children of one parent: at first of many kinds, then near those that did best.

The first plan of a wave goes by what is expected, without any draw, unless it is near the best.
Children that have been screened say what units and channels really cost (`search.evidence`). Of
three plans behind them one goes by that alone. One is near the best screened child, a local search
around it: as many units go, and each group's factor lies half way to the one that it was planned
with. From one only channels go: losses of units do not add up as well as those of channels do, and
what is taken to be cheap together need not be so.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from prune_mi.costs.objective import Objective
from prune_mi.graph.ir import LayerGraph
from prune_mi.morphisms.catalog import morph
from prune_mi.morphisms.morphism import MorphContext, SiteScore
from prune_mi.morphisms.narrow import NARROW
from prune_mi.morphisms.removals import UNIT_REMOVAL, WithoutUnits
from prune_mi.records import MorphRecord
from prune_mi.search.candidate import Screened, Trained
from prune_mi.search.evidence import Gains, expected_losses
from prune_mi.search.group_losses import group_gains, shares_of
from prune_mi.search.plans import Aim, Plan, Planner

Channels = Mapping[str, Sequence[float]]
"""What each output channel of layers adds, by the layers' names."""
NO_CHANNELS: Channels = {}

_DRAWS = 8
_BLIND_SPREAD, _INFORMED_SPREAD = 0.4, 0.2  # of the logarithms of factors
_WAYS = ("as loses least", "near the best", "channels alone")
_BLIND_UNITS = (0, 1, 0, 2, 1, 4, 0, 3)


class PlanProposer:
    """Proposes plans, and remembers how they came about and what screening said of them.

    Args:
        objective: What removals are to save.
        mix: Probabilities of changes; plans are made where it narrows and something is made small.
        multiples: Numbers of channels that stay are multiples of this.
        rng: Source of all draws.
    """

    def __init__(
        self,
        objective: Objective,
        mix: Mapping[str, float],
        multiples: int,
        rng: np.random.Generator,
    ) -> None:
        self.objective = objective
        self._mix = mix
        self._multiples = multiples
        self._rng = rng
        self._informed = 0
        self._slimmed: WithoutUnits | None = None
        self._shown: dict[str, dict[str, Screened]] = {}
        self._factors: dict[str, Mapping[str, float]] = {}

    @property
    def narrows(self) -> bool:
        """Whether children are plans, once it is known what channels add."""
        return self._mix.get(NARROW, 0) > 0 and self.objective.makes_smaller

    def makes_plans(self, channels: Channels) -> bool:
        """Whether children are plans."""
        return bool(channels) and self.narrows

    def shown(self, parent: Trained, seen: Sequence[Screened]) -> list[Screened]:
        """All screened children of a parent, of earlier generations too, with its own graph.

        Theirs have weights of their own, and are not to be held for that.
        """
        known = self._shown.setdefault(parent.name, {})
        known.update({each.name: replace(each, graph=parent.graph) for each in seen})
        return list(known.values())

    def remember(self, name: str, plan: Plan) -> None:
        """Takes note of a child's plan."""
        self._factors[name] = plan.factors

    def plans(
        self,
        parent: Trained,
        count: int,
        *,
        units: Sequence[SiteScore],
        channels: Channels,
        shown: Sequence[Screened],
        best: Screened | None,
        aim: Callable[[int, int], Aim],
        is_new: Callable[[LayerGraph], bool],
    ) -> Iterator[Plan]:
        """Plans, one after the other; fewer where no new ones are found.

        Args:
            parent: What they take from.
            count: How many.
            units: Its ranked units.
            channels: What its channels add.
            shown: Its screened children.
            best: The one of these that plans are to be near.
            aim: What the plan of a place may cost, at its first attempt, its second and so on.
            is_new: Whether a network has not been proposed yet; asked once about each.
        """
        planner = self._planner(parent, units, channels, shown)
        spread = _INFORMED_SPREAD if shown else _BLIND_SPREAD
        for place in range(count):
            blind = (planner, _BLIND_UNITS[place % len(_BLIND_UNITS)])
            own, num_units = self._way(planner, best) if shown else blind
            for attempt in range(_DRAWS):
                as_expected = own is planner and place + attempt == 0
                plan = own.plan(
                    aim(place, attempt),
                    rng=self._rng,
                    spread=0.0 if as_expected else spread * (1 + attempt / 4),
                    num_units=num_units if shown or not attempt else None,
                    start=None if as_expected else self._changed_first(parent, units),
                )
                if plan is not None and is_new(plan.graph):
                    yield plan
                    break

    def _way(self, planner: Planner, best: Screened | None) -> tuple[Planner, int | None]:
        """How the next plan is made, and how many units go; None: as loses least."""
        way, self._informed = _WAYS[self._informed % len(_WAYS)], self._informed + 1
        if way == "near the best" and best is not None:
            factors = self._factors.get(best.name, {})
            return planner.nearer(factors), sum(each.is_removal for each in best.morphs)
        return planner, 0 if way == "channels alone" else None

    def _planner(
        self,
        parent: Trained,
        units: Sequence[SiteScore],
        channels: Channels,
        shown: Sequence[Screened],
    ) -> Planner:
        """Makes plans by what screened children have shown."""
        units = tuple(units) if self._mix.get(UNIT_REMOVAL, 0) > 0 else ()
        if self._slimmed is None or self._slimmed.graph is not parent.graph:
            self._slimmed = WithoutUnits(parent.graph)
        planner = Planner(
            parent=parent.graph,
            units=units,
            channels=channels,
            objective=self.objective,
            multiples=self._multiples,
            slimmed=self._slimmed,
        )
        if not shown:
            return planner
        gains = Gains(
            {each.site: each.score for each in units}, group_gains(parent.graph, channels)
        )
        lost = [
            (shares_of(child.morphs, parent.graph), parent.quality - child.quality)
            for child in shown
        ]
        losses, rate = expected_losses(gains, lost)
        return planner.informed(losses, gains.channels, rate)

    def _changed_first(
        self, parent: Trained, units: Sequence[SiteScore]
    ) -> tuple[LayerGraph, tuple[MorphRecord, ...]] | None:
        """A change of the mix's other kinds, now and then, before a plan is made."""
        others = {
            name: weight
            for name, weight in self._mix.items()
            if name not in (NARROW, UNIT_REMOVAL) and weight > 0
        }
        if self._rng.random() >= sum(others.values()):
            return None
        context = MorphContext(ranking=units, objective=self.objective)
        return morph(parent.graph, num_morphs=1, mix=others, context=context, rng=self._rng)
