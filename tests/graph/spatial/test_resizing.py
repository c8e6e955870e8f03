"""What becomes of the calls behind an image of another size."""

from dataclasses import replace

import numpy as np
import pytest
from graph_builder import GraphBuilder, snapshot
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.costs.objective import named_objective
from prune_mi.graph.edit import insert_after
from prune_mi.graph.ir import LayerGraph, TensorRef, TensorSpec
from prune_mi.graph.new_layers import new_pooling
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.spatial.resizing import resampled_kernel, resized
from prune_mi.morphisms.catalog import CATALOG, apply
from prune_mi.morphisms.morphism import MorphContext, Morphed


def _pooled(graph: LayerGraph, name: str) -> LayerGraph | NotApplicable:
    """The graph with one image halved."""
    ref = TensorRef(name)
    old = graph.spec(ref).shape
    halves = (-(-(old[axis] or 1) // 2) for axis in (1, 2))
    spec = TensorSpec((None, *halves, old[3]), "float32")
    grown = insert_after(graph, ref, (new_pooling("half", (2, 2)),), (spec,))
    before = snapshot(grown)
    outcome = resized(grown, {TensorRef("half"): old})
    assert snapshot(grown) == before
    return outcome


def _shapes(graph: LayerGraph | NotApplicable, *names: str) -> list[tuple[int | None, ...]]:
    assert isinstance(graph, LayerGraph)
    return [graph.spec(TensorRef(name)).shape[1:] for name in names]


def _without_pool(graph: LayerGraph) -> Morphed | NotApplicable:
    context = MorphContext((), named_objective("accuracy"))
    return apply(CATALOG["remove-pool"], graph, context, np.random.default_rng(0))


def test_sizes_follow_up_to_a_global_pooling() -> None:
    net = GraphBuilder()
    x = net.conv_block(net.conv(net.input, 4), 6, strides=2)
    graph = _pooled(net.graph(net.head(x)), "conv_1")
    assert _shapes(graph, "conv_2", "bn_1", "relu_1", "pool_1") == [(2, 2, 6)] * 3 + [(6,)]


def test_the_other_input_of_a_sum_is_pooled_for_the_sum_alone() -> None:
    net = GraphBuilder((7, 8, 2))
    x = net.conv(net.input, 4)
    y = net.conv(x, 4)
    graph = _pooled(net.graph(net.head(net.concat(net.add(y, x), x))), "conv_2")
    assert isinstance(graph, LayerGraph)
    assert graph.node_by_name["add_1"].args == ([TensorRef("half"), TensorRef("inserted_pool_1")],)
    assert graph.node_by_name["inserted_pool_1"].inputs == (TensorRef("conv_1"),)
    last = graph.node_by_name["concat_1"]
    assert last.args == ([TensorRef("add_1"), TensorRef("inserted_pool_2")],)
    shapes = _shapes(graph, "inserted_pool_1", "add_1", "inserted_pool_2", "concat_1")
    assert shapes == [(4, 4, 4), (4, 4, 4), (4, 4, 4), (4, 4, 8)]


def test_what_is_spread_over_an_image_stays() -> None:
    net = GraphBuilder()
    x = net.relu(net.conv(net.input, 4))
    gate = net.dense(net.squeeze(x), 4)
    graph = _pooled(net.graph(net.head(net.multiply(x, gate))), "relu_1")
    assert _shapes(graph, "squeeze_1", "dense_1", "multiply_1") == [(1, 1, 4), (1, 1, 4), (4, 4, 4)]
    assert isinstance(graph, LayerGraph)
    assert set(graph.layers) == {*net.layers, "half"}


def test_a_flattened_image_has_its_kernel_rows_summed() -> None:
    net = GraphBuilder((6, 6, 2))
    flat = net.dropout(net.flatten(net.relu(net.conv(net.input, 4))))
    graph = net.graph(net.dense(net.dense(flat, 5)))
    slim = _pooled(graph, "relu_1")
    assert _shapes(slim, "flatten_1", "dropout_1", "dense_1") == [(36,), (36,), (5,)]
    assert isinstance(slim, LayerGraph)
    old, new = (each.layers["dense_1"].weights for each in (graph, slim))
    rows = old[0].reshape(3, 2, 3, 2, 4, 5).sum(axis=(1, 3)).reshape(-1, 5)
    np.testing.assert_allclose(new[0], rows, rtol=1e-5)
    np.testing.assert_array_equal(new[1], old[1])
    assert slim.layers["dense_2"] is graph.layers["dense_2"]


def test_a_pooling_that_came_goes_again_with_those_at_joins() -> None:
    net = GraphBuilder((8, 8, 2))
    x = net.relu(net.conv(net.input, 4))
    y = net.conv(net.relu(net.conv(x, 4)), 4)
    graph = net.graph(net.head(net.add(x, y)))
    grown = _pooled(graph, "relu_2")
    assert isinstance(grown, LayerGraph)
    assert set(grown.layers) - set(graph.layers) == {"half", "inserted_pool_1"}
    outcome = _without_pool(grown)
    assert isinstance(outcome, Morphed)
    assert outcome.record.target == "half"  # the other one alone cannot go
    assert set(outcome.record.layers) == {"half", "inserted_pool_1"}
    assert outcome.graph.structural_hash() == graph.structural_hash()


def _flat(kind: str) -> LayerGraph:
    """A flattened image, and what keeps its dense layer from being fed otherwise."""
    net = GraphBuilder()
    flat = net.flatten(net.relu(net.conv(net.input, 4)))
    if kind == "norm":
        flat = net.norm(flat)
    if kind == "joined":
        flat = net.concat(flat, net.flatten(net.conv(net.input, 1)))
    dense = net.layer("Dense", "dense", weights={"kernel": (net.shape(flat)[-1] or 0, 3)}, units=3)
    x = net.call(dense, (flat,), (None, 3))
    if kind == "twice":
        x = net.add(x, net.call(dense, (net.dropout(flat),), (None, 3)))
    graph = net.graph(net.dense(x))
    chosen = frozenset({"dense_1"})
    if kind == "frozen":
        return replace(graph, frozen=chosen)
    return replace(graph, protected=chosen) if kind == "protected" else graph


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("norm", "'bn_1' has weights for 256 values"),
        ("joined", "'concat_1' joins it with other tensors, flattened"),
        ("twice", "'dense_1', which reads it flattened, is called more than once"),
        ("frozen", "'dense_1', which reads it flattened, is frozen"),
        ("protected", "'dense_1', which reads it flattened, is protected"),
    ],
)
def test_why_a_flattened_image_must_stay(kind: str, reason: str) -> None:
    assert _pooled(_flat(kind), "relu_1") == NotApplicable(reason)


