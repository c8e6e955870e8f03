"""Padded graphs are sound, and are the graphs that they were once the zeros have gone."""

import numpy as np
from graph_builder import GRAPHS, GraphBuilder, snapshot
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.graph.channels.padding import padded
from prune_mi.graph.channels.width_groups import width_groups
from prune_mi.graph.edit import validate_graph
from prune_mi.graph.ir import LayerGraph


def _normed(width: int) -> LayerGraph:
    net = GraphBuilder()
    x = net.relu(net.norm(net.conv(net.input, width)))
    x = net.add(x, net.norm(net.conv(net.relu(net.norm(net.conv(x, width + 1))), width)))
    return net.graph(net.head(x))


@given(
    make=st.sampled_from([*GRAPHS.values(), lambda: _normed(5), lambda: _normed(8)]),
    multiple=st.integers(2, 16),
)
def test_what_is_padded_is_sound_and_comes_back_as_it_was(make, multiple: int) -> None:  # type: ignore[no-untyped-def]
    graph = make()
    before = snapshot(graph)
    found = padded(graph, multiple)
    assert snapshot(graph) == before
    if found is None:
        return
    validate_graph(found.graph)
    sizes = {group.name: group.num_channels for group in width_groups(found.graph)}
    assert all(sizes[name] % multiple == 0 for name in found.added)
    assert list(found.graph.layers) == list(graph.layers)
    back = found.back({name: layer.weights for name, layer in found.graph.layers.items()})
    for name, layer in graph.layers.items():
        for weight, same in zip(layer.weights, back.layers[name].weights, strict=True):
            np.testing.assert_array_equal(weight, same)


def test_only_odd_numbers_are_filled_up() -> None:
    assert padded(_normed(8), 1) is None
    found = padded(_normed(8), 8)
    assert found is not None and {len(each) for each in found.added.values()} == {7}
    assert len(found.added) == 1
