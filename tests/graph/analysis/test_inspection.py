from dataclasses import replace

import pytest
from graph_builder import GRAPHS, identity_residual, projected_residual

from prune_mi.errors import ConfigError
from prune_mi.graph.analysis.inspection import Inspection, inspect_graph
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.layer_selection import matching_layers


def _status(inspection: Inspection) -> dict[str, tuple[str, str]]:
    return {row.name: (row.status, row.reason) for row in inspection.layers}


@pytest.mark.parametrize("name", GRAPHS)
def test_nothing_is_left_out_and_shares_add_up(name: str) -> None:
    graph = GRAPHS[name]()
    inspection, cost = inspect_graph(graph), graph_cost(graph)
    assert {row.name for row in inspection.layers} == set(graph.layers)
    assert sum(row.num_params for row in inspection.layers) == cost.num_params
    assert sum(row.macs for row in inspection.layers) == cost.macs
    assert sum(row.macs_share for row in inspection.layers) == pytest.approx(1)
    for row in inspection.layers:
        assert (row.unit is None) == (row.status in ("fixed", "protected"))
        assert bool(row.reason) == (row.status != "removable"), row


def test_what_becomes_of_each_layer_of_a_projected_block() -> None:
    status = _status(inspect_graph(projected_residual()))
    assert status["input_1"] == ("fixed", "is the model's input")
    assert status["conv_2"] == ("coupled", "goes with add_1/branch")  # it halves the image
    assert status["conv_3"] == ("removable", "")
    assert status["add_1"] == ("coupled", "goes with add_1/shortcut")
    assert status["conv_1"][0] == "fixed"
    assert "changes the channels from 2 to 4" in status["conv_1"][1]
    assert status["dense_1"] == ("fixed", "yields the model's output")


def test_protected_layers_keep_their_units() -> None:
    graph = replace(
        identity_residual(), protected=frozenset({"conv_3"}), frozen=frozenset({"conv_1"})
    )
    inspection = inspect_graph(graph)
    status = _status(inspection)
    assert status["conv_3"] == ("protected", "protected")
    units = {unit.name: unit.reason for unit in inspection.units}
    assert units["add_1/branch"] == "'conv_3' is protected"
    assert units["conv_3"] == "'conv_3' is protected"
    assert units["conv_2"] is None
    frozen = {row.name for row in inspection.layers if row.frozen}
    assert frozen == {"conv_1"}


def test_layers_are_chosen_by_whole_names() -> None:
    names = ("conv_1", "conv_10", "bn_1")
    assert matching_layers(names, ["conv_1"], option="--freeze") == {"conv_1"}
    assert matching_layers(names, ["conv_.*", "bn.*"], option="--freeze") == set(names)
    assert matching_layers(names, [], option="--freeze") == frozenset()


def test_a_pattern_must_match_and_be_a_pattern() -> None:
    with pytest.raises(ConfigError, match=r"is .conv1., .* no layer; .* nearest are conv_1"):
        matching_layers(("conv_1", "bn_1"), ["conv1"], option="--freeze")
    with pytest.raises(ConfigError, match=r"--protect is '\(', which is no regular expression"):
        matching_layers(("conv_1",), ["("], option="--protect")
