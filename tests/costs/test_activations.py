"""Values that a network writes, counted."""

import pytest
from graph_builder import GraphBuilder, residual_tower

from prune_mi.config import make_settings
from prune_mi.costs.objective import named_objective, objective_of
from prune_mi.graph.analysis.inspection import what_can_go
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.units.discovery import removable_units
from prune_mi.graph.units.removal import remove_unit


def test_every_output_counts_and_no_input() -> None:
    net = GraphBuilder((8, 8, 1))
    graph = net.graph(net.dense(net.flatten(net.relu(net.conv(net.input, 4))), 3))
    assert graph_cost(graph).others["activations"] == 2 * 8 * 8 * 4 + 8 * 8 * 4 + 3


def test_what_units_take_off_is_what_the_graph_has_less() -> None:
    graph = residual_tower(2)
    before = graph_cost(graph).others["activations"]
    units = [each for each in removable_units(graph) if each.kind in ("branch", "layer")]
    assert units
    for unit in units:
        after = graph_cost(remove_unit(graph, unit)).others["activations"]
        assert before - after == unit.costs["activations"] > 0, unit.name


def test_it_is_an_objective_as_soon_as_it_is_listed() -> None:
    graph = residual_tower(2)
    settings = make_settings({"data": "digits", "objective": "activations"})
    objective = objective_of(settings, graph_cost(graph))
    assert objective == named_objective("activations", may_lose=0.01)
    found = what_can_go(graph, "activations")
    assert 0 < found.share < 1
    assert objective.saved(graph_cost(graph), graph_cost(graph)) == pytest.approx(0)
