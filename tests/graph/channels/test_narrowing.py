"""Narrowed graphs: the right parts of the right weights, everywhere, and what must not be."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from graph_builder import (
    GRAPHS,
    GraphBuilder,
    dense_block,
    identity_residual,
    inception,
    mixed_group,
    shared_layer,
    snapshot,
    squeeze_excite,
)
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.errors import GraphError
from prune_mi.graph.channels.going_order import least_channels
from prune_mi.graph.channels.narrowing import Narrowed, narrow, narrowest
from prune_mi.graph.channels.resizing import SHAPES_ONLY
from prune_mi.graph.channels.width_groups import width_groups
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable


def _narrowed(graph: LayerGraph, **gone: list[int]) -> Narrowed:
    before = snapshot(graph)
    outcome = narrow(graph, gone)
    assert isinstance(outcome, Narrowed)
    assert snapshot(graph) == before
    return outcome


def _weights(graph: LayerGraph, layer: str) -> dict[str, np.ndarray]:
    return dict(graph.layers[layer].named_weights)


def test_a_sum_loses_the_same_places_of_all_its_parts() -> None:
    graph = identity_residual()
    narrowed = _narrowed(graph, conv_1=[1])
    left = [0, 2, 3]
    assert sorted(narrowed.kept) == ["conv_1", "conv_3"]
    for name in ("conv_1", "conv_3"):
        old, new = _weights(graph, name), _weights(narrowed.graph, name)
        np.testing.assert_array_equal(narrowed.kept[name], left)
        np.testing.assert_array_equal(new["kernel"], old["kernel"][..., left])
        np.testing.assert_array_equal(new["bias"], old["bias"][left])
        assert narrowed.graph.layers[name].config["filters"] == 3
    read = _weights(narrowed.graph, "conv_2")["kernel"]
    np.testing.assert_array_equal(read, _weights(graph, "conv_2")["kernel"][:, :, left])
    moving = _weights(narrowed.graph, "bn_2")["moving_mean"]
    np.testing.assert_array_equal(moving, _weights(graph, "bn_2")["moving_mean"][left])
    assert narrowed.graph.spec(TensorRef("add_1")).shape == (None, 8, 8, 3)


def test_concatenated_channels_go_at_their_offset() -> None:
    graph = dense_block()
    narrowed = _narrowed(graph, conv_2=[0, 2])  # behind the 4 channels of conv_1
    kernel = _weights(graph, "conv_4")["kernel"]
    left = [0, 1, 2, 3, 5, 7, 8, 9]
    np.testing.assert_array_equal(_weights(narrowed.graph, "conv_4")["kernel"], kernel[:, :, left])


def test_depthwise_convolutions_and_flattenings_lose_what_they_hand_on() -> None:
    graph = inception()
    narrowed = _narrowed(graph, conv_4=[3])  # behind the 2 channels of conv_2
    left = [0, 1, 2, 3, 4, 6, 7, 8]
    assert list(narrowed.kept) == ["conv_4"]
    np.testing.assert_array_equal(
        _weights(narrowed.graph, "depthwise_1")["kernel"],
        _weights(graph, "depthwise_1")["kernel"][:, :, left],
    )
    rows = _weights(graph, "dense_1")["kernel"].reshape(4, 4, 9, 3)[:, :, left]
    np.testing.assert_array_equal(
        _weights(narrowed.graph, "dense_1")["kernel"], rows.reshape(-1, 3)
    )


def test_a_gate_goes_with_what_it_gates() -> None:
    narrowed = _narrowed(squeeze_excite(), conv_1=[0, 5])
    assert sorted(narrowed.kept) == ["conv_1", "dense_2"]
    assert _weights(narrowed.graph, "dense_1")["kernel"].shape == (4, 2)
    assert _weights(narrowed.graph, "dense_2")["kernel"].shape == (2, 4)


def test_a_shared_layer_is_cut_once_for_all_its_calls() -> None:
    net = GraphBuilder((8, 8, 4))
    weights = {"kernel": (3, 3, 4, 4), "bias": (4,)}
    shared = net.layer("Conv2D", "shared", weights=weights, filters=4)
    x = net.call(shared, (net.conv(net.input, 4),), (None, 8, 8, 4))
    graph = net.graph(net.head(net.call(shared, (x,), (None, 8, 8, 4))))
    narrowed = _narrowed(graph, conv_1=[2]).graph
    assert _weights(narrowed, "shared_1")["kernel"].shape == (3, 3, 3, 3)
    assert narrowed.spec(TensorRef("shared_1:1")).shape == (None, 8, 8, 3)


@pytest.mark.parametrize(
    ("groups", "gone", "kernel", "left"),
    [(4, [1], (3, 3, 2, 3), 3), (2, [1], (3, 3, 3, 4), 2)],
)
def test_a_convolution_in_groups(
    groups: int, gone: list[int], kernel: tuple[int, ...], left: int
) -> None:
    net = GraphBuilder((8, 8, 4))
    weights = {"kernel": (3, 3, 8 // groups, 4), "bias": (4,)}
    x = net.conv(net.input, 8)
    grouped = net.layer("Conv2D", "grouped", weights=weights, groups=groups, filters=4)
    graph = net.graph(net.head(net.call(grouped, (x,), (None, 8, 8, 4))))
    narrowed = _narrowed(graph, conv_1=gone).graph
    assert _weights(narrowed, "grouped_1")["kernel"].shape == kernel
    assert narrowed.layers["grouped_1"].config["groups"] == (left if groups == 4 else groups)


@pytest.mark.parametrize("shape", [(1, 1, 6), (1, 6)])
def test_a_reshape_says_how_many_are_left(shape: tuple[int, ...]) -> None:
    net = GraphBuilder()
    x = net.conv(net.input, 6)
    layer = net.layer("Reshape", "reshape", target_shape=shape)
    graph = net.graph(net.dense(net.flatten(net.call(layer, (net.pool(x),), (None, *shape)))))
    narrowed = _narrowed(graph, conv_1=[0, 1]).graph
    assert narrowed.layers["reshape_1"].config["target_shape"] == (*shape[:-1], 4)


def test_nothing_gone_is_the_graph_itself() -> None:
    graph = identity_residual()
    outcome = narrow(graph, {"conv_1": []})
    assert isinstance(outcome, Narrowed)
    assert (outcome.graph.structural_hash(), outcome.kept) == (graph.structural_hash(), {})


def test_some_channel_must_be_left() -> None:
    outcome = narrow(identity_residual(), {"conv_1": range(4)})
    assert outcome == NotApplicable("'conv_1' would have no channel left")


@pytest.mark.parametrize(
    ("gone", "kept"),
    [
        ([0, 1, 2, 3], {"conv_2": [3], "conv_5": [3, 4, 5, 6, 7, 8, 9, 10]}),
        ([0, 3, 2, 1, 5], {"conv_2": [1], "conv_3": [0, 2, 3, 4, 5]}),
        ([10, 4], {"conv_3": [1, 2, 3, 4, 5], "conv_5": [0, 1, 2, 3, 5, 6, 7, 8, 9, 10]}),
        (range(10), {"conv_2": [3], "conv_3": [5], "conv_5": [3, 9, 10]}),
    ],
)
def test_of_a_part_of_a_group_the_last_channel_stays(
    gone: list[int], kept: dict[str, list[int]]
) -> None:
    narrowed = _narrowed(mixed_group(), conv_2=gone)
    for name, places in kept.items():
        assert narrowed.kept[name].tolist() == places
    assert "conv_4" not in narrowed.kept  # its only one
    total = len(narrowed.kept["conv_5"])
    assert narrowed.graph.spec(TensorRef("add_1")).shape == (None, 8, 8, total)


def _small_groups() -> LayerGraph:
    """A convolution in two groups that are left with one channel each."""
    net = GraphBuilder((8, 8, 4))
    weights = {"kernel": (3, 3, 3, 4), "bias": (4,)}
    grouped = net.layer("Conv2D", "grouped", weights=weights, groups=2, filters=4)
    return net.graph(net.head(net.call(grouped, (net.conv(net.input, 6),), (None, 8, 8, 4))))


@pytest.mark.parametrize("make", [*GRAPHS.values(), mixed_group, _small_groups])
def test_the_narrowest_has_as_few_channels_of_each_layer_as_may_be(
    make: Callable[..., LayerGraph],
) -> None:
    graph = make()
    least = narrowest(graph)
    for group in width_groups(graph):
        for name in group.producers:
            before, after = (len(each.layers[name].weights[0].T) for each in (graph, least))
            if group.reason is not None:
                assert after == before
            elif make is not mixed_group:
                assert after * group.num_channels == before * least_channels(group.num_channels)
    if make is mixed_group:
        widths = [len(least.layers[f"conv_{n}"].weights[0].T) for n in range(1, 6)]
        assert widths == [1, 1, 1, 1, 3]


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ({"conv_9": [0]}, "received 'conv_9'; expected the name of a width group"),
        ({"conv_1": [4]}, "received channel 4 of 'conv_1'; expected 0 to 3"),
        ({"conv_1": [-1, 2]}, "received channel -1 of 'conv_1'"),
        ({"dense_1": [0]}, "the channels of 'dense_1' must stay: 'dense_1' yields the model's"),
    ],
)
def test_what_is_not_there(gone: dict[str, list[int]], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        narrow(identity_residual(), gone)


@pytest.mark.parametrize("name", ["conv_1", "conv_3", "conv_2", "bn_2"])
def test_protected_layers_stay_as_they_are(name: str) -> None:
    graph = replace(identity_residual(), protected=frozenset({name}))
    reason = f"{name!r} is protected"
    reasons = {group.name: group.reason for group in width_groups(graph)}
    assert reasons["conv_1"] == reason
    with pytest.raises(GraphError, match=reason):
        narrow(graph, {"conv_1": [0]})


@pytest.mark.parametrize("name", ["conv_1", "depthwise_1"])
def test_kept_layers_say_why(name: str) -> None:
    net = GraphBuilder()
    graph = net.graph(net.head(net.depthwise(net.conv(net.input, 4))))
    graph = replace(graph, kept={name: "is read by another network"})
    assert width_groups(graph)[0].reason == f"{name!r} is read by another network"


def test_frozen_layers_lose_channels_and_keep_the_values_of_the_rest() -> None:
    graph = replace(identity_residual(), frozen=frozenset({"conv_2"}))
    narrowed = _narrowed(graph, conv_2=[3], conv_1=[0]).graph
    np.testing.assert_array_equal(
        _weights(narrowed, "conv_2")["kernel"], _weights(graph, "conv_2")["kernel"][:, :, 1:, :3]
    )


def test_groups_go_together_as_one_after_the_other() -> None:
    graph = dense_block()
    both = _narrowed(graph, conv_1=[0], conv_3=[1]).graph
    one = _narrowed(_narrowed(graph, conv_1=[0]).graph, conv_3=[1]).graph
    assert both.structural_hash() == one.structural_hash()
    for name, layer in both.layers.items():
        for weight, other in zip(layer.weights, one.layers[name].weights, strict=True):
            np.testing.assert_array_equal(weight, other)


@given(
    make=st.sampled_from([*GRAPHS.values(), shared_layer]),
    shares=st.lists(st.floats(0, 0.9), min_size=8, max_size=8),
    seed=st.integers(0, 99),
)
def test_every_free_group_can_go_in_part(
    make: Callable[..., LayerGraph], shares: list[float], seed: int
) -> None:
    graph, rng = make(), np.random.default_rng(seed)
    gone = {
        group.name: rng.permutation(group.num_channels)[: int(share * group.num_channels)].tolist()
        for group, share in zip(width_groups(graph), shares, strict=False)
        if group.reason is None
    }
    narrowed = narrow(graph, gone)
    outlined = narrow(graph, gone, resize=SHAPES_ONLY)
    assert isinstance(narrowed, Narrowed)
    assert isinstance(outlined, Narrowed)
    assert narrowed.graph.structural_hash() == outlined.graph.structural_hash()
    for group in width_groups(graph):
        left = group.num_channels - len(gone.get(group.name, []))
        now = {each.name: each for each in width_groups(narrowed.graph)}[group.name]
        assert (now.num_channels, now.reason) == (left, group.reason)
