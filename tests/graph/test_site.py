"""Sites are plain data: they make their edit in the graph that they are given, in any process."""

import pickle

import pytest
from graph_builder import GRAPHS

from prune_mi.costs.catalog import cost_kind
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.units.discovery import removable_units
from prune_mi.graph.units.single_layers import single_layers
from prune_mi.graph.units.sites import unit_sites
from prune_mi.graph.units.unit import saves


@pytest.mark.parametrize("name", GRAPHS)
def test_a_site_that_was_sent_away_makes_the_same_edit(name: str) -> None:
    graph = GRAPHS[name]()
    for site in (*unit_sites(graph), *single_layers(graph)):
        sent = pickle.dumps(site)
        assert len(sent) < 4000  # it holds no graph
        here, there = site.edited(graph), pickle.loads(sent).edited(graph)
        assert isinstance(here, LayerGraph)
        assert here.structural_hash() == there.structural_hash() != graph.structural_hash()


def test_a_site_saves_what_its_unit_does() -> None:
    graph = GRAPHS["chain"]()
    for unit, site in zip(removable_units(graph), unit_sites(graph), strict=True):
        assert site.saves == {each: saves(unit, cost_kind(each)) for each in site.saves}
        assert (site.before, site.after, site.nodes) == (unit.before, unit.after, unit.nodes)
