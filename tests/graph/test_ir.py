import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from graph_builder import GRAPHS, GraphBuilder, chain, multi_output, shared_layer, snapshot

from prune_mi.graph.edit import with_config, with_weights
from prune_mi.graph.ir import LayerGraph, Node, TensorRef, TensorSpec

every_graph = pytest.mark.parametrize("name", GRAPHS)


def test_the_parts_of_a_graph_are_frozen() -> None:
    graph = chain()
    for part in (graph, graph.nodes[1], graph.layers["conv_1"], graph.nodes[1].outputs[0]):
        field = next(iter(part.__dataclass_fields__))
        with pytest.raises(FrozenInstanceError):
            setattr(part, field, "other")
    with pytest.raises(FrozenInstanceError):
        TensorRef("conv_1").index = 1  # type: ignore[misc]


@every_graph
def test_a_graph_survives_pickling(name: str) -> None:
    graph = GRAPHS[name]()
    copy = pickle.loads(pickle.dumps(graph))
    assert snapshot(copy) == snapshot(graph)
    assert copy.structural_hash() == graph.structural_hash()
    # With what was worked out before, too.
    _ = graph.consumers, graph.position, graph.node_by_name
    again = pickle.loads(pickle.dumps(graph))
    assert again.consumers == graph.consumers
    assert snapshot(again) == snapshot(graph)


def test_weights_are_read_only_on_the_other_side_of_a_pickle() -> None:
    copy = pickle.loads(pickle.dumps(chain()))
    assert not copy.layers["conv_1"].weights[0].flags.writeable


@every_graph
def test_the_hash_forgets_names_and_weight_values(name: str) -> None:
    graph = GRAPHS[name]()
    renamed = GRAPHS[name](prefix="other_", seed=1)
    assert not set(renamed.layers) & set(graph.layers)
    assert renamed.structural_hash() == graph.structural_hash()
    assert replace(graph, name="another").structural_hash() == graph.structural_hash()


def test_no_two_different_graphs_have_the_same_hash() -> None:
    assert len({make().structural_hash() for make in GRAPHS.values()}) == len(GRAPHS)


def _chain_with(*, filters: int = 4, strides: int = 1, size: int = 3) -> LayerGraph:
    net = GraphBuilder()
    return net.graph(net.head(net.conv(net.input, filters, size, strides=strides)))


@pytest.mark.parametrize(
    "other",
    [
        _chain_with(filters=5),
        _chain_with(strides=2),
        _chain_with(size=5),
        with_config(_chain_with(), {"conv_1": {"padding": "valid"}}),
    ],
)
def test_the_hash_knows_settings_and_shapes(other: LayerGraph) -> None:
    assert other.structural_hash() != _chain_with().structural_hash()


def test_the_hash_knows_which_tensors_are_read_and_returned() -> None:
    graph = multi_output()
    turned = replace(graph, outputs=graph.outputs[::-1])
    assert turned.structural_hash() != graph.structural_hash()
    fewer = replace(graph, outputs=graph.outputs[1:])
    assert fewer.structural_hash() != graph.structural_hash()
    rewired = replace(
        graph,
        nodes=tuple(
            node.with_inputs(lambda ref: TensorRef("bn_2") if ref.node == "relu_2" else ref)
            for node in graph.nodes
        ),
    )
    assert rewired.structural_hash() != graph.structural_hash()


def test_the_hash_tells_a_shared_layer_from_two_alike() -> None:
    net = GraphBuilder((8, 8, 4))
    x = net.input
    for _ in range(2):
        conv = net.layer("Conv2D", "conv", weights={"kernel": (3, 3, 4, 4), "bias": (4,)})
        x = net.call(conv, (x,), (None, 8, 8, 4))
        if len(net.nodes) == 2:
            x = net.relu(x)
    alike = net.graph(net.head(x))
    shared = shared_layer()
    assert [shared.layer_of(node).class_name for node in shared.nodes] == [
        alike.layer_of(node).class_name for node in alike.nodes
    ]
    assert alike.structural_hash() != shared.structural_hash()


def _scaled(*args: object) -> LayerGraph:
    net = GraphBuilder()
    operation = net.layer("Subtract", "subtract")
    return net.graph(net.head(net.call(operation, args or (net.input, 1.0), (None, 8, 8, 2))))


def test_the_hash_knows_arguments_that_are_no_tensors() -> None:
    x = TensorRef("input_1")
    hashes = {_scaled(x, 1.0).structural_hash(), _scaled(x, 2.0).structural_hash()}
    assert len(hashes) == 2  # x - 1 and x - 2
    hashes.add(_scaled(1.0, x).structural_hash())
    assert len(hashes) == 3  # and 1 - x


def test_inputs_are_found_in_nested_arguments_in_order() -> None:
    a, b, c = TensorRef("a"), TensorRef("b"), TensorRef("c", 1)
    node = Node("n", "n", ([a, 2], (b,)), {"mask": {"k": c}, "again": a, "axis": -1}, ())
    assert node.inputs == (a, b, c, a)
    assert (node.data_inputs, node.mask_inputs) == ((a, b, a), (c,))


def test_with_inputs_changes_tensors_and_nothing_else() -> None:
    a, b = TensorRef("a"), TensorRef("b")
    node = Node("n", "l", ([a, 2], (b,)), {"mask": {"k": a}, "axis": -1}, (
        TensorSpec((None, 3), "float32"),
    ))  # fmt: skip
    changed = node.with_inputs(lambda ref: TensorRef("z", 2) if ref == a else ref)
    z = TensorRef("z", 2)
    assert changed == Node("n", "l", ([z, 2], (b,)), {"mask": {"k": z}, "axis": -1}, node.outputs)
    assert node.inputs == (a, b, a)
    assert changed.inputs == (z, b, z)


def test_consumers_positions_and_calls() -> None:
    graph = shared_layer()
    assert [node.name for node in graph.nodes] == [
        "input_1", "shared_1", "relu_1", "shared_1:1", "pool_1", "dense_1",
    ]  # fmt: skip
    assert graph.position["shared_1:1"] == 3
    assert graph.calls_of("shared_1") == 2
    assert graph.calls_of("dense_1") == 1
    assert graph.layer_of(graph.node_by_name["shared_1:1"]) is graph.layers["shared_1"]
    readers = graph.consumers[TensorRef("relu_1")]
    assert [node.name for node in readers] == ["shared_1:1"]
    assert TensorRef("dense_1") not in graph.consumers
    assert graph.spec(TensorRef("pool_1")) == TensorSpec((None, 4), "float32")


def test_a_call_that_reads_a_tensor_twice_is_one_consumer() -> None:
    net = GraphBuilder()
    x = net.relu(net.input)
    graph = net.graph(net.head(net.add(x, x)))
    assert [node.name for node in graph.consumers[x]] == ["add_1"]


def test_params_count_every_weight() -> None:
    layer = chain().layers["bn_1"]
    assert layer.num_params == 16
    assert chain().layers["conv_1"].num_params == 3 * 3 * 2 * 4 + 4
    assert chain().layers["relu_1"].num_params == 0


def test_new_weights_leave_the_hash(rng: np.random.Generator) -> None:
    graph = chain()
    arrays = tuple(rng.normal(size=w.shape) for w in graph.layers["conv_2"].weights)
    assert with_weights(graph, {"conv_2": arrays}).structural_hash() == graph.structural_hash()
