from dataclasses import replace

import numpy as np
import pytest
from graph_builder import (
    GRAPHS,
    GraphBuilder,
    add_of_three,
    chain,
    identity_residual,
    multi_output,
    shared_layer,
    snapshot,
)

from prune_mi.errors import GraphError
from prune_mi.graph.edit import (
    bypass,
    drop_argument,
    fresh_name,
    insert_after,
    read_only,
    with_config,
    with_weights,
    without_dead_nodes,
)
from prune_mi.graph.ir import LayerDef, LayerGraph, TensorRef, TensorSpec


def _names(graph: LayerGraph) -> list[str]:
    return [node.name for node in graph.nodes]


def _layer(name: str) -> LayerDef:
    return LayerDef(name, "ReLU", {"config": {"name": name}})


def test_bypass_feeds_the_readers_and_drops_what_is_dead() -> None:
    graph = chain()
    before = snapshot(graph)
    slim = bypass(graph, TensorRef("relu_2"), TensorRef("relu_1"))
    assert _names(slim) == ["input_1", "conv_1", "bn_1", "relu_1", "pool_1", "dense_1"]
    assert list(slim.layers) == _names(slim)
    assert slim.node_by_name["pool_1"].inputs == (TensorRef("relu_1"),)
    assert slim.layers["conv_1"] is graph.layers["conv_1"]
    assert snapshot(graph) == before


def test_bypass_moves_an_output() -> None:
    graph = multi_output()
    slim = bypass(graph, TensorRef("relu_1"), TensorRef("bn_1"))
    assert slim.outputs == (TensorRef("bn_1"), TensorRef("dense_1"), TensorRef("dense_2"))
    assert slim.node_by_name["conv_2"].inputs == (TensorRef("bn_1"),)


def test_bypass_keeps_what_others_still_read() -> None:
    graph = identity_residual()
    slim = bypass(graph, TensorRef("add_1"), TensorRef("relu_1"))
    assert _names(slim) == ["input_1", "conv_1", "relu_1", "relu_3", "pool_1", "dense_1"]


def test_bypass_of_one_call_keeps_a_shared_layer() -> None:
    slim = bypass(shared_layer(), TensorRef("shared_1"), TensorRef("input_1"))
    assert _names(slim) == ["input_1", "relu_1", "shared_1:1", "pool_1", "dense_1"]
    assert slim.calls_of("shared_1") == 1


def test_bypass_refuses_another_shape() -> None:
    graph = chain()
    before = snapshot(graph)
    with pytest.raises(GraphError, match=r"cannot put input_1 .*2\) in the place of relu_1 .*4\)"):
        bypass(graph, TensorRef("relu_1"), TensorRef("input_1"))
    assert snapshot(graph) == before


@pytest.mark.parametrize("later", ["relu_2", "conv_2"])
def test_bypass_refuses_a_tensor_that_is_not_earlier(later: str) -> None:
    with pytest.raises(GraphError, match=f"cannot put {later} in the place .* it comes later"):
        bypass(chain(), TensorRef("conv_2"), TensorRef(later))


def test_insert_after_stands_between_a_tensor_and_all_its_readers() -> None:
    graph = identity_residual()
    before = snapshot(graph)
    grown = insert_after(graph, TensorRef("relu_1"), (_layer("a"), _layer("b")))
    assert _names(grown)[2:6] == ["relu_1", "a", "b", "conv_2"]
    assert grown.node_by_name["a"].inputs == (TensorRef("relu_1"),)
    assert grown.node_by_name["b"].inputs == (TensorRef("a"),)
    assert grown.node_by_name["conv_2"].inputs == (TensorRef("b"),)
    assert grown.node_by_name["add_1"].inputs == (TensorRef("b"), TensorRef("bn_2"))
    assert grown.spec(TensorRef("b")) == graph.spec(TensorRef("relu_1"))
    assert snapshot(graph) == before
    assert snapshot(bypass(grown, TensorRef("b"), TensorRef("relu_1"))) == before


def test_insert_after_an_output_becomes_the_output() -> None:
    grown = insert_after(chain(), TensorRef("dense_1"), (_layer("softmax"),))
    assert grown.outputs == (TensorRef("softmax"),)
    assert _names(grown)[-2:] == ["dense_1", "softmax"]


def test_insert_after_yields_what_it_is_told() -> None:
    specs = (TensorSpec((None, 4, 4, 4), "float32"), TensorSpec((None, 2, 2, 4), "float16"))
    grown = insert_after(chain(), TensorRef("relu_1"), (_layer("a"), _layer("b")), specs)
    assert (grown.spec(TensorRef("a")), grown.spec(TensorRef("b"))) == specs
    assert grown.spec(TensorRef("conv_2")) == chain().spec(TensorRef("conv_2"))


