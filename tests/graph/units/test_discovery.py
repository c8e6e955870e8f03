from collections.abc import Callable

import pytest
from graph_builder import (
    GRAPHS,
    GraphBuilder,
    add_of_three,
    bottleneck,
    broadcast,
    chain,
    concatenated,
    identity_residual,
    multi_output,
    projected_residual,
    shared_layer,
    snapshot,
)
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.graph.cost import graph_cost
from prune_mi.graph.edit import validate_graph
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.units.discovery import find_units, removable_units
from prune_mi.graph.units.removal import remove_unit

OUTPUT = "yields the model's output"


STEM = ("conv_1", "run", "conv_1 relu_1", "changes the channels from 2 to 4")
HEAD = [
    ("pool_1", "layer", "pool_1", "changes the shape from 8x8x4 to 4"),
    ("dense_1", "run", "dense_1", OUTPUT),
]

EXPECTED: list[tuple[Callable[[], LayerGraph], list[tuple[str, str, str, str | None]]]] = [
    (
        chain,
        [
            (
                "conv_1",
                "run",
                "conv_1 bn_1 relu_1",
                "changes the channels from 2 to 4",
            ),
            ("bn_1", "layer", "bn_1", None),
            ("relu_1", "layer", "relu_1", None),
            ("conv_2", "run", "conv_2 bn_2 relu_2", None),
            ("bn_2", "layer", "bn_2", None),
            ("relu_2", "layer", "relu_2", None),
            *HEAD,
        ],
    ),
    (
        identity_residual,
        [
            STEM,
            ("relu_1", "layer", "relu_1", None),
            ("conv_2", "run", "conv_2 bn_1 relu_2", None),
            ("bn_1", "layer", "bn_1", None),
            ("relu_2", "layer", "relu_2", None),
            ("conv_3", "run", "conv_3 bn_2", None),
            ("bn_2", "layer", "bn_2", None),
            ("add_1/branch", "branch", "conv_2 bn_1 relu_2 conv_3 bn_2 add_1", None),
            ("relu_3", "layer", "relu_3", None),
            *HEAD,
        ],
    ),
    (
        projected_residual,
        [
            STEM,
            ("relu_1", "layer", "relu_1", None),
            (
                "conv_2",
                "run",
                "conv_2 bn_1 relu_2",
                "changes the channels from 4 to 6 and the image from 8x8 to 4x4 (strides)",
            ),
            ("bn_1", "layer", "bn_1", None),
            ("relu_2", "layer", "relu_2", None),
            ("conv_3", "run", "conv_3 bn_2", None),
            ("bn_2", "layer", "bn_2", None),
            (
                "conv_4",
                "run",
                "conv_4",
                "changes the channels from 4 to 6 and the image from 8x8 to 4x4 (strides)",
            ),
            ("add_1/shortcut", "branch", "conv_4 add_1", None),
            ("add_1/branch", "branch", "conv_2 bn_1 relu_2 conv_3 bn_2 add_1", None),
            ("relu_3", "layer", "relu_3", None),
            ("pool_1", "layer", "pool_1", "changes the shape from 4x4x6 to 6"),
            ("dense_1", "run", "dense_1", OUTPUT),
        ],
    ),
    (
        bottleneck,
        [
            STEM,
            ("relu_1", "layer", "relu_1", None),
            ("conv_2", "run", "conv_2 relu_2 conv_3 relu_3 conv_4", None),
            ("relu_2", "layer", "relu_2", None),
            ("conv_3", "run", "conv_3 relu_3", None),
            ("relu_3", "layer", "relu_3", None),
            ("conv_4", "run", "conv_4", "changes the channels from 3 to 4"),
            ("dropout_1", "layer", "dropout_1", None),
            *HEAD,
        ],
    ),
    (
        concatenated,
        [
            ("depthwise_1", "run", "depthwise_1", None),
            ("conv_1", "run", "conv_1", "changes the channels from 4 to 5"),
            ("concat_1/part_1", "part", "depthwise_1", None),
            ("concat_1/part_2", "part", "conv_1", None),
            ("pool_1", "layer", "pool_1", "changes the shape from 8x8x13 to 13"),
            ("dense_1", "run", "dense_1", OUTPUT),
        ],
    ),
    (
        shared_layer,
        [
            ("shared_1", "run", "shared_1 relu_1", None),
            ("relu_1", "layer", "relu_1", None),
            ("shared_1:1", "run", "shared_1:1", None),
            *HEAD,
        ],
    ),
    (
        add_of_three,
        [
            STEM,
            ("relu_1", "layer", "relu_1", None),
            ("conv_2", "run", "conv_2 relu_2", None),
            ("relu_2", "layer", "relu_2", None),
            ("conv_3", "run", "conv_3", None),
            ("add_1/branch", "branch", "conv_2 relu_2", None),
            ("add_1/shortcut", "branch", "conv_3", None),
            *HEAD,
        ],
    ),
    (
        broadcast,
        [
            STEM,
            ("relu_1", "layer", "relu_1", None),
            ("squeeze_1", "layer", "squeeze_1", "changes the image from 8x8 to 1x1 (pooling)"),
            ("dense_1", "run", "dense_1", None),
            ("add_1/branch", "branch", "squeeze_1 dense_1 add_1", None),
            ("pool_1", "layer", "pool_1", "changes the shape from 8x8x4 to 4"),
            ("dense_2", "run", "dense_2", OUTPUT),
        ],
    ),
    (
        multi_output,
        [
            ("conv_1", "run", "conv_1 bn_1 relu_1", OUTPUT),
            ("bn_1", "layer", "bn_1", None),
            ("relu_1", "layer", "relu_1", OUTPUT),
            ("conv_2", "run", "conv_2 bn_2 relu_2", None),
            ("bn_2", "layer", "bn_2", None),
            ("relu_2", "layer", "relu_2", None),
            ("pool_1", "layer", "pool_1", "changes the shape from 8x8x4 to 4"),
            ("dense_1", "run", "dense_1", OUTPUT),
            ("dense_2", "run", "dense_2", OUTPUT),
        ],
    ),
]


