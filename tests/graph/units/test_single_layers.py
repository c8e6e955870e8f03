"""One layer at a time: which may go, and what is left."""

import numpy as np
import pytest
from graph_builder import GRAPHS, GraphBuilder, chain
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.costs.objective import named_objective
from prune_mi.graph.construction.seed import seed_graph
from prune_mi.graph.edit import validate_graph
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Site
from prune_mi.graph.units.single_layers import single_layers
from prune_mi.morphisms.catalog import apply
from prune_mi.morphisms.morphism import MorphContext, Morphed
from prune_mi.morphisms.removals import RemoveLayer

CONTEXT = MorphContext(ranking=(), objective=named_objective("accuracy"))


def _class_of(graph: LayerGraph, site: Site) -> str:
    return graph.layer_of(graph.node_by_name[site.nodes[0]]).class_name


def _without(graph: LayerGraph, site: Site) -> LayerGraph:
    left = site.edited(graph)
    assert isinstance(left, LayerGraph)
    return left


def test_each_kind_that_the_paper_removes_may_go() -> None:
    net = GraphBuilder((8, 8, 4))
    x = net.relu(net.norm(net.conv(net.input, 4)))
    x = net.dropout(net.max_pool(x))
    graph = net.graph(net.dense(net.dense(net.flatten(x), 5)))
    found = {_class_of(graph, site) for site in single_layers(graph)}
    assert found == {"Conv2D", "BatchNormalization", "ReLU", "Dropout", "MaxPooling2D"}


def test_a_convolution_goes_alone_and_only_where_its_shape_stays() -> None:
    net = GraphBuilder((8, 8, 3))
    first = net.conv(net.input, 4)
    second = net.conv(net.relu(first), 4)
    graph = net.graph(net.head(second))
    layers = {site.name: site for site in single_layers(graph)}
    assert first.node not in layers
    assert second.node in layers
    assert len(_without(graph, layers[second.node]).nodes) == len(graph.nodes) - 1


def test_protected_and_shared_layers_stay() -> None:
    shared = GRAPHS["shared_layer"]()
    assert not any(_class_of(shared, site) == "Conv2D" for site in single_layers(shared))
    seed = seed_graph((8, 8, 3), 10, rng=np.random.default_rng(0))
    assert [_class_of(seed, site) for site in single_layers(seed)] == ["ReLU"]


@pytest.mark.parametrize("name", GRAPHS)
def test_what_is_left_is_sound(name: str) -> None:
    graph = GRAPHS[name]()
    for site in single_layers(graph):
        left = _without(graph, site)
        validate_graph(left)
        assert len(left.nodes) < len(graph.nodes)


@given(st.sampled_from([*GRAPHS]), st.integers(0, 2**32))
def test_layers_go_until_none_is_left(name: str, seed: int) -> None:
    graph, rng = GRAPHS[name](), np.random.default_rng(seed)
    for _ in range(len(graph.nodes)):
        outcome = apply(RemoveLayer(), graph, CONTEXT, rng)
        if isinstance(outcome, NotApplicable):
            return
        validate_graph(outcome.graph)
        assert outcome.record.layers
        graph = outcome.graph
    raise AssertionError("more layers went than there were")


def test_every_layer_is_drawn() -> None:
    graph, rng = chain(), np.random.default_rng(0)
    outcomes = [apply(RemoveLayer(), graph, CONTEXT, rng) for _ in range(200)]
    drawn = {each.record.target for each in outcomes if isinstance(each, Morphed)}
    assert drawn == {site.name for site in single_layers(graph)}