def test_layers_that_are_kept_for_other_outputs_may_be_fed_otherwise() -> None:
    graph = replace(_flat("protected"), kept={"dense_1": "yields one of the model's outputs"})
    assert isinstance(_pooled(graph, "relu_1"), LayerGraph)


def test_why_other_images_must_stay() -> None:
    net = GraphBuilder()
    x = net.relu(net.conv(net.input, 4))
    assert _pooled(net.graph(x, net.head(x)), "conv_1") == NotApplicable(
        "'relu_1' yields the model's output"
    )
    net = GraphBuilder()
    x = net.conv(net.input, 4)
    shaped = net.call(net.layer("Reshape", "shaped"), (x,), (None, 64, 4))
    graph = net.graph(net.dense(net.flatten(shaped)))
    reason = "it is not known what 'shaped_1', a Reshape, makes of other sizes"
    assert _pooled(graph, "conv_1") == NotApplicable(reason)
    net = GraphBuilder((3, 3, 2))
    kernel = {"kernel": (3, 3, 4, 4)}
    valid = net.layer("Conv2D", "valid", weights=kernel, filters=4, kernel_size=[3, 3])
    x = net.call(valid, (net.conv(net.input, 4),), (None, 1, 1, 4))
    reason = "'valid_1' needs at least 3 values along an axis"
    assert _pooled(net.graph(net.head(x)), "conv_1") == NotApplicable(reason)


