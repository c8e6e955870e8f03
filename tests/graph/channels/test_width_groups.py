from dataclasses import replace

import numpy as np
import pytest
from graph_builder import (
    GraphBuilder,
    concatenated,
    dense_block,
    identity_residual,
    inception,
    projected_residual,
    shared_layer,
    squeeze_excite,
)

from prune_mi.graph.channels.channel_map import ChannelMap
from prune_mi.graph.channels.resizing import propagate
from prune_mi.graph.channels.width_groups import WidthGroup, width_groups
from prune_mi.graph.edit import bypass
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable


def _groups(graph: LayerGraph) -> dict[tuple[str, ...], WidthGroup]:
    return {group.producers: group for group in width_groups(graph)}


def test_an_addition_binds_the_same_indices() -> None:
    groups = _groups(identity_residual())
    assert list(groups) == [("conv_1", "conv_3"), ("conv_2",), ("dense_1",)]
    bound = groups["conv_1", "conv_3"]
    assert (bound.num_channels, bound.reason) == (4, None)
    assert bound.consumers == ("conv_2", "dense_1")
    assert groups["dense_1",].reason == "'dense_1' yields the model's output"
    assert ("conv_3", "conv_4") in _groups(projected_residual())


def test_a_concatenation_strings_channels_together() -> None:
    groups = _groups(dense_block())
    assert [len(producers) for producers in groups] == [1] * len(groups)
    assert groups["conv_1",].consumers == ("conv_2", "conv_3", "conv_4")
    assert groups["conv_3",].consumers == ("conv_4",)


def test_a_depthwise_convolution_and_a_flattening_hand_channels_on() -> None:
    groups = _groups(inception())
    for producers in (("conv_2",), ("conv_4",), ("conv_5",)):
        assert groups[producers].consumers == ("depthwise_1", "dense_1")
    assert groups["conv_4",].num_channels == 4
    assert groups["conv_4",].reason is None


def test_a_gate_has_the_width_of_what_it_gates() -> None:
    groups = _groups(squeeze_excite())
    assert ("conv_1", "dense_2") in groups
    assert groups["dense_1",].num_channels == 2


def test_what_the_input_meets_must_stay() -> None:
    net = GraphBuilder((8, 8, 4))
    graph = net.graph(net.head(net.add(net.conv(net.input, 4), net.input)))
    assert _groups(graph)["conv_1",].reason == "'input_1' is the model's input"
    assert _groups(concatenated())["conv_1",].reason is None


def _in_groups(inputs: int, filters: int, groups: int) -> LayerGraph:
    net = GraphBuilder((8, 8, 4))
    x = net.conv(net.input, inputs)
    weights = {"kernel": (3, 3, inputs // groups, filters), "bias": (filters,)}
    grouped = net.layer("Conv2D", "grouped", weights=weights, groups=groups, filters=filters)
    return net.graph(net.head(net.call(grouped, (x,), (None, 8, 8, filters))))


def test_few_groups_lose_channels_alike_in_each() -> None:
    groups = _groups(_in_groups(6, 4, groups=2))
    assert groups["conv_1",].num_channels == 3
    assert groups["grouped_1",].num_channels == 2


def test_of_many_groups_whole_ones_go() -> None:
    groups = _groups(_in_groups(8, 4, groups=4))
    assert list(groups) == [("conv_1",), ("dense_1",)]
    assert groups["conv_1",].num_channels == 4
    assert groups["conv_1",].consumers == ("grouped_1", "dense_1")


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((64, 6), None),
        ((1, 64, 6), None),
        ((8, 48), "'reshape_1', a Reshape, may mix its channels"),
        ((6, 64), "'reshape_1', a Reshape, may mix its channels"),
        ((384,), None),
    ],
)
def test_a_reshape_keeps_channels_where_as_much_lies_behind_them(
    shape: tuple[int, ...], reason: str | None
) -> None:
    net = GraphBuilder((8, 8, 4))
    x = net.conv(net.input, 6)
    layer = net.layer("Reshape", "reshape", target_shape=shape)
    graph = net.graph(net.dense(net.flatten(net.call(layer, (x,), (None, *shape)))))
    assert _groups(graph)["conv_1",].reason == reason