@pytest.mark.parametrize("name", ["bn_1", "shared_1:1"])
def test_insert_after_refuses_a_taken_name(name: str) -> None:
    graph = chain() if name == "bn_1" else shared_layer()
    with pytest.raises(GraphError, match=f"the name '{name}' is taken"):
        insert_after(graph, TensorRef("relu_1"), (_layer(name),))


def test_insert_after_refuses_a_name_given_twice() -> None:
    with pytest.raises(GraphError, match="two calls are named 'new'"):
        insert_after(chain(), TensorRef("relu_1"), (_layer("new"), _layer("new")))


def test_drop_argument_drops_what_only_fed_it() -> None:
    graph = add_of_three()
    before = snapshot(graph)
    slim = drop_argument(graph, "add_1", 0)
    assert slim.node_by_name["add_1"].inputs == (TensorRef("relu_1"), TensorRef("conv_3"))
    assert isinstance(slim.node_by_name["add_1"].args[0], list)
    assert set(_names(graph)) - set(_names(slim)) == {"conv_2", "relu_2"}
    middle = drop_argument(graph, "add_1", 1)
    assert middle.node_by_name["add_1"].inputs == (TensorRef("relu_2"), TensorRef("conv_3"))
    assert _names(middle) == _names(graph)
    assert snapshot(graph) == before


def test_without_dead_nodes_keeps_inputs_and_drops_whole_dead_ends() -> None:
    graph = multi_output()
    one = without_dead_nodes(replace(graph, outputs=(TensorRef("relu_1"),)))
    assert _names(one) == ["input_1", "conv_1", "bn_1", "relu_1"]
    assert set(one.layers) == set(_names(one))
    nothing = without_dead_nodes(replace(graph, outputs=(TensorRef("input_1"),)))
    assert _names(nothing) == ["input_1"]


@pytest.mark.parametrize("name", GRAPHS)
def test_without_dead_nodes_leaves_a_sound_graph_as_it_is(name: str) -> None:
    graph = GRAPHS[name]()
    assert snapshot(without_dead_nodes(graph)) == snapshot(graph)


def test_with_config_sets_some_arguments() -> None:
    graph = chain()
    before = snapshot(graph)
    changed = with_config(graph, {"conv_1": {"filters": 9, "new": 1}})
    assert changed.layers["conv_1"].config["filters"] == 9
    assert changed.layers["conv_1"].config["new"] == 1
    assert changed.layers["conv_1"].config["kernel_size"] == [3, 3]
    assert changed.layers["conv_1"].serialized["module"] == "keras.layers"
    assert changed.layers["conv_2"] is graph.layers["conv_2"]
    assert snapshot(graph) == before


def test_with_config_refuses_another_name() -> None:
    with pytest.raises(GraphError, match="'conv_1' is filed under another name"):
        with_config(chain(), {"conv_1": {"name": "conv_9"}})


def test_with_weights_copies_and_locks() -> None:
    graph = chain()
    before = snapshot(graph)
    kernel, bias = np.ones((3, 3, 2, 4)), np.arange(4.0)
    changed = with_weights(graph, {"conv_1": (kernel, bias)})
    bias[:] = -1
    assert changed.layers["conv_1"].weights[1].tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        changed.layers["conv_1"].weights[0][:] = 0
    assert changed.layers["conv_2"] is graph.layers["conv_2"]
    assert snapshot(graph) == before


@pytest.mark.parametrize(
    "arrays",
    [(), (np.ones((3, 3, 2, 4)),), (np.ones((3, 3, 2, 4)), np.ones(5))],
)
def test_with_weights_refuses_other_shapes(arrays: tuple[np.ndarray, ...]) -> None:
    match = r"layer 'conv_1' has weights of shapes \[\(3, 3, 2, 4\), \(4,\)\]; received"
    with pytest.raises(GraphError, match=match):
        with_weights(chain(), {"conv_1": arrays})


def test_fresh_name_is_borne_by_no_layer_and_no_call() -> None:
    graph = chain()
    assert fresh_name(graph, "conv") == "conv_3"
    assert fresh_name(graph, "new") == "new_1"
    net = GraphBuilder()
    conv = net.layer("ReLU", "new")
    x = net.call(conv, (net.input,), (None, 8, 8, 2))
    graph = net.graph(net.head(x))
    renamed = replace(graph.nodes[1], name="new_2")
    nodes = (graph.nodes[0], renamed, graph.nodes[2].with_inputs(lambda _: TensorRef("new_2")))
    graph = replace(graph, nodes=(*nodes, *graph.nodes[3:]))
    assert fresh_name(graph, "new") == "new_3"


def test_read_only_is_a_copy() -> None:
    array = np.zeros(2)
    locked = read_only(array)
    array[0] = 1
    assert locked.tolist() == [0, 0]
    assert not locked.flags.writeable
    assert array.flags.writeable
