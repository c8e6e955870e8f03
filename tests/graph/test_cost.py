from dataclasses import replace

import numpy as np
import pytest
from graph_builder import GraphBuilder, chain, shared_layer

from prune_mi.costs.kinds.macs import node_macs
from prune_mi.graph.construction.seed import seed_graph
from prune_mi.graph.cost import graph_cost, training_step_cost
from prune_mi.graph.ir import LayerGraph, Shape
from prune_mi.records import Cost


def _one_layer(
    class_name: str,
    input_shape: tuple[int, ...],
    output_shape: Shape,
    weights: dict[str, tuple[int, ...]],
    **config: object,
) -> LayerGraph:
    net = GraphBuilder(input_shape)
    layer = net.layer(class_name, "layer", weights=weights, **config)
    return net.graph(net.call(layer, (net.input,), output_shape))


def _conv(
    image: int, channels: int, filters: int, *, size: int, strides: int = 1, groups: int = 1
) -> LayerGraph:
    side = -(-image // strides)
    return _one_layer(
        "Conv2D",
        (image, image, channels),
        (None, side, side, filters),
        {"kernel": (size, size, channels // groups, filters), "bias": (filters,)},
        data_format="channels_last",
    )


def _counted(graph: LayerGraph) -> Cost:
    """Weights, MACs and layers alone."""
    return replace(graph_cost(graph), others={})


@pytest.mark.parametrize(
    ("graph", "macs"),
    [
        (_conv(32, 3, 16, size=3), 32 * 32 * 9 * 3 * 16),
        (_conv(32, 3, 16, size=3, strides=2), 16 * 16 * 9 * 3 * 16),
        (_conv(7, 4, 8, size=5, strides=2), 4 * 4 * 25 * 4 * 8),
        (_conv(8, 4, 6, size=3, groups=2), 8 * 8 * 9 * 2 * 6),
        (_conv(8, 4, 6, size=1), 8 * 8 * 4 * 6),
    ],
)
def test_convolutions(graph: LayerGraph, macs: int) -> None:
    assert graph_cost(graph).macs == macs


def test_depthwise_multiplies_each_channel_alone() -> None:
    graph = _one_layer(
        "DepthwiseConv2D", (8, 8, 4), (None, 4, 4, 8), {"kernel": (3, 3, 4, 2), "bias": (8,)}
    )
    assert _counted(graph) == Cost(num_params=80, macs=4 * 4 * 9 * 4 * 2, num_layers=2)


def test_separable_is_depthwise_and_pointwise() -> None:
    weights = {"depthwise_kernel": (3, 3, 4, 1), "pointwise_kernel": (1, 1, 4, 5), "bias": (5,)}
    graph = _one_layer("SeparableConv2D", (8, 8, 4), (None, 4, 4, 5), weights)
    assert graph_cost(graph).macs == 4 * 4 * (9 * 4 + 4 * 5)


def test_transposed_multiplies_once_an_input_position() -> None:
    graph = _one_layer(
        "Conv2DTranspose", (4, 6, 3), (None, 8, 12, 5), {"kernel": (3, 3, 5, 3), "bias": (5,)}
    )
    assert graph_cost(graph).macs == 4 * 6 * 9 * 5 * 3


def test_channels_first() -> None:
    kernel = {"kernel": (3, 3, 2, 4)}
    first = _one_layer(
        "Conv2D", (2, 8, 6), (None, 4, 8, 6), kernel, data_format="channels_first"
    )  # fmt: skip
    last = _one_layer("Conv2D", (8, 6, 2), (None, 8, 6, 4), kernel, data_format="channels_last")
    assert graph_cost(first).macs == graph_cost(last).macs == 8 * 6 * 9 * 2 * 4
    transposed = _one_layer(
        "Conv2DTranspose", (2, 4, 3), (None, 4, 8, 6), kernel, data_format="channels_first"
    )
    assert graph_cost(transposed).macs == 4 * 3 * 9 * 2 * 4


def test_conv1d_and_conv3d() -> None:
    graph = _one_layer("Conv1D", (10, 2), (None, 10, 3), {"kernel": (5, 2, 3)})
    assert graph_cost(graph).macs == 10 * 5 * 2 * 3
    graph = _one_layer("Conv3D", (4, 5, 6, 2), (None, 4, 5, 6, 3), {"kernel": (3, 3, 3, 2, 3)})
    assert graph_cost(graph).macs == 4 * 5 * 6 * 27 * 2 * 3


@pytest.mark.parametrize(
    ("shape", "rows"), [((6,), 1), ((5, 6), 5), ((4, 5, 6), 20)]
)  # fmt: skip
def test_dense_multiplies_once_a_row(shape: tuple[int, ...], rows: int) -> None:
    weights = {"kernel": (6, 3), "bias": (3,)}
    graph = _one_layer("Dense", shape, (None, *shape[:-1], 3), weights)
    assert _counted(graph) == Cost(num_params=21, macs=rows * 18, num_layers=2)


def test_a_recurrent_layer_multiplies_once_a_step() -> None:
    weights = {"kernel": (6, 12), "recurrent_kernel": (3, 12), "bias": (12,)}
    graph = _one_layer("LSTM", (7, 6), (None, 3), weights)
    assert graph_cost(graph).macs == 7 * (6 * 12 + 3 * 12)


@pytest.mark.parametrize(
    ("equation", "out", "kernel", "macs"),
    [
        ("abc,cd->abd", (5, 4), (6, 4), 5 * 6 * 4),
        ("abc,cde->abde", (5, 2, 4), (6, 2, 4), 5 * 6 * 2 * 4),
        ("...x,xy->...y", (5, 4), (6, 4), 5 * 6 * 4),
        ("ab,bc->ac", (4,), (6, 4), 6 * 4),
    ],
)
def test_einsum_dense(
    equation: str, out: tuple[int, ...], kernel: tuple[int, ...], macs: int
) -> None:
    shape = (5, 6) if len(out) > 1 else (6,)
    graph = _one_layer(
        "EinsumDense", shape, (None, *out), {"kernel": kernel}, equation=equation
    )  # fmt: skip
    assert graph_cost(graph).macs == macs


def test_attention_counts_its_projections_and_both_products() -> None:
    net = GraphBuilder((5, 6))
    weights = {
        "query/kernel": (6, 2, 3),
        "key/kernel": (6, 2, 3),
        "value/kernel": (6, 2, 4),
        "attention_output/kernel": (2, 4, 6),
    }
    layer = net.layer("MultiHeadAttention", "attention", weights=weights)
    graph = net.graph(net.call(layer, (net.input, net.input), (None, 5, 6)))
    projections = 5 * 6 * (6 + 6 + 8 + 8)
    assert graph_cost(graph).macs == projections + 5 * 5 * (6 + 8)


def test_products_of_tensors() -> None:
    net = GraphBuilder((5, 6))
    layer = net.layer("Matmul", "matmul")
    graph = net.graph(net.call(layer, (net.input, net.input), (None, 5, 4)))
    assert graph_cost(graph).macs == 5 * 4 * 6
    net = GraphBuilder((5, 6))
    layer = net.layer("Einsum", "einsum", subscripts="bij,bkj->bik")
    graph = net.graph(net.call(layer, (net.input, net.input), (None, 5, 5)))
    assert graph_cost(graph).macs == 5 * 5 * 6


def test_layers_without_a_kernel_have_no_macs() -> None:
    graph = chain()
    for name in ("input_1", "bn_1", "relu_1", "pool_1"):
        assert node_macs(graph, graph.node_by_name[name]) == 0


def test_a_whole_graph() -> None:
    params = (9 * 2 * 4 + 4) + 16 + (9 * 4 * 4 + 4) + 16 + (4 * 3 + 3)
    macs = 64 * 9 * 2 * 4 + 64 * 9 * 4 * 4 + 4 * 3
    assert _counted(chain()) == Cost(num_params=params, macs=macs, num_layers=9)


def test_a_shared_layer_has_its_weights_once_and_its_macs_twice() -> None:
    params = (9 * 4 * 4 + 4) + (4 * 3 + 3)
    macs = 2 * 64 * 9 * 4 * 4 + 4 * 3
    assert _counted(shared_layer()) == Cost(num_params=params, macs=macs, num_layers=5)


def test_large_maps_cost_though_few_products_make_them() -> None:
    def seed(width: int) -> float:
        rng = np.random.default_rng(0)
        return training_step_cost(seed_graph((32, 32, 1), 10, rng=rng, width=width, head="gap"))

    wide, narrow = seed(64), seed(16)
    assert 3.5 < wide / narrow < 4.5
    assert narrow > 5 * 32 * 32 * 9 * 16  # its products


def test_products_count() -> None:
    graph = chain()
    assert training_step_cost(graph) > graph_cost(graph).macs > 0
