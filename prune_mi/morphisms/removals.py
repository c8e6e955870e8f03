"""Removal of units and of single layers.

A unit: y = f(x) becomes y = x, and for a branch y = x + f(x) becomes y = x. All weights that stay
are kept as they are. By rank, the unit that adds least information for what its removal saves is
drawn most often: the k-th with probability (1 - p)^k p, p being the greed, usually a half. At
random, all units alike (the control that the paper compares with); with dropouts among them, as the
paper's random deletion has it, that is the removal of any.

One layer: y = f(x) becomes y = x. Any that DEIM 2019 A3-4 removes, all alike, which is the paper's
own control: convolution, pooling, activation, dropout or batch norm, never the input or a dense
layer (see `graph.units.single_layers`). Or a pooling that makes images smaller, after which what is
behind costs more. Everything behind it follows the new size (`graph.spatial.resizing`): a join
whose other inputs stay small takes these from before a pooling of their own, so that this goes as
well, and a dense layer behind a flattening gets its kernel's rows spread over the pixels that were
pooled. A pooling that keeps sizes is a unit like others.

Source: Namekawa & Tezuka, DEIM Forum 2019, A3-4.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from prune_mi.costs.objective import Objective
from prune_mi.errors import counted
from prune_mi.graph.edit import bypass
from prune_mi.graph.ir import LayerGraph, Node, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Edit, Site
from prune_mi.graph.traits import DROPOUTS, LOCAL_POOLINGS
from prune_mi.graph.units.discovery import removable_units
from prune_mi.graph.units.removal import remove_unit
from prune_mi.graph.units.single_layers import remove_pooling, single_layers
from prune_mi.graph.units.sites import unit_sites
from prune_mi.morphisms.insertion import has_channels_last
from prune_mi.morphisms.morphism import MorphContext, Morphism, SiteScore, chosen_evenly

UNIT_REMOVAL = "remove-by-rank"
_MOST_REMEMBERED = 200  # graphs
_SMALL_LOSS = 0.003  # of accuracy, about what a thousand images resolve


class RemoveByRank(Morphism):
    """Removes a unit of small information gain."""

    name = UNIT_REMOVAL
    effect = "removes"
    by_rank = True

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        candidates = {site.name: site for site in _saving_sites(graph, context.objective)}
        ranked = [each for each in context.ranking if each.site in candidates]
        if not ranked:
            return NotApplicable("no ranked unit is left whose removal saves any of the objective")
        among = f"lowest of {counted(len(ranked), 'unit')}"
        if context.objective.makes_smaller:
            among += " for the cost it saves"
            saved = {each: _taken_off(candidates[each.site], context.objective) for each in ranked}
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
        none = "no unit is left whose removal saves any of the objective"
        return chosen_evenly(_saving_sites(graph, context.objective), "unit", none)


class RemoveDropout(Morphism):
    """Removes a dropout layer; in inference nothing changes."""

    name = "remove-dropout"
    effect = "removes"
    keeps_function = True

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        sites = [
            replace(site, edit=partial(_bypass, site=site))
            for site in unit_sites(graph)
            if site.kind == "layer" and _class_of(graph, site) in DROPOUTS
        ]
        return chosen_evenly(sites, "dropout layer", "the graph has no dropout layer")


class RemoveLayer(Morphism):
    """Removes any one layer."""

    name = "remove-layer"
    effect = "removes"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        none = "no convolution, pooling, activation, dropout or batch norm can go"
        return chosen_evenly(single_layers(graph), "layer", none)


class RemovePool(Morphism):
    """Removes a pooling that makes images smaller."""

    name = "remove-pool"
    effect = "removes"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        nodes = graph.nodes if has_channels_last(graph) else ()
        sites = [_site(node) for node in nodes if _shrinks(graph, node)]
        none = "no channels-last pooling of known sizes makes images smaller"
        return chosen_evenly(sites, "pooling layer", none)


MORPHISMS = (RemoveByRank(), RemoveAtRandom(), RemoveDropout(), RemoveLayer(), RemovePool())


class WithoutUnits:
    """A graph without units, one after the other; what was found is remembered, many begin alike.

    Args:
        graph: The one with all of them.
    """

    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        self._found: dict[tuple[str, ...], LayerGraph | None] = {(): graph}

    def __call__(self, names: tuple[str, ...]) -> LayerGraph | None:
        """The graph without the units of these names; None where one of them cannot go by then."""
        if names not in self._found:
            before = self(names[:-1])
            if len(self._found) >= _MOST_REMEMBERED:
                self._found = {(): self.graph}
            self._found[names] = None if before is None else _without_unit(before, names[-1])
        return self._found[names]


def _without_unit(graph: LayerGraph, name: str) -> LayerGraph | None:
    unit = next((each for each in removable_units(graph) if each.name == name), None)
    return None if unit is None else remove_unit(graph, unit)


def _loss(ranked: SiteScore) -> float:
    """Accuracy where that is known, small losses all counting as one; else information."""
    if ranked.expected_loss is not None:
        return max(ranked.expected_loss, _SMALL_LOSS)
    return max(ranked.score, ranked.score_spread)


def _saving_sites(graph: LayerGraph, objective: Objective) -> list[Site]:
    return [
        site
        for site in unit_sites(graph)
        if _taken_off(site, objective) > 0 and _class_of(graph, site) not in DROPOUTS
    ]


def _taken_off(site: Site, objective: Objective) -> float:
    return objective.taken_off(site.saves, num_layers=len(site.nodes))


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


def _site(pooling: Node) -> Site:
    edit = partial(remove_pooling, pooling=pooling)
    return Site(pooling.name, pooling.inputs[0], TensorRef(pooling.name), edit)


def _shrinks(graph: LayerGraph, node: Node) -> bool:
    """Whether a call is a pooling of known sizes that yields others than it reads."""
    if graph.layer_of(node).class_name not in LOCAL_POOLINGS or node.layer in graph.protected:
        return False
    old, new = graph.spec(node.inputs[0]).shape, node.outputs[0].shape
    return None not in old[1:] and old != new