@pytest.mark.parametrize(
    ("make", "expected"), EXPECTED, ids=[make.__name__ for make, _ in EXPECTED]
)
def test_the_units_of_a_graph(
    make: Callable[[], LayerGraph], expected: list[tuple[str, str, str, str | None]]
) -> None:
    units = find_units(make())
    found = [(unit.name, unit.kind, " ".join(unit.nodes), unit.reason) for unit in units]
    assert found == expected
    assert removable_units(make()) == tuple(unit for unit in units if unit.reason is None)


def test_where_a_branch_begins_and_ends() -> None:
    branch, shortcut = (
        unit
        for unit in find_units(projected_residual())
        if unit.name in ("add_1/shortcut", "add_1/branch")
    )
    assert branch.name == "add_1/shortcut"
    assert (branch.before, branch.after, branch.position) == (
        TensorRef("bn_2"), TensorRef("add_1"), 0,
    )  # fmt: skip
    assert (shortcut.before, shortcut.after, shortcut.position) == (
        TensorRef("conv_4"), TensorRef("add_1"), 1,
    )  # fmt: skip


def test_where_a_run_begins_and_ends() -> None:
    run = next(unit for unit in find_units(bottleneck()) if unit.name == "conv_2")
    assert (run.before, run.after, run.position) == (TensorRef("relu_1"), TensorRef("conv_4"), None)


def test_a_broadcast_image_must_stay() -> None:
    net = GraphBuilder()
    x = net.relu(net.conv(net.input, 4))
    small = net.dense(net.squeeze(x), 4)
    graph = net.graph(net.head(net.add(net.conv(x, 4), small)))
    reasons = {unit.name: unit.reason for unit in find_units(graph) if unit.kind == "branch"}
    assert reasons == {
        "add_1/shortcut": "what is left would be 1x1x4, not 8x8x4",
        "add_1/branch": None,
    }


def test_three_tensors_that_are_not_a_list() -> None:
    net = GraphBuilder((8, 8, 4))
    branches = (net.conv(net.input, 4), net.conv(net.input, 4), net.input)
    add = net.call(net.layer("Add", "add"), branches, (None, 8, 8, 4))
    graph = net.graph(net.head(add))
    reasons = {unit.reason for unit in find_units(graph) if unit.kind == "branch"}
    assert reasons == {"'add_1' does not read a list of tensors"}


