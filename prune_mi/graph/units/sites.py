"""The units that can go, as sites."""

from functools import partial

import numpy as np

from prune_mi.costs.catalog import counted_kinds
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.site import Edit, Site
from prune_mi.graph.units.discovery import removable_units
from prune_mi.graph.units.removal import remove_unit
from prune_mi.graph.units.unit import Unit, saves


def unit_site(unit: Unit) -> Site:
    """The site of a unit that can go."""
    return Site(
        name=unit.name,
        before=unit.before,
        after=unit.after,
        edit=partial(_without, unit=unit),
        kind=unit.kind,
        nodes=unit.nodes,
        position=unit.position,
        saves={kind.name: saves(unit, kind) for kind in counted_kinds()},
    )


def unit_sites(graph: LayerGraph) -> list[Site]:
    """The sites of all units of a graph that can go, in order."""
    return [unit_site(unit) for unit in removable_units(graph)]


def _without(graph: LayerGraph, rng: np.random.Generator, *, unit: Unit) -> Edit:
    return Edit(remove_unit(graph, unit))
