"""Plans: units and channels that go together, so that a network costs what is asked.

Units are ordered by what each is expected to lose for what it saves. A plan takes the first few of
them out, none perhaps, and then as many channels as it still needs (`search.knapsack`), priced as
they are without these units. How many units go is tried: where screened children have shown what
units and channels cost, the number that is expected to lose least is taken; before that, plans of
one generation take different ones. Losses are varied from plan to plan by random factors, so that
plans differ, and screening shows whose are good.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from prune_mi.costs.objective import Objective
from prune_mi.errors import counted
from prune_mi.graph.channels.narrowing import Gone, Narrowed, narrow
from prune_mi.graph.channels.prices import Prices, prices
from prune_mi.graph.channels.width_groups import widths
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.units.sites import unit_sites
from prune_mi.morphisms.morphism import SiteScore
from prune_mi.morphisms.narrow import NARROW
from prune_mi.morphisms.removals import UNIT_REMOVAL, WithoutUnits
from prune_mi.records import MorphRecord
from prune_mi.search.group_losses import (
    channel_losses,
    channels_of,
    deepened,
    group_gains,
    group_of,
    groups_of_layers,
)
from prune_mi.search.knapsack import chosen_channels

_UNIT_COUNTS = (0, 1, 2, 3, 4, 6, 8, 11, 15, 20, 27)
_UNKNOWN = 0.02  # accuracy that a unit is taken to cost, where no child has shown it
_FACTORS = (0.25, 4.0)
_TRIES = 3

Aim = Mapping[str, float]
"""What costs may be at most, by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A network with less, and how it came about.

    Attributes:
        graph: What it is now.
        records: What went.
        kept: Of layers that make fewer channels, the places of those that stay.
        expected_loss: In the planner's own measure.
        factors: What losses of width groups were multiplied by, by the groups' names.
    """

    graph: LayerGraph
    records: tuple[MorphRecord, ...]
    kept: Mapping[str, tuple[int, ...]]
    expected_loss: float
    factors: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans for one parent.

    Attributes:
        parent: What plans take from.
        units: Its ranked units; none: only channels go.
        channels: What each output channel of layers adds, by the layers' names; none: only units.
        objective: What removals are to save.
        multiples: See `search.knapsack`.
        factors: What a group's losses are multiplied by, by its name in the parent, as screened
            children have shown.
        rate: Accuracy for one of the channels' measure; None: not known.
        slimmed: The parent without units; many plans begin alike, and what has been found of a
            graph is remembered with it.
    """

    parent: LayerGraph
    units: Sequence[SiteScore]
    channels: Mapping[str, Sequence[float]]
    objective: Objective
    multiples: int = 1
    factors: Mapping[str, float] = field(default_factory=dict)
    rate: float | None = None
    slimmed: WithoutUnits | None = None

    def informed(
        self, losses: Mapping[str, float], gains: Mapping[str, float], rate: float | None
    ) -> "Planner":
        """A planner that goes by what screened children have shown.

        Args:
            losses: Accuracy that changes are expected to cost, units and channels by their names.
            gains: What all channels of each group add.
            rate: Accuracy for one of their measure, on average; None: not known.
        """
        units = [replace(each, expected_loss=losses[each.site]) for each in self.units]
        factors = {}
        for name, gain in gains.items():
            usual = (rate or 0.0) * gain
            if usual > 0:
                factor = losses[name] / usual
                factors[group_of(name)] = float(np.clip(factor, *_FACTORS))
        return replace(self, units=units, factors=factors, rate=rate)

    def nearer(self, factors: Mapping[str, float]) -> "Planner":
        """A planner whose factors lie half way to others."""
        own = {
            name: float(np.sqrt(self.factors.get(name, 1.0) * other))
            for name, other in factors.items()
        }
        return replace(self, factors={**self.factors, **own})

    def plan(
        self,
        aim: Aim,
        *,
        rng: np.random.Generator,
        spread: float,
        num_units: int | None = None,
        start: tuple[LayerGraph, tuple[MorphRecord, ...]] | None = None,
    ) -> Plan | None:
        """One plan; None where nothing that may go would do.

        Args:
            aim: What it may cost.
            rng: Draws the factors.
            spread: Of their logarithms.
            num_units: How many units go, as far as they are needed; None: as loses least.
            start: Something else that is done first.
        """
        graph, done = start or (self.parent, ())
        order = self._order(graph, rng, spread)
        group_factors = self._drawn_factors(rng, spread)
        counts = [each for each in _UNIT_COUNTS if each <= len(order)]
        if num_units is not None:
            counts = [min(num_units, len(order))]
        best: Plan | None = None
        known = self.slimmed
        without = known if known and known.graph is graph else WithoutUnits(graph)
        slimmed, records, lost, taken = graph, done, 0.0, 0
        gone: tuple[str, ...] = ()
        for count in counts:
            while taken < count and not _is_within(slimmed, aim):
                score, loss = order[taken]
                taken += 1
                fewer = without((*gone, score.site))
                if fewer is None:
                    continue
                gone = (*gone, score.site)
                records = (*records, _removal(slimmed, fewer, score))
                slimmed, lost = fewer, lost + loss
            if best is not None and lost >= best.expected_loss:
                break
            found = self._narrowed(slimmed, records, aim, lost, group_factors)
            if found is not None and (best is None or found.expected_loss < best.expected_loss):
                best = found
            if taken < count:  # units alone are enough
                break
        return best

    def _narrowed(
        self,
        graph: LayerGraph,
        records: tuple[MorphRecord, ...],
        aim: Aim,
        lost: float,
        factors: Mapping[str, float],
    ) -> Plan | None:
        """A plan that takes the rest from channels."""
        if _is_within(graph, aim):
            return Plan(graph, records, {}, lost, factors) if records else None
        priced = prices(graph)
        losses = channel_losses(graph, self.channels)
        if losses is None:
            return None
        known, names = priced.widths, groups_of_layers(self.parent)
        weights = np.array(
            [factors.get(names.get(each.makers[0], ""), 1.0) for each in known.groups]
        )
        deep = deepened(losses, known)
        found = self._under(aim, graph, deep, weights)
        if found is None:
            return None
        narrowed, gone = found
        rate = 1.0 if self.rate is None else self.rate
        for place, group in enumerate(known.groups):
            if group.name in gone:
                own = deep[known.of_group(place)]
                lost += rate * weights[place] * float(own[gone[group.name]].sum())
        gains = group_gains(self.parent, self.channels)
        before = [
            gains.get(channels_of(names.get(each.makers[0], "")), 0.0) for each in known.groups
        ]
        records = (*records, *_narrowings(priced, losses, gone, before))
        kept = {name: tuple(places.tolist()) for name, places in narrowed.kept.items()}
        return Plan(narrowed.graph, records, kept, lost, factors)

    def _under(
        self, aim: Aim, graph: LayerGraph, losses: np.ndarray, weights: np.ndarray
    ) -> tuple[Narrowed, Gone] | None:
        """The graph with as few channels as an aim asks for, and what went.

        What prices say is not exact everywhere: what is still too much is taken off the aim.
        """
        asked = dict(aim)
        for _ in range(_TRIES):
            gone = chosen_channels(
                prices(graph), losses, asked, multiples=self.multiples, weights=weights
            )
            if gone is None:
                return None
            narrowed = narrow(graph, gone)
            if not isinstance(narrowed, Narrowed):
                return None
            if _is_within(narrowed.graph, aim):
                return narrowed, gone
            amounts = graph_cost(narrowed.graph).amounts
            asked = {name: asked[name] - max(0, amounts[name] - most) for name, most in aim.items()}
        return None

    def _order(
        self, graph: LayerGraph, rng: np.random.Generator, spread: float
    ) -> list[tuple[SiteScore, float]]:
        """Units with what each is expected to lose, the least for what it saves first."""
        saved = {
            site.name: self.objective.taken_off(site.saves, num_layers=len(site.nodes))
            for site in unit_sites(graph)
        }
        usual = np.mean([max(each.score, each.score_spread) for each in self.units] or [1.0])
        rows = []
        for each in self.units:
            loss = each.expected_loss
            if loss is None:
                share = max(each.score, each.score_spread) / max(float(usual), 1e-12)
                loss = _UNKNOWN * share
            loss = max(loss, 1e-4) * float(np.exp(spread * rng.standard_normal()))
            if saved.get(each.site, 0) > 0:
                rows.append((loss / saved[each.site], each, loss))
        rows.sort(key=lambda row: row[0])
        return [(each, loss) for _, each, loss in rows]

    def _drawn_factors(self, rng: np.random.Generator, spread: float) -> dict[str, float]:
        return {
            group.name: self.factors.get(group.name, 1.0)
            * float(np.exp(spread * rng.standard_normal()))
            for group in widths(self.parent).groups
        }


