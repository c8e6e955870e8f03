"""Where in a network a tensor lies."""

import pytest
from graph_builder import GRAPHS, GraphBuilder

from prune_mi.graph.analysis.layer_counts import BEHIND_KINDS, THIRDS, location_of
from prune_mi.graph.ir import TensorRef
from prune_mi.records import Place


@pytest.mark.parametrize("name", GRAPHS)
def test_every_tensor_has_a_place_in_order(name: str) -> None:
    graph = GRAPHS[name]()
    places = [location_of(graph, TensorRef(node.name)) for node in graph.nodes]
    assert places[0] == Place(0, "input")
    thirds = [place.third for place in places]
    assert thirds == sorted(thirds) and thirds[-1] == THIRDS[-1]
    assert {place.behind for place in places} <= set(BEHIND_KINDS)


def test_a_place_says_what_yields_its_tensor() -> None:
    build = GraphBuilder()
    conv = build.conv(build.input, 4)
    norm = build.norm(conv)
    relu = build.relu(norm)
    pool = build.pool(relu)
    drop = build.dropout(pool)
    join = build.add(drop, pool)
    graph = build.graph(build.dense(build.flatten(join)))
    refs = (conv, norm, relu, pool, drop, join)
    found = [location_of(graph, ref).behind for ref in refs]
    assert found == ["kernel", "norm", "activation", "pooling", "noise", "join"]
