"""How much can go at most, and why the rest cannot."""

from dataclasses import replace

import pytest
from graph_builder import GRAPHS, GraphBuilder, add_of_three, chain, residual_tower

from prune_mi.graph.analysis.inspection import WhatCanGo, what_can_go
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import Cause
from prune_mi.graph.units.discovery import removable_units


def _plain_chain() -> LayerGraph:
    """Growing channels, pooling, a dense head: the net of every beginners' course."""
    net = GraphBuilder((16, 16, 1))
    x = net.max_pool(net.conv(net.input, 8))
    x = net.max_pool(net.conv(x, 16))
    return net.graph(net.dense(net.dense(net.flatten(x), 32)))


def _same_widths() -> LayerGraph:
    """Two stages of VGG's kind."""
    net = GraphBuilder((16, 16, 3))
    x = net.conv(net.conv(net.input, 8), 8)
    x = net.conv(net.conv(net.max_pool(x), 16), 16)
    return net.graph(net.dense(net.dense(net.flatten(x), 32)))


def _inverted_residual(net: GraphBuilder, x: TensorRef, width: int, strides: int) -> TensorRef:
    y = net.relu(net.conv(x, 4 * int(net.shape(x)[-1] or 0), 1))
    y = net.depthwise(y) if strides == 1 else net.conv(y, int(net.shape(y)[-1] or 0), strides=2)
    y = net.conv(y, width, 1)
    return net.add(x, y) if net.shape(x) == net.shape(y) else y


def _mobile() -> LayerGraph:
    net = GraphBuilder((16, 16, 3))
    x = net.relu(net.conv(net.input, 8, strides=2))
    for width, strides in ((8, 1), (16, 2), (16, 1), (16, 1)):
        x = _inverted_residual(net, x, width, strides)
    return net.graph(net.head(x))


def _reasons(found: WhatCanGo) -> dict[tuple[Cause, ...], tuple[str, ...]]:
    return {each.causes: each.layers for each in found.reasons}


def test_of_a_plain_chain_nothing_can_go_and_every_layer_says_why() -> None:
    found = what_can_go(_plain_chain(), "macs")
    assert (found.units, found.share, found.of_images) == ((), 0.0, True)
    assert _reasons(found) == {
        ("channels",): ("conv_1", "conv_2"),
        ("values",): ("dense_1",),
        ("output",): ("dense_2",),
    }
    assert sum(each.shares["macs"] for each in found.reasons) == pytest.approx(1)
    assert sum(each.shares["params"] for each in found.reasons) == pytest.approx(1)
    weighed = [each.shares["macs"] for each in found.reasons]
    assert weighed == sorted(weighed, reverse=True)
    by_params = what_can_go(_plain_chain(), "params").reasons
    assert [each.causes for each in by_params] == [("values",), ("channels",), ("output",)]


def test_of_equal_widths_the_second_of_each_stage_can_go() -> None:
    graph = _same_widths()
    found = what_can_go(graph, "macs")
    assert found.units == ("conv_2", "conv_4")
    units = {unit.name: unit for unit in removable_units(graph)}
    gone = units["conv_2"].macs + units["conv_4"].macs
    assert found.shares["macs"] == pytest.approx(gone / graph_cost(graph).macs)
    assert _reasons(found)["channels",] == ("conv_1", "conv_3")


def test_branches_count_as_a_whole_and_once() -> None:
    found = what_can_go(residual_tower(3), "macs")
    assert found.units == ("add_1/branch", "add_2/branch", "add_3/branch")
    assert set(_reasons(found)) == {("channels",), ("output",)}
    assert found.share + sum(each.shares["macs"] for each in found.reasons) == pytest.approx(1)


def test_inverted_residuals() -> None:
    found = what_can_go(_mobile(), "params")
    assert found.units == ("add_1/branch", "add_2/branch", "add_3/branch")
    assert _reasons(found) == {
        ("channels",): ("conv_4", "conv_6"),
        ("strides",): ("conv_5",),
        ("channels", "strides"): ("conv_1",),
        ("output",): ("dense_1",),
    }


def test_protected_layers_are_told_from_what_goes_only_with_them() -> None:
    graph = replace(residual_tower(2), protected=frozenset({"conv_2", "conv_4"}))
    graph = replace(graph, kept={"conv_4": "feeds another output"})
    found = _reasons(what_can_go(graph, "macs"))
    assert found["protected",] == ("conv_2",)
    assert found["kept",] == ("conv_4",)
    assert found["with_protected",] == ("conv_3", "conv_5")


def test_of_a_sum_one_input_stays() -> None:
    found = what_can_go(add_of_three(), "macs")
    assert len(found.units) == 2
    assert 0 < found.share < 1


@pytest.mark.parametrize("objective", ["macs", "params"])
@pytest.mark.parametrize("name", GRAPHS)
def test_what_goes_and_what_stays_is_no_more_than_all(name: str, objective: str) -> None:
    found = what_can_go(GRAPHS[name](), objective)
    staying = sum(each.shares[objective] for each in found.reasons)
    assert 0 <= found.share <= 1
    # Layers that read what has gone get thinner, so the two may overlap by what they lose.
    if not any("part" in unit for unit in found.units):
        assert found.share + staying <= 1 + 1e-9
    listed = [layer for each in found.reasons for layer in each.layers]
    assert len(listed) == len(set(listed))


def test_activations_alone_are_nothing_that_can_go() -> None:
    graph = replace(chain(), protected=frozenset({"conv_2"}))
    assert removable_units(graph)  # norms and rectifiers
    assert what_can_go(graph, "macs").units == ()
    assert what_can_go(graph, "params").units == ()