def test_a_tensor_joined_with_itself() -> None:
    net = GraphBuilder()
    x = net.relu(net.input)
    graph = net.graph(net.head(net.add(x, x)))
    add = next(unit for unit in find_units(graph) if unit.name == "add_1")
    assert (add.kind, add.reason) == ("layer", "joins a tensor with itself")


def test_a_run_ends_at_a_tensor_that_is_an_output() -> None:
    net = GraphBuilder((8, 8, 4))
    x = net.conv(net.input, 4)
    graph = net.graph(x, net.head(net.norm(x)))
    run = next(unit for unit in find_units(graph) if unit.name == "conv_1")
    assert (run.nodes, run.reason) == (("conv_1",), OUTPUT)


def test_a_normalisation_read_by_others_too_ends_its_run() -> None:
    net = GraphBuilder((8, 8, 4))
    x = net.norm(net.conv(net.input, 4))
    graph = net.graph(net.head(net.concat(net.relu(x), x)))
    run = next(unit for unit in find_units(graph) if unit.name == "conv_1")
    assert run.nodes == ("conv_1", "bn_1")


@pytest.mark.parametrize("name", GRAPHS)
def test_no_two_units_have_one_name(name: str) -> None:
    names = [unit.name for unit in find_units(GRAPHS[name]())]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", GRAPHS)
def test_removing_a_unit_takes_off_what_it_says(name: str) -> None:
    graph = GRAPHS[name]()
    before, cost = snapshot(graph), graph_cost(graph)
    units = removable_units(graph)
    assert units
    for unit in units:
        slim = validate_graph(remove_unit(graph, unit))
        gone = {node.name for node in graph.nodes} - {node.name for node in slim.nodes}
        # Where it was the last of its branch, the addition goes too; a ReLU behind a ReLU likewise.
        more = gone - set(unit.nodes)
        assert gone >= set(unit.nodes)
        assert all(graph.layer_of(graph.node_by_name[each]).class_name in ("Add", "ReLU")
                   for each in more)  # fmt: skip
        assert len(slim.nodes) == len(graph.nodes) - len(unit.nodes) - len(more)
        assert graph_cost(slim).num_params == cost.num_params - unit.num_params
        assert graph_cost(slim).macs == cost.macs - unit.macs
        assert _output_shapes(slim) == _output_shapes(graph)
        assert slim.inputs == graph.inputs
        assert unit.kind == "part" or all(
            slim.layers[layer] is graph.layers[layer] for layer in slim.layers
        )
    assert snapshot(graph) == before


def test_what_the_figures_of_units_are() -> None:
    figures = {unit.name: (unit.num_params, unit.macs) for unit in find_units(identity_residual())}
    conv_params, conv_macs = 9 * 4 * 4 + 4, 64 * 9 * 4 * 4
    assert figures["conv_2"] == (conv_params + 16, conv_macs)
    assert figures["bn_1"] == (16, 0)
    assert figures["add_1/branch"] == (2 * conv_params + 32, 2 * conv_macs)
    shared = {unit.name: (unit.num_params, unit.macs) for unit in find_units(shared_layer())}
    assert shared["shared_1"] == (0, conv_macs)  # its weights are still needed


def test_both_branches_of_three_can_go_one_after_the_other() -> None:
    graph = add_of_three()
    first = next(unit for unit in removable_units(graph) if unit.name == "add_1/branch")
    graph = remove_unit(graph, first)
    assert graph.node_by_name["add_1"].inputs == (TensorRef("relu_1"), TensorRef("conv_3"))
    second = next(unit for unit in removable_units(graph) if unit.kind == "branch")
    assert second.nodes == ("conv_3", "add_1")
    graph = remove_unit(graph, second)
    assert [node.name for node in graph.nodes] == [
        "input_1", "conv_1", "relu_1", "pool_1", "dense_1",
    ]  # fmt: skip


