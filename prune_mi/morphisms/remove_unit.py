"""Removal of a unit: y = f(x) becomes y = x, and for a branch y = x + f(x) becomes y = x.

All weights that stay are kept as they are. By rank, the unit that adds least information for what
its removal saves is drawn most often: the k-th with probability (1 - p)^k p, p being the greed,
usually a half. At random, all units alike (the control that the paper compares with); with dropouts
among them, as the paper's random deletion has it, that is the removal of any.
"""

import numpy as np

from prune_mi.graph.edit import bypass
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.place import place_of
from prune_mi.graph.removal import remove_unit
from prune_mi.graph.traits import DROPOUTS
from prune_mi.graph.unit import Unit, saves
from prune_mi.graph.units import removable_units
from prune_mi.morphisms.morphism import MorphContext, Morphed, NoSite, RankedName, counted
from prune_mi.morphisms.site import draw_site
from prune_mi.records import MorphRecord

_SMALL_LOSS = 0.003  # of accuracy, about what a thousand images resolve


class RemoveByRank:
    """Removes a unit of small information gain."""

    name = "remove-by-rank"
    keeps_function = False

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        candidates = {unit.name: unit for unit in _saving_units(graph, context.objective)}
        ranked = [each for each in context.ranking if each.unit in candidates]
        if not ranked:
            return NoSite("no ranked unit is left whose removal saves any of the objective")
        if context.objective != "accuracy":
            ranked.sort(key=lambda each: _price(each, candidates[each.unit], context.objective))
        place = min(int(rng.geometric(context.greed)) - 1, len(ranked) - 1)
        chosen = ranked[place]
        saved = "" if context.objective == "accuracy" else " for the cost it saves"
        among = f"{_ordinal(place)}lowest of {counted(len(ranked), 'unit')}"
        reason = f"{chosen.told}, {among}{saved}"
        return _remove(graph, candidates[chosen.unit], self.name, reason)


class RemoveAtRandom:
    """Removes any unit that can go."""

    name = "remove-at-random"
    keeps_function = False

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        candidates = _saving_units(graph, context.objective)
        if not candidates:
            return NoSite("no unit is left whose removal saves any of the objective")
        chosen = draw_site(
            graph, candidates, context, rng, kind=self.name, tensor=lambda unit: unit.after
        )
        reason = f"chosen at random from {counted(len(candidates), 'unit')}"
        return _remove(graph, chosen, self.name, reason)


class RemoveDropout:
    """Removes a dropout layer; in inference nothing changes."""

    name = "remove-dropout"
    keeps_function = True

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        sites = [unit for unit in removable_units(graph) if _is_dropout(graph, unit)]
        if not sites:
            return NoSite("the graph has no dropout layer")
        chosen = draw_site(
            graph, sites, context, rng, kind=self.name, tensor=lambda unit: unit.after
        )
        slimmed = bypass(graph, chosen.after, chosen.before)
        layers = tuple(graph.node_by_name[name].layer for name in chosen.nodes)
        reason = f"chosen at random from {counted(len(sites), 'dropout layer')}"
        place = place_of(graph, chosen.after)
        return Morphed(slimmed, MorphRecord(self.name, chosen.name, layers, reason, place))


def _price(ranked: RankedName, unit: Unit, objective: str) -> float:
    """Information for cost, or accuracy where that is known; small losses all count as one."""
    if ranked.expected_loss is not None:
        return max(ranked.expected_loss, _SMALL_LOSS) / saves(unit, objective)
    return max(ranked.score, ranked.score_spread) / saves(unit, objective)


def _saving_units(graph: LayerGraph, objective: str) -> list[Unit]:
    return [
        unit
        for unit in removable_units(graph)
        if saves(unit, objective) > 0 and _class_of(graph, unit) not in DROPOUTS
    ]


def _is_dropout(graph: LayerGraph, unit: Unit) -> bool:
    return unit.kind == "layer" and _class_of(graph, unit) in DROPOUTS


def _class_of(graph: LayerGraph, unit: Unit) -> str:
    return graph.layer_of(graph.node_by_name[unit.nodes[0]]).class_name


def _remove(graph: LayerGraph, unit: Unit, kind: str, reason: str) -> Morphed:
    slimmed = remove_unit(graph, unit)
    gone = tuple(name for name in graph.layers if name not in slimmed.layers)
    place = place_of(graph, unit.after)
    return Morphed(slimmed, MorphRecord(kind, unit.name, gone, reason, place))


def _ordinal(place: int) -> str:
    """Empty for the first place, then `2nd `, `3rd `, `4th `."""
    number = place + 1
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    if 11 <= number % 100 <= 13:
        suffix = "th"
    return f"{number}{suffix} " if place else ""
