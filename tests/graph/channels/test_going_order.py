"""Channels go so that every layer keeps what must stay of it, in multiples where asked."""

import numpy as np
import pytest
from graph_builder import GRAPHS, GraphBuilder, mixed_group
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.graph.channels.going_order import going_order, least_channels
from prune_mi.graph.channels.narrowing import Narrowed, narrow, narrowest
from prune_mi.graph.channels.width_groups import width_groups, widths
from prune_mi.graph.ir import LayerGraph


def _sum_with_concatenation(*parts: int) -> LayerGraph:
    net = GraphBuilder()
    x = net.conv(net.input, 5)
    joined = net.concat(*(net.conv(x, width) for width in parts))
    return net.graph(net.head(net.add(joined, net.conv(x, sum(parts)))))


def _num_outputs(graph: LayerGraph) -> dict[str, int]:
    names = {name for group in width_groups(graph) for name in group.producers}
    return {name: graph.layers[name].weights[0].shape[-1] for name in names}


@given(
    parts=st.lists(st.integers(1, 24), min_size=2, max_size=3),
    multiples=st.integers(2, 8),
    seed=st.integers(0, 99),
)
def test_every_layer_of_a_sum_with_a_concatenation_keeps_a_multiple(
    parts: list[int], multiples: int, seed: int
) -> None:
    graph = _sum_with_concatenation(*parts)
    known = widths(graph)
    place = next(place for place, own in enumerate(known.groups) if len(own.producers) > 1)
    group = known.groups[place]
    losses = np.random.default_rng(seed).random(group.num_channels)
    order = going_order(known, place, losses, multiples=multiples)
    assert len(np.unique(order.places)) == len(order.places) == order.counts[-1]
    before = _num_outputs(graph)
    for count in order.counts[1:]:
        found = narrow(graph, {group.name: order.places[:count].tolist()})
        assert isinstance(found, Narrowed)
        for name, after in _num_outputs(found.graph).items():
            assert (before[name] - after) % multiples == 0
            assert after >= min(before[name], max(multiples, least_channels(before[name])))


@pytest.mark.parametrize("multiples", [1, 2, 3, 8])
@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_the_least_loss_goes_first_and_no_layer_loses_all(make, multiples: int) -> None:  # type: ignore[no-untyped-def]
    graph = make()
    known = widths(graph)
    for place, group in enumerate(known.groups):
        losses = np.random.default_rng(0).random(group.num_channels)
        order = going_order(known, place, losses, multiples=multiples)
        assert order.counts[0] == 0 and (np.diff(order.counts) > 0).all()
        assert order.counts[-1] <= group.num_channels - least_channels(group.num_channels)
        if make is not mixed_group:
            assert (np.diff(losses[order.places]) > 0).all()
            if order.counts[-1]:
                left = group.num_channels - order.counts[1:]
                assert (left % multiples == 0).all()


def test_the_narrowest_in_multiples_is_wider() -> None:
    graph = _sum_with_concatenation(16, 32)
    assert set(_num_outputs(narrowest(graph, multiples=8)).values()) >= {8, 16}
    assert min(_num_outputs(narrowest(graph)).values()) < 8
