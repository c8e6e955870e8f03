"""What is a shortcut, and what is left without it."""

from dataclasses import replace

import pytest
from graph_builder import (
    GRAPHS,
    GraphBuilder,
    add_of_three,
    chain,
    dense_block,
    identity_residual,
    projected_residual,
    snapshot,
)

from prune_mi.graph.edit import validate_graph
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.units.joins import (
    ancestors_through_kernels,
    find_shortcuts,
    without_shortcut,
)


def _found(graph: LayerGraph) -> list[tuple[str, int, str]]:
    return [(each.join, each.position, each.start.node) for each in find_shortcuts(graph)]


def _without(graph: LayerGraph, place: int = 0) -> LayerGraph:
    outcome = without_shortcut(graph, find_shortcuts(graph)[place])
    assert isinstance(outcome, LayerGraph)
    return validate_graph(outcome)


def _reason(graph: LayerGraph, place: int = 0) -> str:
    outcome = without_shortcut(graph, find_shortcuts(graph)[place])
    assert isinstance(outcome, NotApplicable)
    return outcome.reason


def test_tensors_behind_a_kernel() -> None:
    graph = identity_residual()
    spanned = ancestors_through_kernels(graph)
    assert TensorRef("relu_1") in spanned[TensorRef("conv_2")]
    assert TensorRef("conv_1") not in spanned[TensorRef("relu_1")]
    assert TensorRef("relu_1") in spanned[TensorRef("add_1")]
    assert TensorRef("add_1") not in spanned[TensorRef("pool_1")]


def test_identities_and_projections_are_shortcuts() -> None:
    assert _found(chain()) == []
    assert _found(identity_residual()) == [("add_1", 0, "relu_1")]
    assert _found(projected_residual()) == [("add_1", 0, "relu_1")]
    assert _found(dense_block()) == [("concat_1", 0, "conv_1"), ("concat_2", 0, "concat_1")]
    # The sum of a branch, the tensor that it leads round, and a 1x1 convolution of that.
    assert _found(add_of_three()) == [("add_1", 1, "relu_1"), ("add_1", 2, "relu_1")]


def test_branches_with_features_of_their_own_are_none() -> None:
    net = GraphBuilder()
    x = net.relu(net.conv(net.input, 4))
    branches = [net.conv(x, 4), net.conv(x, 4, 1, activation="relu"), net.relu(net.conv(x, 4, 1))]
    assert _found(net.graph(net.head(net.concat(*branches)))) == []


def test_a_sum_becomes_its_branch() -> None:
    slim = _without(identity_residual())
    assert slim.node_by_name["relu_3"].inputs == (TensorRef("bn_2"),)
    assert "add_1" not in slim.layers
    slim = _without(projected_residual())
    assert {"add_1", "conv_4"} & set(slim.layers) == set()
    slim = _without(add_of_three(), 1)
    assert slim.node_by_name["add_1"].inputs == (TensorRef("relu_2"), TensorRef("relu_1"))
    assert _found(slim) == [("add_1", 1, "relu_1")]
    assert "add_1" not in _without(slim).layers


def test_a_concatenation_becomes_its_branch_and_readers_are_sliced() -> None:
    graph = dense_block()
    slim = _without(graph, 1)
    assert "concat_2" not in slim.layers
    assert slim.layers["bn_3"].weights[0].shape == (3,)
    kernel = graph.layers["conv_4"].weights[0][:, :, 7:]
    assert (slim.layers["conv_4"].weights[0] == kernel).all()


@pytest.mark.parametrize("name", GRAPHS)
def test_shortcuts_go_one_after_the_other_until_none_is_left(name: str) -> None:
    graph = GRAPHS[name]()
    before = snapshot(graph)
    left = graph
    while find_shortcuts(left):
        outcome = without_shortcut(left, find_shortcuts(left)[0])
        if isinstance(outcome, NotApplicable):
            break
        left = validate_graph(outcome)
    assert snapshot(graph) == before
    assert [left.spec(ref) for ref in left.outputs] == [graph.spec(ref) for ref in graph.outputs]
    assert {ref.node for ref in left.inputs} <= left.upstream_of(ref.node for ref in left.outputs)


def test_why_a_shortcut_stays() -> None:
    graph = identity_residual()
    protected = replace(graph, protected=frozenset({"add_1"}))
    assert _reason(protected) == "'add_1' is protected"
    kept = replace(protected, kept={"add_1": "feeds another output"})
    assert _reason(kept) == "'add_1' feeds another output"
    projected = replace(projected_residual(), protected=frozenset({"conv_4"}))
    assert _reason(projected) == "'conv_4' is protected"

    net = GraphBuilder()
    x = net.conv(net.input, 4)
    graph = net.graph(net.head(net.add(x, net.dense(net.squeeze(x), 4))))
    assert _reason(graph) == "what 'add_1' joins it with has not the shape of their sum"

    net = GraphBuilder()
    x = net.conv(net.input, 4)
    branch = net.conv(x, 4)
    graph = net.graph(net.head(net.add(net.add(x, branch), branch)))
    assert _reason(graph) == "'add_2' would be left with a tensor and itself"

    net = GraphBuilder()
    x = net.conv(net.input, 4)
    graph = net.graph(net.pool(net.concat(x, net.conv(x, 4))))
    assert _reason(graph) == "'pool_1' yields the model's output"
