"""One output unit: what it is read as, its two columns, and what may go in front of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from graph_builder import GraphBuilder

from prune_mi.graph.cost import graph_cost
from prune_mi.graph.edit import with_config
from prune_mi.graph.interface.binary_output import (
    is_one_unit,
    last_activations,
    two_columns,
    unit_reading,
    yielding_layers,
)
from prune_mi.graph.interface.packing import pack, unpack
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.units.discovery import find_units, removable_units
from prune_mi.graph.units.removal import remove_unit


def _net(activation: Any = "linear", *, units: int = 1) -> LayerGraph:
    """A chain of convolutions that ends in a dense layer."""
    net = GraphBuilder()
    x = net.conv_block(net.conv_block(net.input, 4), 4)
    graph = net.graph(net.dense(net.pool(x), units))
    return with_config(graph, {"dense_1": {"activation": activation}})


def _behind(*kinds: str, **config: object) -> LayerGraph:
    """The same with calls behind the dense layer that leave its shape."""
    net = GraphBuilder()
    x = net.dense(net.pool(net.conv_block(net.input, 4)), 1)
    for kind in kinds:
        layer = net.layer(kind, kind.lower(), **config)
        x = net.call(layer, (x,), (None, 1))
    return net.graph(x)


def _hard(*, slope: float = 0.2, most: float | None = 1.0, units: int = 1) -> LayerGraph:
    """The same that ends in Keras 2's `hard_sigmoid` as it is upgraded: a rescaling and a ReLU."""
    net = GraphBuilder()
    x = net.dense(net.pool(net.conv_block(net.input, 4)), units)
    x = net.call(net.layer("Rescaling", "scaled", scale=slope, offset=0.5), (x,), (None, units))
    cut = net.layer("ReLU", "cut", max_value=most, negative_slope=0.0, threshold=0.0)
    return net.graph(net.call(cut, (x,), (None, units)))


_FUNCTION = {"module": "builtins", "class_name": "function", "config": "sigmoid"}
_LAYER = {"module": "keras.layers", "class_name": "ReLU", "config": {"name": "re_lu"}}


@pytest.mark.parametrize(
    ("graph", "reading", "activation"),
    [
        (_net("sigmoid"), "sigmoid", "sigmoid"),
        (_net("hard_sigmoid"), "sigmoid", "hard_sigmoid"),
        (_net(_FUNCTION), "sigmoid", "sigmoid"),
        (_net("tanh"), "tanh", "tanh"),
        (_net(None), "logit", "linear"),
        (_net("linear"), "logit", "linear"),
        (_net("relu"), None, "relu"),
        (_net(_LAYER), None, "re_lu"),
        (_net("softmax"), None, "softmax"),
        (_behind("Sigmoid"), "sigmoid", "sigmoid"),
        (_behind("HardSigmoid"), "sigmoid", "hard_sigmoid"),
        (_behind("Activation", activation="sigmoid"), "sigmoid", "sigmoid"),
        (_behind("Activation", "Reshape", activation="sigmoid"), "sigmoid", "sigmoid"),
        (_behind("Sigmoid", "Squeeze", "Cast"), "sigmoid", "sigmoid"),
        (_behind("Activation", activation="linear"), "logit", "linear"),
        (_behind("Softmax"), None, "softmax"),
        (_hard(), "sigmoid", "hard_sigmoid"),
        (_hard(slope=1.0), None, "relu"),
        (_hard(most=None), None, "relu"),
        (_behind("ReLU", max_value=1.0), None, "relu"),
    ],
)
def test_a_unit_is_read_by_its_last_activation(
    graph: LayerGraph, reading: str | None, activation: str
) -> None:
    output = graph.outputs[0]
    assert is_one_unit(graph, output)
    assert unit_reading(graph, output) == reading
    assert last_activations(graph, output) == {activation}


def test_a_column_of_a_softmax_is_no_sigmoid() -> None:
    net = GraphBuilder()
    x = net.call(net.layer("Softmax", "softmax"), (net.dense(net.pool(net.input), 2),), (None, 2))
    graph = net.graph(net.call(net.layer("GetItem", "column"), (x,), (None, 1)))
    assert last_activations(graph, graph.outputs[0]) == {"linear"}


def test_several_units_are_not_one() -> None:
    graph = _net("sigmoid", units=2)
    assert not is_one_unit(graph, graph.outputs[0])
    assert pack(graph).graph is graph
    assert pack(graph).unit is None


@pytest.mark.parametrize(
    ("reading", "unit", "columns"),
    [
        ("sigmoid", [0.0, 0.25, 1.0], [[1.0, 0.0], [0.75, 0.25], [0.0, 1.0]]),
        ("tanh", [-1.0, 0.5, 1.0], [[1.0, 0.0], [0.25, 0.75], [0.0, 1.0]]),
        ("logit", [-3.0, 0.0, 2.0], [[0.0, -3.0], [0.0, 0.0], [0.0, 2.0]]),
    ],
)
@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 1, 1)])
def test_columns_of_the_two_classes(
    reading: Any, unit: list[float], columns: list[list[float]], shape: tuple[int, ...]
) -> None:
    received = two_columns(np.array(unit, np.float64).reshape(shape), reading)
    assert received.dtype == np.float32
    np.testing.assert_array_equal(received, np.array(columns, np.float32))


