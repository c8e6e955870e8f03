"""Widened graphs are sound: all weights fit the shapes that they are fed, and shares sum to 1."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from graph_builder import (
    GRAPHS,
    GraphBuilder,
    chain,
    identity_residual,
    inception,
    shared_layer,
    snapshot,
)
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.errors import GraphError
from prune_mi.graph.channels.channel_map import ChannelMap
from prune_mi.graph.channels.propagation import INPUT_AXIS
from prune_mi.graph.channels.widening import WIDENABLE, Growth, widen
from prune_mi.graph.channels.width_groups import width_groups
from prune_mi.graph.edit import validate_graph
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable


def _widened(graph: LayerGraph, *layers: str, times: int = 2) -> LayerGraph:
    outcome = widen(graph, layers, times=times, rng=np.random.default_rng(0))
    assert isinstance(outcome, LayerGraph)
    return outcome


def _reason(graph: LayerGraph, *layers: str) -> str:
    outcome = widen(graph, layers, times=2, rng=np.random.default_rng(0))
    assert isinstance(outcome, NotApplicable)
    return outcome.reason


def _fits(graph: LayerGraph) -> None:
    """All weights have the sizes of the channels that they read and make."""
    for node in validate_graph(graph).nodes:
        layer = graph.layer_of(node)
        width = node.outputs[0].shape[-1]
        for name, weight in zip(layer.weight_names, layer.weights, strict=True):
            if name == "kernel":
                read = graph.spec(node.inputs[0]).shape[-1]
                assert weight.shape[INPUT_AXIS[layer.class_name]] == read
            if layer.class_name in WIDENABLE or name != "kernel":
                assert weight.shape[-1] == width
            assert not weight.flags.writeable
        assert layer.config.get("filters", layer.config.get("units", width)) == width


@given(
    make=st.sampled_from(list(GRAPHS.values())),
    choices=st.lists(st.tuples(st.integers(0, 99), st.sampled_from([2, 4])), max_size=3),
    seed=st.integers(0, 99),
)
def test_whatever_is_widened_all_weights_fit(
    make: Callable[[], LayerGraph], choices: list[tuple[int, int]], seed: int
) -> None:
    graph = make()
    before = snapshot(graph)
    wider, rng = graph, np.random.default_rng(seed)
    for choice, times in choices:
        groups = width_groups(wider)
        group = groups[choice % len(groups)]
        if all(wider.layers[name].class_name in WIDENABLE for name in group.producers):
            outcome = widen(wider, group.producers, times=times, rng=rng)
            wider = wider if isinstance(outcome, NotApplicable) else outcome
        _fits(wider)
    assert snapshot(graph) == before
    assert [wider.spec(ref) for ref in wider.outputs] == [graph.spec(ref) for ref in graph.outputs]


def test_columns_are_copied_and_rows_shared_out() -> None:
    graph = chain()
    wider = _widened(graph, "conv_1", times=4)
    old, new = graph.layers["conv_1"].weights, wider.layers["conv_1"].weights
    np.testing.assert_array_equal(new[0], np.repeat(old[0], 4, axis=-1))
    np.testing.assert_array_equal(new[1], np.repeat(old[1], 4))
    for one, other in zip(graph.layers["bn_1"].weights, wider.layers["bn_1"].weights, strict=True):
        np.testing.assert_array_equal(other, np.repeat(one, 4))
    kernel, grown = graph.layers["conv_2"].weights[0], wider.layers["conv_2"].weights[0]
    copies = grown.reshape(3, 3, 4, 4, 4)  # rows, columns, channels, their copies, filters
    np.testing.assert_allclose(copies.sum(axis=3), kernel, rtol=1e-6)
    shares = copies / kernel[:, :, :, None]
    assert 0.5 / (0.5 + 3 * 1.5) < shares.min() < 0.15
    assert 0.35 < shares.max() < 1.5 / (1.5 + 3 * 0.5)
    # Shares of other filters are others: the copies' gradients are no multiples of one another.
    assert np.linalg.matrix_rank(shares[0, 0, 0]) == 4
    assert wider.spec(TensorRef("relu_1")).shape == (None, 8, 8, 16)
    assert wider.layers["conv_1"].config["filters"] == 16
    assert wider.layers["conv_2"].weights[1] is graph.layers["conv_2"].weights[1]


def test_rows_of_what_was_not_widened_stay() -> None:
    graph = inception()
    wider = _widened(graph, "conv_4")  # 2 + 4 + 3 channels; the middle 4 become 8
    old, new = graph.layers["dense_1"].weights[0], wider.layers["dense_1"].weights[0]
    rows, grown = old.reshape(4, 4, 9, 3), new.reshape(4, 4, 13, 3)
    np.testing.assert_array_equal(grown[:, :, [0, 1, 10, 11, 12]], rows[:, :, [0, 1, 6, 7, 8]])
    copies = grown[:, :, 2:10].reshape(4, 4, 4, 2, 3)
    np.testing.assert_allclose(copies.sum(axis=3), rows[:, :, 2:6], rtol=1e-6)
    depthwise = wider.layers["depthwise_1"].weights[0]
    np.testing.assert_array_equal(depthwise[:, :, 2:10:2], depthwise[:, :, 3:10:2])


def test_what_is_added_is_widened_together() -> None:
    graph = identity_residual()
    assert _reason(graph, "conv_1") == "'add_1' joins it with a tensor of full width"
    _fits(_widened(graph, "conv_1", "conv_3"))


def test_what_cannot_be_widened_says_why() -> None:
    graph = chain()
    assert _reason(graph, "dense_1") == "'dense_1' yields the model's output"
    protected = replace(graph, protected=frozenset({"conv_1"}))
    assert _reason(protected, "conv_1") == "'conv_1' is protected"
    kept = replace(protected, kept={"conv_1": "feeds another output"})
    assert _reason(kept, "conv_1") == "'conv_1' feeds another output"
    frozen = replace(graph, frozen=frozenset({"conv_1"}))
    assert _reason(frozen, "conv_1") == "'conv_1' is frozen"
    for reader in ("bn_1", "conv_2"):
        frozen = replace(graph, frozen=frozenset({reader}))
        assert _reason(frozen, "conv_1") == f"{reader!r}, which reads it, is frozen"
    net = GraphBuilder()
    softmax = net.graph(net.head(net.conv(net.input, 4, activation="softmax")))
    assert _reason(softmax, "conv_1") == "'conv_1' mixes its channels in its activation"
    assert _reason(shared_layer(), "shared_1") == (
        "'shared_1', which reads it, is called more than once"
    )


def test_a_protected_reader_is_not_touched_but_an_end_may_be_fed_otherwise() -> None:
    protected = replace(chain(), protected=frozenset({"conv_2"}))
    assert _reason(protected, "conv_1") == "'conv_2', which reads it, is protected"
    _fits(_widened(replace(protected, kept={"conv_2": "yields the model's output"}), "conv_1"))


def _normalised(*, whole: bool) -> LayerGraph:
    net = GraphBuilder()
    x = net.conv(net.input, 4)
    x = x if whole else net.concat(x, net.conv(net.input, 4))
    width = net.shape(x)[-1]
    norm = net.layer("LayerNormalization", "norm", weights={"gamma": (int(width or 0),)})
    return net.graph(net.head(net.call(norm, (x,), net.shape(x))))


def test_a_normalisation_over_channels_needs_all_of_them_copied() -> None:
    _fits(_widened(_normalised(whole=True), "conv_1"))
    reason = "normalises over all channels, which no longer count alike"
    assert _reason(_normalised(whole=False), "conv_1") == f"'norm_1', which reads it, {reason}"


def test_new_channels_pass_a_depthwise_kernel_and_batch_norm_unchanged() -> None:
    growth, more = Growth(np.random.default_rng(0)), ChannelMap.extended(3, 2, 1)
    kernel = growth.hand("kernel", np.full((3, 3, 2, 2), 5.0), more, -2)
    np.testing.assert_array_equal(kernel[:, :, :2], np.full((3, 3, 2, 2), 5.0))
    assert kernel[1, 1, 2].tolist() == [1, 1] and kernel[:, :, 2].sum() == 2
    for name, value in (("gamma", 1), ("beta", 0), ("moving_mean", 0), ("moving_variance", 1)):
        assert growth.hand(name, np.array([5.0, 6.0]), more, 0).tolist() == [5, 6, value]
    read = growth.read(np.full((2, 4), 3.0), more, 0)
    np.testing.assert_array_equal(read, [[3.0] * 4, [3.0] * 4, [0.0] * 4])


def test_wrong_arguments() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(GraphError, match="received times=1; expected at least 2 copies"):
        widen(chain(), ["conv_1"], times=1, rng=rng)
    with pytest.raises(GraphError, match="received 'bn_1', a BatchNormalization, to widen; exp"):
        widen(chain(), ["bn_1"], times=2, rng=rng)