def test_a_pooling_is_left_something_to_pool() -> None:
    net = GraphBuilder((4, 2, 2))
    x = net.max_pool(net.max_pool(net.conv(net.input, 4)))
    graph = net.graph(net.head(x))
    assert _pooled(graph, "conv_1") == NotApplicable("'max_pool_2' would have nothing left to pool")
    net = GraphBuilder((4, 2, 2))
    graph = _pooled(net.graph(net.head(net.max_pool(net.conv(net.input, 4)))), "conv_1")
    assert _shapes(graph, "half", "max_pool_1") == [(2, 1, 4), (1, 1, 4)]


def test_an_image_that_no_pooling_brings_to_the_size() -> None:
    net = GraphBuilder((4, 4, 2))
    pad = net.layer("ZeroPadding2D", "pad", padding=[[1, 1], [1, 1]])
    other = net.call(pad, (net.conv(net.input, 4),), (None, 6, 6, 4))
    x = net.call(pad, (net.conv(net.input, 4),), (None, 6, 6, 4))
    graph = net.graph(net.head(net.add(x, other)))
    # 4 is halved to 2 and padded to 4; of 6 a pooling makes 3 or 2.
    assert _pooled(graph, "conv_2") == NotApplicable(
        "'add_1' joins it with 'pad_1', of another size"
    )


def test_poolings_that_cannot_go() -> None:
    net = GraphBuilder()
    assert _without_pool(net.graph(net.head(net.conv(net.input, 4)))) == NotApplicable(
        "no channels-last pooling of known sizes makes images smaller"
    )
    net = GraphBuilder()
    x = net.conv(net.input, 4)
    graph = net.graph(net.head(net.add(net.max_pool(x), net.conv(x, 4, strides=2))))
    reason = "'add_1' joins it with 'conv_2', of another size"
    assert _without_pool(graph) == NotApplicable(f"none of 1 place will do: {reason}")
    net = GraphBuilder()
    graph = net.graph(net.head(net.max_pool(net.conv(net.input, 4))))
    assert isinstance(_without_pool(graph), Morphed)
    protected = replace(graph, protected=frozenset({"max_pool_1"}))
    assert isinstance(_without_pool(protected), NotApplicable)


_SIZES = st.integers(1, 9)


def _kernel(*sizes: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(int(np.prod(sizes)), 3))


@pytest.mark.parametrize(("large", "small"), [(8, 4), (5, 3), (7, 4), (9, 3), (6, 1), (3, 3)])
def test_images_constant_over_cells_are_read_alike(large: int, small: int) -> None:
    window = -(-large // small)
    images = np.random.default_rng(1).normal(size=(2, small, small, 2))
    spread = images.repeat(window, 1).repeat(window, 2)[:, :large, :large]
    old, new = (large, large, 2), (small, small, 2)
    kernel = _kernel(*old)
    fewer = resampled_kernel(kernel, old, new)
    np.testing.assert_allclose(images.reshape(2, -1) @ fewer, spread.reshape(2, -1) @ kernel)
    kernel = _kernel(*new)
    more = resampled_kernel(kernel, new, old)
    np.testing.assert_allclose(spread.reshape(2, -1) @ more, images.reshape(2, -1) @ kernel)


@given(old=st.tuples(_SIZES, _SIZES), new=st.tuples(_SIZES, _SIZES))
def test_wholly_constant_images_are_read_alike(old: tuple[int, int], new: tuple[int, int]) -> None:
    kernel = _kernel(*old, 2).astype("float32")
    found = resampled_kernel(kernel, (*old, 2), (*new, 2))
    assert found.shape == (new[0] * new[1] * 2, 3) and found.dtype == kernel.dtype
    values = np.array([0.3, -2.0])
    np.testing.assert_allclose(
        np.tile(values, new[0] * new[1]) @ found,
        np.tile(values, old[0] * old[1]) @ kernel,
        atol=1e-5,
    )


def test_equal_sizes_leave_the_kernel_as_it_is() -> None:
    kernel = _kernel(3, 4, 2)
    np.testing.assert_array_equal(resampled_kernel(kernel, (3, 4, 2), (3, 4, 2)), kernel)