def test_channels_on_different_axes_do_not_meet() -> None:
    net = GraphBuilder((4, 4))
    x = net.dense(net.input, 4)
    transposed = net.call(
        net.layer("Transpose", "transpose"), (net.dense(net.input, 4),), (None, 4, 4)
    )
    graph = net.graph(net.dense(net.flatten(net.add(x, transposed))))
    assert all(group.reason for group in width_groups(graph))


def test_a_shared_layer_makes_the_same_channels_at_each_call() -> None:
    net = GraphBuilder((8, 8, 4))
    shared = net.layer("Conv2D", "shared", weights={"kernel": (3, 3, 4, 4), "bias": (4,)})
    x = net.call(shared, (net.conv(net.input, 4),), (None, 8, 8, 4))
    graph = net.graph(net.head(net.call(shared, (x,), (None, 8, 8, 4))))
    groups = _groups(graph)
    # Its weights fit what each call is fed: conv_1 once, itself the other time.
    assert groups["conv_1", "shared_1"].consumers == ("shared_1", "dense_1")


def test_a_shared_layer_whose_first_call_has_gone() -> None:
    graph = shared_layer()
    left = bypass(graph, TensorRef("shared_1"), graph.inputs[0])
    assert [node.name for node in left.nodes if node.layer == "shared_1"] == ["shared_1:1"]
    assert list(_groups(left)) == [("shared_1",), ("dense_1",)]


@pytest.mark.parametrize("permuted", [False, True])
def test_channels_that_come_first(permuted: bool) -> None:
    shape = (8, 8, 2) if permuted else (2, 8, 8)
    net, first = GraphBuilder(shape), {"data_format": "channels_first"}
    x = net.relu(net.input)
    if permuted:
        x = net.call(net.layer("Permute", "permute", dims=[3, 1, 2]), (x,), (None, 2, 8, 8))
    kernels = ({"kernel": (3, 3, 2, 4), "bias": (4,)}, {"kernel": (3, 3, 4, 3), "bias": (3,)})
    for filters, weights in zip((4, 3), kernels, strict=True):
        conv = net.layer("Conv2D", "conv", weights=weights, filters=filters, **first)
        x = net.call(conv, (x,), (None, filters, 8, 8))
    flat = net.call(net.layer("Flatten", "flatten", **first), (x,), (None, 192))
    groups = _groups(net.graph(net.dense(flat)))
    assert [group.num_channels for group in groups.values()] == [4, 3, 3]
    assert [group.reason for group in groups.values()][:2] == [None, None]
    assert groups["conv_2",].consumers == ("dense_1",)


def test_a_mask_stays_and_what_it_masks_goes() -> None:
    net = GraphBuilder((4, 2))
    x = net.dense(net.input, 6)
    mask = net.call(net.layer("Cast", "cast"), (net.dense(net.flatten(x), 4),), (None, 4))
    weights = {"kernel": (6, 20), "recurrent_kernel": (5, 20), "bias": (20,)}
    lstm = net.layer("LSTM", "lstm", weights=weights, units=5, activation="tanh")
    y = net.call(lstm, (x,), (None, 5))
    net.nodes[-1] = replace(net.nodes[-1], kwargs={"mask": mask})
    graph = net.graph(net.dense(y))
    groups = _groups(graph)
    assert groups["dense_1",].reason is None
    assert groups["lstm_1",].reason is None
    assert groups["dense_2",].reason == "'lstm_1' takes it for a mask"
    refused = propagate(graph, {mask: ChannelMap.keeping(1, np.arange(4) > 0)})
    assert refused == NotApplicable("'lstm_1' takes it for a mask")
