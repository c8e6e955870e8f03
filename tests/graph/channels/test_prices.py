"""Prices of channels: what they say is left, and what counting the narrowed graph says."""

import numpy as np
import pytest
from graph_builder import GRAPHS, GraphBuilder
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.graph.channels.narrowing import Narrowed, narrow
from prune_mi.graph.channels.prices import Left, Prices, prices
from prune_mi.graph.channels.width_groups import widths
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph

_EXACT = ("params", "macs")


def _with_groups() -> LayerGraph:
    """Convolutions in groups, one of them depthwise, and one called twice."""
    net = GraphBuilder((8, 8, 4))
    x = net.conv(net.input, 6)
    weights = {"kernel": (3, 3, 3, 8), "bias": (8,)}
    grouped = net.layer("Conv2D", "grouped", weights=weights, groups=2, filters=8)
    x = net.call(grouped, (x,), (None, 8, 8, 8))
    weights = {"kernel": (3, 3, 1, 16), "bias": (16,)}
    each = net.layer("Conv2D", "each", weights=weights, groups=8, filters=16)
    x = net.call(each, (x,), (None, 8, 8, 16))
    weights = {"kernel": (1, 1, 16, 16), "bias": (16,)}
    shared = net.layer("Conv2D", "shared", weights=weights, filters=16)
    x = net.call(shared, (net.relu(net.call(shared, (x,), (None, 8, 8, 16))),), (None, 8, 8, 16))
    return net.graph(net.dense(net.flatten(net.max_pool(x))))


_ALL = {**GRAPHS, "with_groups": _with_groups}


def _left(priced: Prices, counts: np.ndarray) -> Left:
    left = Left(priced, _EXACT)
    for place, count in enumerate(counts):
        left.take(place, int(count) + 1)
        left.take(place, -1)
    return left


def _counted(graph: LayerGraph, priced: Prices, counts: np.ndarray) -> np.ndarray:
    gone = {
        group.name: list(range(count))
        for group, count in zip(priced.widths.groups, counts, strict=True)
        if count
    }
    narrowed = narrow(graph, gone)
    assert isinstance(narrowed, Narrowed)
    return np.array([graph_cost(narrowed.graph).amounts[cost] for cost in _EXACT])


@given(name=st.sampled_from(sorted(_ALL)), data=st.data())
def test_what_is_left_is_what_the_narrowed_graph_costs(name: str, data: st.DataObject) -> None:
    graph = _ALL[name]()
    priced = prices(graph)
    counts = np.array(
        [
            data.draw(st.integers(0, group.num_channels - 1)) if is_open else 0
            for group, is_open in zip(priced.widths.groups, priced.open, strict=True)
        ]
    )
    expected = _counted(graph, priced, counts)
    left = _left(priced, counts)
    np.testing.assert_array_equal(left.gone, counts)
    np.testing.assert_allclose(left.amounts(), expected, rtol=1e-12)
    saved = left.savings()
    for place, group in enumerate(priced.widths.groups):
        if priced.open[place] and counts[place] < group.num_channels - 1:
            one_more = counts + np.eye(len(counts), dtype=int)[place]
            fewer = _counted(graph, priced, one_more)
            np.testing.assert_allclose(expected - saved[place], fewer, rtol=1e-12)


@pytest.mark.parametrize("name", sorted(_ALL))
def test_every_group_that_can_lose_a_channel_is_open(name: str) -> None:
    graph = _ALL[name]()
    is_free = [each.reason is None and each.num_channels > 1 for each in widths(graph).groups]
    assert prices(graph).open.tolist() == is_free


@pytest.mark.parametrize("name", sorted(_ALL))
def test_nothing_gone_costs_the_whole(name: str) -> None:
    graph = _ALL[name]()
    priced = prices(graph)
    whole = graph_cost(graph).amounts
    costs = sorted(whole)
    expected = [whole[cost] for cost in costs]
    np.testing.assert_allclose(Left(priced, costs).amounts(), expected)


def test_channels_of_different_layers_are_priced_on_average() -> None:
    net = GraphBuilder()
    x = net.conv(net.input, 8)
    parts = net.concat(net.conv(x, 4, 3), net.conv(x, 6, 1), net.conv(x, 2, 5))
    graph = net.graph(net.head(net.add(parts, net.conv(x, 12))))
    priced = prices(graph)
    (place,) = [at for at, each in enumerate(priced.widths.groups) if len(each.producers) == 4]
    left = []
    for channel in range(12):
        narrowed = narrow(graph, {priced.widths.groups[place].name: [channel]})
        assert isinstance(narrowed, Narrowed)
        left.append([graph_cost(narrowed.graph).amounts[cost] for cost in _EXACT])
    one = np.eye(len(priced.open), dtype=int)[place]
    np.testing.assert_allclose(_left(priced, one).amounts(), np.mean(left, axis=0), rtol=1e-12)
