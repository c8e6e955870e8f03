"""Shortcuts that come: which layers they are made of; and that go again."""

from dataclasses import replace

import numpy as np
import pytest
from graph_builder import GraphBuilder, chain, identity_residual

from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.units.joins import find_shortcuts
from prune_mi.morphisms.skip import SkipAdd
from prune_mi.records import Place
from tests.morphed import CONTEXT, NO_SKIP_SITE, morphed, outcome_of


def _sites(graph: LayerGraph) -> set[tuple[str, str]]:
    found = SkipAdd().sites(graph, CONTEXT)
    assert isinstance(found, list)
    return {(site.before.node, site.after.node) for site in found}


def test_sites_lead_round_a_kernel() -> None:
    sites = _sites(chain())
    assert {("conv_1", "conv_2"), ("relu_1", "relu_2"), ("bn_1", "pool_1")} <= sites
    assert not {("conv_1", "relu_1"), ("conv_2", "pool_1"), ("relu_2", "relu_1")} & sites
    assert not any("input_1" in site or "dense_1" in site for site in sites)
    sites = _sites(identity_residual())
    assert ("relu_1", "bn_2") in sites
    assert ("relu_1", "add_1") not in sites  # which adds it already


def test_what_shortcuts_are_made_of() -> None:
    found = set()
    for seed in range(100):
        outcome = morphed("skip-add", chain(), seed)
        record = outcome.record
        found.add(record.layers)
        assert record.place in (Place(1, "kernel"), Place(1, "norm"), Place(2, "norm"),
                                Place(2, "activation"), Place(2, "pooling"))  # fmt: skip
        assert record.reason.startswith("shortcut from ")
    assert found == {
        ("skip_scale_1", "skip_add_1"),
        ("skip_pool_1", "skip_scale_1", "skip_add_1"),
    }
    assert morphed("skip-concat", chain()).record.layers[-1] == "skip_concat_1"


def test_a_concatenation_is_read_with_rows_of_nought() -> None:
    net = GraphBuilder()
    x = net.conv(net.input, 4)
    graph = net.graph(net.head(net.relu(net.norm(net.conv(x, 5)))))
    for seed in range(10):
        outcome = morphed("skip-concat", graph, seed)
        kernel = outcome.graph.layers["dense_1"].weights[0]
        assert kernel.shape == (9, 3)
        np.testing.assert_array_equal(kernel[:5], graph.layers["dense_1"].weights[0])
        np.testing.assert_array_equal(kernel[5:], 0)


def test_no_site() -> None:
    net = GraphBuilder()
    graph = net.graph(net.dense(net.pool(net.input)))
    for kind in ("skip-add", "skip-concat"):
        assert outcome_of(kind, graph) == NotApplicable(NO_SKIP_SITE)
    assert outcome_of("remove-skip", graph) == NotApplicable("the graph has no shortcut")


def test_no_site_for_a_concatenation() -> None:
    net = GraphBuilder()
    x = net.conv(net.input, 257, 1)
    graph = net.graph(net.head(net.conv(x, 256, 1)))
    reason = "nothing can be concatenated: 'conv_2' would have more than 512 channels"
    assert outcome_of("skip-concat", graph) == NotApplicable(reason)
    net = GraphBuilder()
    x = net.conv(net.conv(net.input, 4), 4)
    graph = replace(net.graph(net.dense(x)), frozen=frozenset({"dense_1"}))
    reason = "none of 1 place will do: 'dense_1', which reads it, is frozen"
    assert outcome_of("skip-concat", graph) == NotApplicable(reason)
    net = GraphBuilder((32, 32, 2))
    x = net.conv(net.conv(net.input, 400, 1), 1, 1)
    graph = net.graph(net.dense(net.flatten(x), 10))
    reason = "none of 1 place will do: a shortcut to 'conv_2' would make the network too large"
    assert outcome_of("skip-concat", graph) == NotApplicable(reason)


def test_a_shortcut_that_must_stay_says_why() -> None:
    graph = replace(identity_residual(), protected=frozenset({"add_1"}))
    reason = "none of 1 place will do: 'add_1' is protected"
    assert outcome_of("remove-skip", graph) == NotApplicable(reason)


@pytest.mark.parametrize("kind", ["skip-add", "skip-concat"])
def test_what_came_can_go_again(kind: str) -> None:
    graph = chain()
    for seed in range(10):
        grown = morphed(kind, graph, seed)
        assert len(find_shortcuts(grown.graph)) == 1
        back = morphed("remove-skip", grown.graph)
        assert back.graph.structural_hash() == graph.structural_hash()
        assert set(back.record.layers) == set(grown.record.layers)
        for name, layer in graph.layers.items():
            for old, new in zip(layer.weights, back.graph.layers[name].weights, strict=True):
                np.testing.assert_array_equal(old, new)