def _is_within(graph: LayerGraph, aim: Aim) -> bool:
    amounts = graph_cost(graph).amounts
    return all(amounts[name] <= most for name, most in aim.items())


def _removal(before: LayerGraph, after: LayerGraph, score: SiteScore) -> MorphRecord:
    gone = tuple(name for name in before.layers if name not in after.layers)
    return MorphRecord(UNIT_REMOVAL, score.site, gone, str(score), effect="removes")


def _narrowings(
    priced: Prices, losses: np.ndarray, gone: Gone, before: Sequence[float]
) -> tuple[MorphRecord, ...]:
    """What narrowed which group, with the share that goes of what its channels add.

    Args:
        priced: The graph's groups.
        losses: What its channels add.
        gone: Which go.
        before: What the channels of each group added in the parent, where units that have gone
            since may have held more of them together; 0: not known.
    """
    known, records = priced.widths, []
    for place, group in enumerate(known.groups):
        places = gone.get(group.name)
        if not places:
            continue
        own = losses[known.of_group(place)]
        lost, total = float(own[list(places)].sum()), float(own.sum())
        share = lost / total if total > 0 else 0.0
        records.append(
            MorphRecord(
                NARROW,
                channels_of(group.name),
                group.producers,
                f"{len(places)} of {counted(group.num_channels, 'channel')}, which add "
                f"{share:.1%} of what all of them add",
                effect="narrows",
                share=min(1.0, lost / before[place]) if before[place] > 0 else share,
            )
        )
    return tuple(records)
