from dataclasses import replace

import pytest
from graph_builder import GRAPHS, chain, multi_output

from prune_mi.errors import GraphError
from prune_mi.graph.edit import validate_graph
from prune_mi.graph.ir import LayerGraph, TensorRef


def _refuse(graph: LayerGraph, match: str) -> None:
    with pytest.raises(GraphError, match=match):
        validate_graph(graph)


@pytest.mark.parametrize("name", GRAPHS)
def test_sound_graphs_come_back_themselves(name: str) -> None:
    graph = GRAPHS[name]()
    assert validate_graph(graph) is graph


def test_a_name_for_two_calls() -> None:
    graph = chain()
    twice = (*graph.nodes, graph.nodes[-1])
    _refuse(replace(graph, nodes=twice), "two calls are named 'dense_1'; .* must be unique")


def test_an_unknown_layer() -> None:
    graph = chain()
    layers = {name: layer for name, layer in graph.layers.items() if name != "bn_2"}
    _refuse(replace(graph, layers=layers), "call 'bn_2' calls 'bn_2', which is not in the graph")


@pytest.mark.parametrize("ref", [TensorRef("nobody"), TensorRef("relu_2"), TensorRef("conv_1", 1)])
def test_a_tensor_that_no_earlier_call_yields(ref: TensorRef) -> None:
    graph = chain()
    nodes = tuple(
        node.with_inputs(lambda _: ref) if node.name == "bn_1" else node for node in graph.nodes
    )
    _refuse(replace(graph, nodes=nodes), f"'bn_1' reads .*{ref.node}.*, which no earlier call")


def test_calls_out_of_order() -> None:
    graph = chain()
    nodes = (graph.nodes[0], graph.nodes[2], graph.nodes[1], *graph.nodes[3:])
    _refuse(replace(graph, nodes=nodes), "call 'bn_1' reads .*conv_1.*, which no earlier call")


@pytest.mark.parametrize("ref", [TensorRef("nobody"), TensorRef("dense_1", 1)])
def test_an_output_or_input_that_does_not_exist(ref: TensorRef) -> None:
    graph = chain()
    match = f"the graph's .*{ref.node}.* does not exist"
    _refuse(replace(graph, outputs=(*graph.outputs, ref)), match)
    _refuse(replace(graph, inputs=(*graph.inputs, ref)), match)


def test_a_layer_under_another_name() -> None:
    graph = chain()
    match = "layer 'conv_1' is filed under another name than its own"
    renamed = replace(graph.layers["conv_1"], name="other")
    _refuse(replace(graph, layers={**graph.layers, "conv_1": renamed}), match)
    serialized = {"config": {"name": "other"}}
    renamed = replace(graph.layers["conv_1"], serialized=serialized)
    _refuse(replace(graph, layers={**graph.layers, "conv_1": renamed}), match)


def test_a_layer_that_is_never_called() -> None:
    graph = chain()
    spare = replace(graph.layers["relu_1"], name="spare", serialized={"config": {}})
    _refuse(replace(graph, layers={**graph.layers, "spare": spare}), "'spare' is never called")


def test_a_call_that_feeds_nothing() -> None:
    graph = multi_output()
    match = "call 'dense_2' feeds nothing; remove it"
    _refuse(replace(graph, outputs=graph.outputs[:2]), match)


def test_an_input_may_feed_nothing() -> None:
    graph = chain()
    inputs = (*graph.inputs, TensorRef("spare"))
    spare = replace(graph.layers["input_1"], name="spare", serialized={"config": {}})
    node = replace(graph.nodes[0], name="spare", layer="spare")
    validate_graph(
        replace(
            graph,
            inputs=inputs,
            nodes=(node, *graph.nodes),
            layers={**graph.layers, "spare": spare},
        )
    )
