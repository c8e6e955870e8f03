"""Removal of a unit: y = f(x) becomes y = x, and for a branch y = x + f(x) becomes y = x.

All weights that stay are kept as they are. By rank, the unit that adds least information for what
its removal saves is drawn most often: the k-th with probability (1 - p)^k p, p being the greed,
usually a half. At random, all units alike (the control that the paper compares with); with dropouts
among them, as the paper's random deletion has it, that is the removal of any.
"""

from functools import partial

import numpy as np

from prune_mi.graph.edit import bypass
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.removal import remove_unit
from prune_mi.graph.traits import DROPOUTS
from prune_mi.graph.unit import Unit, saves
from prune_mi.graph.unit_discovery import removable_units
from prune_mi.morphisms.morphism import Edit, MorphContext, RankedName, Removal, Site, counted

_SMALL_LOSS = 0.003  # of accuracy, about what a thousand images resolve


class RemoveByRank(Removal):
    """Removes a unit of small information gain."""

    name = "remove-by-rank"
    by_rank = True

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        candidates = {unit.name: unit for unit in _saving_units(graph, context.objective)}
        ranked = [each for each in context.ranking if each.unit in candidates]
        if not ranked:
            return NotApplicable("no ranked unit is left whose removal saves any of the objective")
        if context.objective != "accuracy":
            ranked.sort(key=lambda each: _price(each, candidates[each.unit], context.objective))
        saved = "" if context.objective == "accuracy" else " for the cost it saves"
        among = f"lowest of {counted(len(ranked), 'unit')}{saved}"
        return [
            _site(graph, candidates[each.unit], f"{each.told}, {_ordinal(place)}{among}")
            for place, each in enumerate(ranked)
        ]


class RemoveAtRandom(Removal):
    """Removes any unit that can go."""

    name = "remove-at-random"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        units = _saving_units(graph, context.objective)
        if not units:
            return NotApplicable("no unit is left whose removal saves any of the objective")
        told = f"chosen at random from {counted(len(units), 'unit')}"
        return [_site(graph, unit, told) for unit in units]


class RemoveDropout(Removal):
    """Removes a dropout layer; in inference nothing changes."""

    name = "remove-dropout"
    keeps_function = True

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        units = [unit for unit in removable_units(graph) if _is_dropout(graph, unit)]
        if not units:
            return NotApplicable("the graph has no dropout layer")
        told = f"chosen at random from {counted(len(units), 'dropout layer')}"
        return [
            Site(unit.name, unit.after, partial(_bypassed, graph, unit, told)) for unit in units
        ]


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


def _site(graph: LayerGraph, unit: Unit, told: str) -> Site:
    saved = {"macs": unit.macs, "params": unit.num_params}
    return Site(unit.name, unit.after, partial(_removed, graph, unit, told), saved)


def _removed(graph: LayerGraph, unit: Unit, told: str, rng: np.random.Generator) -> Edit:
    return Edit(remove_unit(graph, unit), told)


def _bypassed(graph: LayerGraph, unit: Unit, told: str, rng: np.random.Generator) -> Edit:
    layers = tuple(graph.node_by_name[name].layer for name in unit.nodes)
    return Edit(bypass(graph, unit.after, unit.before), told, layers)


def _ordinal(place: int) -> str:
    """Empty for the first place, then `2nd `, `3rd `, `4th `."""
    number = place + 1
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    if 11 <= number % 100 <= 13:
        suffix = "th"
    return f"{number}{suffix} " if place else ""
