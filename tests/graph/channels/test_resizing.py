import numpy as np
import pytest
from graph_builder import GraphBuilder, dense_block, inception, snapshot

from prune_mi.graph.channels.channel_map import ChannelMap
from prune_mi.graph.channels.propagation import Propagation, propagation
from prune_mi.graph.channels.resizing import propagate
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.units.discovery import find_units
from prune_mi.graph.units.removal import remove_unit, without_part


def _without(graph: LayerGraph, name: str) -> LayerGraph:
    return remove_unit(graph, {unit.name: unit for unit in find_units(graph)}[name])


def _reason(graph: LayerGraph, join: str, index: int) -> str:
    outcome = without_part(graph, graph.node_by_name[join], index)
    assert isinstance(outcome, NotApplicable)
    return outcome.reason


def test_norms_and_kernels_behind_a_part_lose_its_channels() -> None:
    graph = dense_block()
    before = snapshot(graph)
    slim = _without(graph, "concat_1/part_2")  # 4 + 3 + 3 channels; the middle 3 go
    kept = np.r_[0:4, 7:10]
    for old, new in zip(graph.layers["bn_3"].weights, slim.layers["bn_3"].weights, strict=True):
        np.testing.assert_array_equal(new, old[kept])
    kernel = graph.layers["conv_4"].weights[0]
    np.testing.assert_array_equal(slim.layers["conv_4"].weights[0], kernel[:, :, kept])
    np.testing.assert_array_equal(
        slim.layers["conv_4"].weights[1], graph.layers["conv_4"].weights[1]
    )
    assert "concat_1" not in slim.layers  # one tensor is left to join
    assert slim.spec(TensorRef("concat_2")).shape == (None, 8, 8, 7)
    assert slim.spec(TensorRef("relu_3")).shape == (None, 8, 8, 7)
    assert snapshot(graph) == before


def test_depthwise_and_flatten_hand_the_gap_on() -> None:
    graph = inception()
    slim = _without(graph, "concat_1/part_2")  # 2 + 4 + 3 channels; the middle 4 go
    kept = np.r_[0:2, 6:9]
    old, new = graph.layers["depthwise_1"].weights[0], slim.layers["depthwise_1"].weights[0]
    np.testing.assert_array_equal(new, old[:, :, kept])
    rows = graph.layers["dense_1"].weights[0].reshape(4, 4, 9, 3)
    expected = rows[:, :, kept].reshape(-1, 3)
    np.testing.assert_array_equal(slim.layers["dense_1"].weights[0], expected)


@pytest.mark.parametrize(("scale", "opaque"), [(0.5, False), ([0.5, 2.0, 1.0], True)])
def test_a_rescaling_hands_channels_on_unless_it_tells_them_apart(
    scale: object, opaque: bool
) -> None:
    net = GraphBuilder()
    x = net.conv(net.input, 3)
    scaled = net.call(
        net.layer("Rescaling", "scaled", scale=scale, offset=0.0), (x,), (None, 8, 8, 3)
    )
    graph = net.graph(net.head(scaled))
    outcome = propagation(graph, graph.node_by_name["scaled_1"], 3)
    assert outcome == (
        NotApplicable("has a constant for each channel") if opaque else Propagation("keep", 3)
    )


def test_two_parts_can_go_one_after_the_other() -> None:
    slim = _without(_without(inception(), "concat_1/part_1"), "concat_1/part_1")
    assert "concat_1" not in slim.layers
    assert slim.layers["depthwise_1"].weights[0].shape == (3, 3, 3, 1)


def test_reasons_why_a_part_must_stay() -> None:
    net = GraphBuilder((4, 4, 2))
    x = net.conv(net.input, 3)
    joined = net.concat(x, net.conv(x, 2))
    added = net.add(joined, net.conv(x, 5))
    graph = net.graph(net.head(added))
    assert _reason(graph, "concat_1", 1) == "'add_1' joins it with a tensor of full width"

    net = GraphBuilder((4, 4, 2))
    joined = net.concat(net.conv(net.input, 3), net.conv(net.input, 2))
    graph = net.graph(net.pool(joined))
    assert _reason(graph, "concat_1", 0) == "'pool_1' yields the model's output"

    net = GraphBuilder((4, 4, 2))
    joined = net.concat(net.conv(net.input, 3), net.conv(net.input, 2))
    softmax = net.call(net.layer("Softmax", "softmax"), (joined,), (None, 4, 4, 5))
    graph = net.graph(net.head(softmax))
    reason = "'softmax_1', a Softmax that reads it, may mix its channels"
    assert _reason(graph, "concat_1", 0) == reason

    net = GraphBuilder((4, 4, 2))
    x = net.conv(net.input, 2)
    shared = net.layer("Conv2D", "shared", weights={"kernel": (3, 3, 4, 4), "bias": (4,)})
    x = net.call(shared, (net.concat(x, net.conv(x, 2)),), (None, 4, 4, 4))
    graph = net.graph(net.head(net.call(shared, (x,), (None, 4, 4, 4))))
    reason = "'shared_1', which reads it, is called more than once"
    assert _reason(graph, "concat_1", 0) == reason


def test_equal_gaps_may_be_added_and_a_broadcast_gate_stays() -> None:
    net = GraphBuilder((4, 4, 2))
    x = net.conv(net.input, 4)
    gate = net.dense(net.squeeze(x), 1)
    graph = net.graph(net.head(net.multiply(net.add(net.relu(x), net.norm(x)), gate)))
    keep = np.array([True, False, True, True])
    mask = ChannelMap.keeping(3, keep)
    slim = propagate(graph, {TensorRef("relu_1"): mask, TensorRef("bn_1"): mask})
    assert isinstance(slim, LayerGraph)
    assert slim.spec(TensorRef("multiply_1")).shape == (None, 4, 4, 3)
    kept = graph.layers["dense_2"].weights[0][keep]
    np.testing.assert_array_equal(slim.layers["dense_2"].weights[0], kept)
    other = ChannelMap.keeping(3, [False, True, True, True])
    refused = propagate(graph, {TensorRef("relu_1"): mask, TensorRef("bn_1"): other})
    assert isinstance(refused, NotApplicable)
    assert refused.reason == "'add_1' joins it with a tensor of other channels"


@pytest.mark.parametrize("name", ["conv_4", "bn_3"])
def test_a_protected_reader_keeps_the_part(name: str) -> None:
    from dataclasses import replace

    graph = replace(dense_block(), protected=frozenset({name}))
    assert _reason(graph, "concat_1", 1) == f"{name!r}, which reads it, is protected"
