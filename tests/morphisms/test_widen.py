"""Where layers are widened, by how much, and why not."""

from dataclasses import replace

import numpy as np
import pytest
from graph_builder import GraphBuilder, bottleneck, chain, identity_residual

from prune_mi.graph.channels.widening import widen
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.morphisms.morphism import Morphed
from prune_mi.records import Place
from tests.morphed import outcome_of


def test_every_convolution_and_both_factors_are_drawn() -> None:
    outcomes = [outcome_of("widen-conv", bottleneck(), seed) for seed in range(60)]
    records = [each.record for each in outcomes if isinstance(each, Morphed)]
    assert len(records) == 60
    assert {record.target for record in records} == {"conv_1", "conv_2", "conv_3", "conv_4"}
    reasons = {record.reason for record in records if record.target == "conv_2"}
    assert reasons == {"3 to 6 channels", "3 to 12 channels"}
    assert {record.place for record in records if record.target == "conv_2"} == {Place(0, "kernel")}


def test_what_is_added_is_widened_in_one_step() -> None:
    outcomes = [outcome_of("widen-conv", identity_residual(), seed) for seed in range(20)]
    found = {each.record.layers for each in outcomes if isinstance(each, Morphed)}
    assert found == {("conv_1", "conv_3"), ("conv_2",)}


def test_a_hidden_dense_layer() -> None:
    net = GraphBuilder()
    graph = net.graph(net.dense(net.relu(net.dense(net.pool(net.conv(net.input, 4)), 5))))
    outcome = outcome_of("widen-dense", graph)
    assert isinstance(outcome, Morphed)
    assert outcome.record.layers == ("dense_1",)
    assert outcome.graph.spec(TensorRef("relu_1")).shape in ((None, 10), (None, 20))
    assert outcome.graph.spec(TensorRef("dense_2")).shape == (None, 3)


def _of_width(width: int) -> LayerGraph:
    net = GraphBuilder((4, 4, 2))
    return net.graph(net.head(net.conv(net.input, width, 1)))


def test_how_wide_layers_may_become() -> None:
    reasons = set()
    for seed in range(10):
        outcome = outcome_of("widen-conv", _of_width(256), seed)
        assert isinstance(outcome, Morphed)
        reasons.add(outcome.record.reason)
    assert reasons == {"256 to 512 channels"}
    assert outcome_of("widen-conv", _of_width(257)) == NotApplicable(
        "none of 1 place will do: 'conv_1' would be wider than 512 channels"
    )


def test_no_network_becomes_more_than_four_times_as_large() -> None:
    net = GraphBuilder()
    x = net.conv(net.input, 16)
    for _ in range(3):
        x = net.add(x, net.conv(x, 16))
    graph = net.graph(net.head(x))
    large = widen(graph, [f"conv_{index}" for index in range(1, 5)], times=4,
                  rng=np.random.default_rng(0))  # fmt: skip
    assert isinstance(large, LayerGraph)
    assert graph_cost(large).num_params > 4 * graph_cost(graph).num_params
    for seed in range(10):
        outcome = outcome_of("widen-conv", graph, seed)
        assert isinstance(outcome, Morphed)
        assert outcome.record.reason == "16 to 32 channels"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("widen-conv", "none of 2 places will do: 'conv_1' is protected"),
        ("widen-dense", "none of 1 place will do: 'dense_1' yields the model's output"),
    ],
)
def test_no_site_says_why(kind: str, reason: str) -> None:
    graph = replace(chain(), protected=frozenset({"conv_1", "conv_2"}))
    outcomes = [outcome_of(kind, graph, seed) for seed in range(5)]
    assert NotApplicable(reason) in outcomes
    assert all(isinstance(each, NotApplicable) for each in outcomes)


def test_nothing_to_widen() -> None:
    net = GraphBuilder()
    graph = net.graph(net.head(net.input))
    assert outcome_of("widen-conv", graph) == NotApplicable("the graph has no convolution to widen")
