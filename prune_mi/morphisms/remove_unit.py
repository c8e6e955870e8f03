"""Removal of a unit: y = f(x) becomes y = x, and for a branch y = x + f(x) becomes y = x.

All weights that stay are kept as they are. By rank, the unit that adds least information for what
its removal saves is drawn most often: the k-th with probability (1 - p)^k p, p being the greed,
usually a half. At random, all units alike (the control that the paper compares with); with dropouts
among them, as the paper's random deletion has it, that is the removal of any.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from prune_mi.graph.edit import bypass
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Edit, Site, unit_sites
from prune_mi.graph.traits import DROPOUTS
from prune_mi.morphisms.morphism import MorphContext, Morphism, SiteScore, chosen_evenly, counted

_SMALL_LOSS = 0.003  # of accuracy, about what a thousand images resolve


class RemoveByRank(Morphism):
    """Removes a unit of small information gain."""

    name = "remove-by-rank"
    effect = "removes"
    by_rank = True

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        candidates = {site.name: site for site in _saving_sites(graph, context.objective)}
        ranked = [each for each in context.ranking if each.site in candidates]
        if not ranked:
            return NotApplicable("no ranked unit is left whose removal saves any of the objective")
        among = f"lowest of {counted(len(ranked), 'unit')}"
        if context.objective != "accuracy":
            among += " for the cost it saves"
            saved = {each: candidates[each.site].saves[context.objective] for each in ranked}
            ranked.sort(key=lambda each: _loss(each) / saved[each])
        return [
            replace(candidates[each.site], reason=f"{each}, {_ordinal(place)}{among}")
            for place, each in enumerate(ranked)
        ]


class RemoveAtRandom(Morphism):
    """Removes any unit that can go."""

    name = "remove-at-random"
    effect = "removes"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        return chosen_evenly(_saving_sites(graph, context.objective), "unit") or NotApplicable(
            "no unit is left whose removal saves any of the objective"
        )


class RemoveDropout(Morphism):
    """Removes a dropout layer; in inference nothing changes."""

    name = "remove-dropout"
    effect = "removes"
    keeps_function = True

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        sites = [
            replace(site, edit=partial(_bypass, site=site))
            for site in unit_sites(graph)
            if site.kind == "layer" and _class_of(graph, site) in DROPOUTS
        ]
        return chosen_evenly(sites, "dropout layer") or NotApplicable(
            "the graph has no dropout layer"
        )


def _loss(ranked: SiteScore) -> float:
    """Accuracy where that is known, small losses all counting as one; else information."""
    if ranked.expected_loss is not None:
        return max(ranked.expected_loss, _SMALL_LOSS)
    return max(ranked.score, ranked.score_spread)


def _saving_sites(graph: LayerGraph, objective: str) -> list[Site]:
    return [
        site
        for site in unit_sites(graph)
        if site.saves[objective] > 0 and _class_of(graph, site) not in DROPOUTS
    ]


def _class_of(graph: LayerGraph, site: Site) -> str:
    return graph.layer_of(graph.node_by_name[site.nodes[0]]).class_name


def _bypass(graph: LayerGraph, rng: np.random.Generator, *, site: Site) -> Edit:
    layers = tuple(graph.node_by_name[name].layer for name in site.nodes)
    return Edit(bypass(graph, site.after, site.before), layers=layers)


def _ordinal(place: int) -> str:
    """Empty for the first place, then `2nd `, `3rd `, `4th `."""
    number = place + 1
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    if 11 <= number % 100 <= 13:
        suffix = "th"
    return f"{number}{suffix} " if place else ""
