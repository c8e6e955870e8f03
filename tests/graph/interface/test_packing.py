"""Packed graphs have one input and one output; what they were made from comes back."""

from dataclasses import replace

import pytest
from graph_builder import GRAPHS, GraphBuilder, chain, multi_output, snapshot

from prune_mi.errors import ModelError
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.edit import validate_graph
from prune_mi.graph.interface.packing import pack, unpack
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef, TensorSpec
from prune_mi.graph.units.discovery import find_units, removable_units
from prune_mi.graph.units.removal import remove_unit
from prune_mi.graph.units.unit import Unit


def _second_input(graph: LayerGraph, name: str, *shape: int, dtype: str = "float32") -> LayerGraph:
    """A graph with one input more, which is also its last output."""
    config = {"name": name, "batch_shape": [None, *shape]}
    layer = LayerDef(name, "InputLayer", {"class_name": "InputLayer", "config": config})
    node = Node(name, name, (), {}, (TensorSpec((None, *shape), dtype),))
    return validate_graph(
        replace(
            graph,
            layers={**graph.layers, name: layer},
            nodes=(*graph.nodes, node),
            inputs=(*graph.inputs, TensorRef(name)),
            outputs=(*graph.outputs, TensorRef(name)),
        )
    )


def _residual_map() -> LayerGraph:
    """A sum that is returned, with a classifier behind it."""
    net = GraphBuilder()
    x = net.relu(net.conv(net.input, 4))
    total = net.add(x, net.relu(net.conv(x, 4)))
    return net.graph(total, net.head(net.conv_block(total, 4)))


def test_one_input_and_one_output_are_left_alone() -> None:
    graph = chain()
    packing = pack(graph)
    assert packing.graph is graph
    assert unpack(graph, packing) is graph
    assert packing.other_sizes == ()


@pytest.mark.parametrize("name", GRAPHS)
def test_unpacking_undoes_packing(name: str) -> None:
    graph = _second_input(GRAPHS[name](), "more", 3, 2)
    before = snapshot(graph)
    packing = pack(graph, judged=len(graph.outputs) - 2)
    validate_graph(packing.graph)
    assert len(packing.graph.inputs) == len(packing.graph.outputs) == 1
    back = unpack(packing.graph, packing)
    assert snapshot(graph) == before
    assert back.nodes == graph.nodes
    assert back.structural_hash() == graph.structural_hash()
    assert (back.inputs, back.outputs) == (graph.inputs, graph.outputs)
    assert back.layers.keys() == graph.layers.keys()
    assert graph_cost(packing.graph) == graph_cost(graph)


def test_an_input_that_nothing_reads_comes_back() -> None:
    graph = _second_input(chain(), "more", 3)
    graph = replace(graph, outputs=graph.outputs[:1])
    packing = pack(graph)
    assert packing.graph.spec(packing.graph.inputs[0]).shape == (None, 8 * 8 * 2 + 3)
    back = unpack(packing.graph, packing)
    assert (back.inputs, back.outputs) == (graph.inputs, graph.outputs)
    assert back.layers.keys() == graph.layers.keys()


def test_the_judged_output_comes_first() -> None:
    graph = multi_output()
    packing = pack(graph, judged=2)
    assert packing.order == (2, 0, 1)
    assert packing.other_sizes == (8 * 8 * 4, 2)
    assert packing.graph.spec(packing.graph.outputs[0]).shape == (None, 5 + 8 * 8 * 4 + 2)
    read = packing.graph.node_by_name[packing.graph.outputs[0].node].inputs
    assert (read[0], read[2]) == (graph.outputs[2], graph.outputs[1])


def test_names_of_the_models_own_are_not_taken() -> None:
    graph = multi_output()
    packed = pack(graph, judged=1).graph
    taken = next(iter(packed.packing))
    own = replace(graph.layers["dense_1"], name=taken)
    own = replace(own, serialized={**own.serialized, "config": {**own.config, "name": taken}})
    layers = {name: layer for name, layer in graph.layers.items() if name != "dense_1"}
    nodes = tuple(
        replace(node, name=taken, layer=taken) if node.name == "dense_1" else node
        for node in graph.nodes
    )
    outputs = tuple(TensorRef(taken) if ref.node == "dense_1" else ref for ref in graph.outputs)
    renamed = replace(graph, layers={**layers, taken: own}, nodes=nodes, outputs=outputs)
    packing = pack(renamed, judged=1)
    assert packing.graph.layers[taken] is own
    assert unpack(packing.graph, packing).nodes == nodes


def test_ends_and_what_feeds_other_outputs_stay_and_say_why() -> None:
    net = GraphBuilder()
    x = net.conv_block(net.conv_block(net.input, 4), 4)
    other = net.dense(net.relu(net.dense(net.pool(x), 4)), 2)
    graph = net.graph(net.head(x), other)
    packed = pack(graph, judged=0).graph
    units = {unit.name: unit for unit in find_units(packed)}
    assert units["conv_2"].reason is None
    assert units["dense_1"].reason == "'dense_1' feeds no output but others than 'dense_3'"
    assert packed.kept["dense_3"] == "yields one of the model's outputs"
    going = {name for unit in removable_units(packed) for name in unit.nodes}
    assert not going & (packed.protected | packed.packing)


def test_a_sum_that_is_an_output_does_not_go_with_its_branch() -> None:
    graph = _residual_map()
    packed = pack(graph, judged=1).graph
    units = {unit.name: unit for unit in find_units(packed)}
    assert (
        units["conv_2"].reason
        == "'add_1', which would go with it, yields one of the model's outputs"
    )
    assert units["add_1/branch"].reason == "'add_1' yields one of the model's outputs"
    assert units["conv_3"].reason is None


def test_edits_between_the_ends_are_kept() -> None:
    graph = _second_input(_residual_map(), "more", 3)
    packing = pack(graph, judged=1)
    (unit,) = [unit for unit in removable_units(packing.graph) if unit.name == "conv_3"]
    back = unpack(remove_unit(packing.graph, unit), packing)
    assert back.structural_hash() == remove_unit(graph, _same(graph, unit)).structural_hash()
    assert back.protected == graph.protected and not back.kept and not back.packing


def _same(graph: LayerGraph, unit: Unit) -> Unit:
    return next(each for each in find_units(graph) if each.name == unit.name)


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((3, 0), "float32", r"input 'more' has the shape \(None, 3, 0\)"),
        ((3,), "string", "the type string; expected numbers"),
    ],
)
def test_what_cannot_be_packed(shape: tuple[int, ...], dtype: str, message: str) -> None:
    graph = _second_input(chain(), "more", *shape, dtype=dtype)
    with pytest.raises(ModelError, match=message):
        pack(graph)
