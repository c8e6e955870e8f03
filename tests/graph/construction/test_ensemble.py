"""An ensemble's graph: one input, members side by side, their probabilities averaged."""

from dataclasses import replace

import pytest
from graph_builder import GRAPHS, GraphBuilder, chain, identity_residual, shared_layer, snapshot
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.errors import GraphError
from prune_mi.graph.construction.ensemble import check_members, ensemble_graph
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.edit import validate_graph
from prune_mi.graph.ir import LayerGraph, TensorRef, TensorSpec

ONE_ENDED = [name for name in GRAPHS if name != "multi_output"]


def _ensemble(members: list[LayerGraph]) -> LayerGraph:
    """Of members that yield logits."""
    return ensemble_graph(members, from_logits=[True] * len(members))


def _with_input(graph: LayerGraph, spec: TensorSpec) -> LayerGraph:
    first, *rest = graph.nodes
    return replace(graph, nodes=(replace(first, outputs=(spec,)), *rest))


@given(names=st.lists(st.sampled_from(ONE_ENDED), min_size=1, max_size=4), seed=st.integers(0, 9))
def test_cost_is_the_sum_and_members_stay_as_they_were(names: list[str], seed: int) -> None:
    members = [GRAPHS[name](seed=seed) for name in names]
    members = [each for each in members if each.spec(each.inputs[0]).shape == (None, 8, 8, 2)]
    if not members:
        members = [chain()]
    before = [snapshot(each) for each in members]
    ensemble = validate_graph(_ensemble(members))
    assert [snapshot(each) for each in members] == before
    cost, parts = graph_cost(ensemble), [graph_cost(each) for each in members]
    assert cost.num_params == sum(each.num_params for each in parts)
    assert cost.macs == sum(each.macs for each in parts)
    added = len(members) + (len(members) > 1)  # softmaxes and the average
    assert cost.num_layers == sum(each.num_layers - 1 for each in parts) + 1 + added
    assert len(ensemble.inputs) == len(ensemble.outputs) == 1
    assert ensemble.spec(ensemble.outputs[0]) == TensorSpec((None, 3), "float32")


def test_weights_are_the_members_own_arrays() -> None:
    member = chain()
    ensemble = _ensemble([member, member])
    for name, layer in member.layers.items():
        if layer.weights:
            for place in (1, 2):
                copies = ensemble.layers[f"member_{place}_{name}"].weights
                assert all(a is b for a, b in zip(copies, layer.weights, strict=True))


def test_a_shared_layer_is_shared_within_its_member_alone() -> None:
    ensemble = _ensemble([shared_layer(seed=1), shared_layer(seed=2)])
    assert ensemble.calls_of("member_1_shared_1") == 2
    assert ensemble.calls_of("member_2_shared_1") == 2
    assert ensemble.node_by_name["member_2_shared_1:1"].layer == "member_2_shared_1"


def test_what_is_frozen_protected_or_kept_stays_so() -> None:
    first = replace(chain(), frozen=frozenset({"conv_1", "input_1"}))
    second = replace(chain(), protected=frozenset({"bn_1"}), kept={"bn_1": "is asked for"})
    ensemble = ensemble_graph([first, second], from_logits=[False, False], name="pair")
    assert ensemble.name == "pair"
    assert ensemble.frozen == {"member_1_conv_1"}
    assert ensemble.protected == {"member_2_bn_1"}
    assert ensemble.kept == {"member_2_bn_1": "is asked for"}


def test_only_logits_get_a_softmax() -> None:
    ensemble = ensemble_graph([chain(), chain()], from_logits=[True, False])
    kinds = [layer.class_name for layer in ensemble.layers.values()]
    assert kinds.count("Softmax") == 1


def test_an_ensemble_can_be_a_member() -> None:
    pair = _ensemble([chain(seed=1), identity_residual(seed=2)])
    nested = ensemble_graph([pair, chain(seed=3)], from_logits=[False, True])
    assert graph_cost(nested).num_params == graph_cost(pair).num_params + (
        graph_cost(chain()).num_params
    )


def test_no_members() -> None:
    with pytest.raises(GraphError, match="an ensemble of no networks"):
        check_members([])


def test_one_answer_for_each_member_is_needed() -> None:
    with pytest.raises(GraphError, match=r"has 1 entries; expected one for each of the 2 members"):
        ensemble_graph([chain(), chain()], from_logits=[True])


def test_other_input_shapes_are_refused() -> None:
    net = GraphBuilder((8, 8, 4))
    with pytest.raises(GraphError, match=r"member 2 .* takes \(None, 8, 8, 4\) float32; expected"):
        check_members([chain(), net.graph(net.head(net.input))])


def test_other_input_types_are_refused() -> None:
    coarse = _with_input(chain(), TensorSpec((None, 8, 8, 2), "uint8"))
    with pytest.raises(GraphError, match=r"takes \(None, 8, 8, 2\) uint8; expected .* float32"):
        check_members([chain(), coarse])


def test_other_numbers_of_classes_are_refused() -> None:
    net = GraphBuilder()
    five = net.graph(net.dense(net.pool(net.input), 5))
    with pytest.raises(GraphError, match=r"member 3 .* tells 5 classes apart; expected 3 classes"):
        check_members([chain(), chain(), five])


def test_several_outputs_are_refused() -> None:
    with pytest.raises(GraphError, match=r"member 2 .* has several inputs or outputs"):
        check_members([chain(), GRAPHS["multi_output"]()])


def test_what_is_no_classifier_is_refused() -> None:
    graph = chain()
    with pytest.raises(GraphError, match=r"member 1 .* yields \(None, 8, 8, 4\); expected a class"):
        check_members([replace(graph, outputs=(TensorRef("relu_2"),))])