@pytest.mark.parametrize("graph", [_net("sigmoid"), _net("linear"), _behind("Sigmoid", "Squeeze")])
def test_a_packed_unit_has_two_columns_and_comes_back(graph: LayerGraph) -> None:
    packing = pack(graph)
    assert packing.graph.spec(packing.graph.outputs[0]).shape == (None, 2)
    assert packing.has_one_end and packing.other_sizes == ()
    assert graph_cost(packing.graph) == graph_cost(graph)
    back = unpack(packing.graph, packing)
    assert back.nodes == graph.nodes
    assert back.structural_hash() == graph.structural_hash()
    assert (back.outputs, back.layers.keys()) == (graph.outputs, graph.layers.keys())
    assert not back.kept and not back.packing


def test_the_head_stays_and_says_why() -> None:
    net = GraphBuilder()
    x = net.dense(net.pool(net.conv_block(net.input, 4)), 1)
    x = net.call(net.layer("Sigmoid", "sigmoid"), (x,), (None, 1))
    graph = net.graph(net.call(net.layer("Squeeze", "squeeze"), (x,), (None,)))
    packed = pack(graph).graph
    assert yielding_layers(graph, graph.outputs[0]) == {"sigmoid_1", "squeeze_1"}
    units = {unit.name: unit for unit in find_units(packed)}
    assert units["sigmoid_1"].reason == "'sigmoid_1' yields the model's output"
    going = {name for unit in removable_units(packed) for name in unit.nodes}
    assert not going & {"sigmoid_1", "squeeze_1", *packed.packing}
    removed = remove_unit(packed, units["relu_1"])
    assert unpack(removed, pack(graph)).outputs == graph.outputs


def test_both_layers_of_an_upgraded_hard_sigmoid_yield_the_output() -> None:
    graph = _hard()
    assert yielding_layers(graph, graph.outputs[0]) == {"scaled_1", "cut_1"}
    kept = {name: unit.reason for unit in find_units(pack(graph).graph) for name in unit.nodes}
    assert kept["scaled_1"] == "'scaled_1' yields the model's output"
    several = _hard(units=3)
    assert last_activations(several, several.outputs[0]) == {"hard_sigmoid"}


def test_a_dense_head_of_the_shape_that_it_reads_stays() -> None:
    net = GraphBuilder()
    graph = net.graph(net.dense(net.dense(net.pool(net.input), 1), 1))
    units = {unit.name: unit for unit in find_units(pack(graph).graph)}
    assert units["dense_2"].reason == "'dense_2' yields the model's output"


def _parts(units: int) -> LayerGraph:
    """Two parallel branches right before the last layer."""
    net = GraphBuilder()
    x = net.conv(net.input, 3)
    x = net.concat(net.conv(x, 2), net.conv(net.conv(x, 2), 4))
    return net.graph(net.dense(net.pool(x), units))


def test_what_the_head_reads_may_be_narrowed_as_before_several_units() -> None:
    graph = _parts(1)
    packing = pack(graph)
    names = {unit.name for unit in removable_units(packing.graph)}
    assert names == {unit.name for unit in removable_units(_parts(3))}
    (part,) = [unit for unit in removable_units(packing.graph) if unit.name == "concat_1/part_2"]
    back = unpack(remove_unit(packing.graph, part), packing)
    assert back.layers["dense_1"].weights[0].shape == (2, 1)
    np.testing.assert_array_equal(
        back.layers["dense_1"].weights[0], graph.layers["dense_1"].weights[0][:2]
    )


def test_one_unit_among_several_outputs() -> None:
    net = GraphBuilder()
    x = net.pool(net.conv_block(net.input, 4))
    graph = net.graph(net.dense(x, 5), net.dense(x, 1))
    graph = with_config(graph, {"dense_2": {"activation": "sigmoid"}})
    packing = pack(graph, judged=1)
    assert (packing.unit, packing.other_sizes, packing.has_one_end) == ("sigmoid", (5,), False)
    assert packing.graph.spec(packing.graph.outputs[0]).shape == (None, 7)
    assert {"dense_1", "dense_2"} <= packing.graph.protected
    back = unpack(packing.graph, packing)
    assert (back.outputs, back.nodes) == (graph.outputs, graph.nodes)
    first = pack(graph, judged=0)  # the unit is not judged then
    assert first.graph.spec(first.graph.outputs[0]).shape == (None, 6)


def test_a_protected_head_stays_protected() -> None:
    graph = replace(_parts(1), protected=frozenset({"dense_1"}))
    units = {unit.name: unit for unit in find_units(pack(graph).graph)}
    assert "'dense_1', which reads it, is protected" in (units["concat_1/part_2"].reason or "")