def test_a_branch_whose_last_run_goes_is_gone_as_a_whole() -> None:
    graph = identity_residual()
    for name in ("conv_2", "conv_3"):
        assert "add_1" in graph.layers
        unit = next(unit for unit in removable_units(graph) if unit.name == name)
        graph = remove_unit(graph, unit)
    assert "add_1" not in graph.layers
    assert "relu_3" not in graph.layers  # relu(relu(x)) is relu(x)


def test_a_branch_of_three_whose_last_run_goes_is_gone_as_a_whole() -> None:
    graph = add_of_three()
    unit = next(unit for unit in removable_units(graph) if unit.name == "conv_2")
    slim = remove_unit(graph, unit)
    assert slim.node_by_name["add_1"].inputs == (TensorRef("relu_1"), TensorRef("conv_3"))


def test_sums_that_read_a_branch_again_lose_it_too() -> None:
    net = GraphBuilder((8, 8, 4))
    x = net.conv_block(net.input, 4)
    branch = net.conv(x, 4)
    twice, three = net.add(net.add(x, branch), branch), net.add(x, branch, branch)
    graph = net.graph(net.head(net.concat(net.conv(twice, 4), net.conv(three, 4))))
    unit = next(each for each in find_units(graph) if each.name == branch.node)
    slim = remove_unit(graph, unit)
    assert [slim.layer_of(each).class_name for each in slim.consumers[x]] == ["Conv2D"] * 2


BLOCKS = st.sampled_from(
    ["conv", "norm", "relu", "dropout", "identity", "projected", "bottleneck", "shared", "three"]
)


def _add_block(net: GraphBuilder, x: TensorRef, kind: str, width: int) -> TensorRef:
    channels = int(net.shape(x)[-1] or 0)
    if kind == "conv":
        return net.conv_block(x, width)
    if kind == "norm":
        return net.norm(x)
    if kind == "relu":
        return net.relu(x)
    if kind == "dropout":
        return net.dropout(x)
    if kind == "identity":
        return net.relu(net.add(x, net.conv(net.conv_block(x, width), channels)))
    if kind == "projected":
        y = net.norm(net.conv(net.conv_block(x, width, strides=2), width))
        return net.add(y, net.conv(x, width, 1, strides=2))
    if kind == "bottleneck":
        return net.conv(net.relu(net.conv(net.conv(x, width, 1), width)), channels, 1)
    if kind == "shared":
        weights = {"kernel": (3, 3, channels, channels)}
        conv = net.layer("Conv2D", "shared", weights=weights)
        once = net.relu(net.call(conv, (x,), net.shape(x)))
        return net.add(once, net.call(conv, (once,), net.shape(x)))
    return net.add(net.conv(x, channels), x, net.norm(net.conv(x, channels, 1)))


@st.composite
def _graphs(draw: st.DrawFn) -> LayerGraph:
    net = GraphBuilder()
    x = net.conv(net.input, draw(st.integers(1, 3)))
    for kind in draw(st.lists(BLOCKS, max_size=6)):
        x = _add_block(net, x, kind, draw(st.integers(1, 3)))
    inner = (x,) if draw(st.booleans()) else ()
    return net.graph(*inner, net.head(x))


def _output_shapes(graph: LayerGraph) -> list[tuple[int | None, ...]]:
    return [graph.spec(ref).shape for ref in graph.outputs]


@given(_graphs(), st.lists(st.integers(0, 1000), max_size=40))
def test_removing_units_one_after_another_ends_in_a_sound_graph(
    graph: LayerGraph, draws: list[int]
) -> None:
    shapes, inputs = _output_shapes(graph), graph.inputs
    draws = [*draws, *([0] * len(graph.nodes))]
    for draw in draws:
        units = removable_units(graph)
        if not units:
            break
        unit = units[draw % len(units)]
        cost, num_nodes = graph_cost(graph), len(graph.nodes)
        graph = validate_graph(remove_unit(graph, unit))
        slim = graph_cost(graph)
        assert len(graph.nodes) <= num_nodes - len(unit.nodes) < num_nodes
        assert slim.macs == cost.macs - unit.macs <= cost.macs
        assert slim.num_params == cost.num_params - unit.num_params <= cost.num_params
        assert _output_shapes(graph) == shapes
        assert graph.inputs == inputs
    assert not removable_units(graph)
