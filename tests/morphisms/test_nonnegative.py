"""Tensors that are never negative."""

import pytest
from graph_builder import GraphBuilder

from prune_mi.graph.ir import TensorRef
from prune_mi.morphisms.insertion import is_nonnegative


def test_from_a_relu_on_through_what_yields_no_negative_value() -> None:
    net = GraphBuilder()
    relu = net.relu(net.norm(net.conv(net.input, 4)))
    fused = net.conv(relu, 4, activation="relu")
    shrunk = net.dropout(net.max_pool(net.concat(relu, fused)))
    summed = net.multiply(shrunk, net.squeeze(shrunk))
    graph = net.graph(net.dense(net.flatten(summed)))
    found = {node.name for node in graph.nodes if is_nonnegative(graph, TensorRef(node.name))}
    signed = {"input_1", "conv_1", "bn_1", "dense_1"}
    assert found == {node.name for node in graph.nodes} - signed


@pytest.mark.parametrize("signed", ["conv_1", "input_1"])
def test_one_signed_tensor_makes_a_sum_signed(signed: str) -> None:
    net = GraphBuilder((8, 8, 4))
    conv = net.conv(net.input, 4)
    relu = net.relu(conv)
    summed = net.add(relu, TensorRef(signed))
    graph = net.graph(net.head(summed))
    assert is_nonnegative(graph, relu)
    assert not is_nonnegative(graph, summed)


def test_a_constant_may_be_negative() -> None:
    net = GraphBuilder()
    relu = net.relu(net.conv(net.input, 4))
    added = net.call(net.layer("Add", "plus"), (relu, -1.0), (None, 8, 8, 4))
    assert not is_nonnegative(net.graph(net.head(added)), added)


@pytest.mark.parametrize(
    ("kind", "config", "expected"),
    [
        ("ReLU", {"max_value": 6.0}, True),
        ("ReLU", {"negative_slope": 0.1}, False),
        ("Relu6", {}, True),
        ("Activation", {"activation": "relu"}, True),
        ("Activation", {"activation": "tanh"}, False),
        ("LeakyReLU", {}, False),
        ("UpSampling2D", {"interpolation": "bicubic"}, False),
    ],
)
def test_kinds_of_activation(kind: str, config: dict[str, object], expected: bool) -> None:
    net = GraphBuilder()
    x = net.call(net.layer(kind, "act", **config), (net.conv(net.input, 4),), (None, 8, 8, 4))
    assert is_nonnegative(net.graph(net.head(x)), x) is expected
