"""Images are told from sequences, vectors and the names of words."""

import pytest
from graph_builder import GraphBuilder

from prune_mi.graph.analysis.input_kind import has_channels, input_kind
from prune_mi.graph.ir import LayerGraph, TensorRef


def _through(shape: tuple[int, ...], *classes: str) -> LayerGraph:
    """Layers of some classes, one after the other, then a dense one on a flat tensor."""
    net = GraphBuilder(shape)
    x: TensorRef = net.input
    for place, name in enumerate(classes):
        weights = {"kernel": (1,)} if name.startswith(("Conv", "LSTM")) else None
        x = net.call(net.layer(name, f"layer{place}", weights=weights), (x,), net.shape(x))
    return net.graph(net.dense(net.flatten(x)))


@pytest.mark.parametrize(
    ("shape", "classes", "kind", "channels"),
    [
        ((8, 8, 3), ("Conv2D",), "image", True),
        ((8, 8, 3), (), "image", True),
        ((8, 8, 3), ("LayerNormalization", "GlobalAveragePooling1D"), "image", True),
        ((5, 8, 3), ("ConvLSTM1D",), "values", True),
        ((5, 8, 3), ("TimeDistributed",), "values", True),
        ((8, 8), (), "image", False),
        ((8, 8), ("Reshape", "Conv2D"), "image", False),
        ((8, 8), ("Reshape", "Conv2DTranspose", "Conv1D"), "image", False),
        ((50, 3), ("Conv1D",), "values", True),
        ((50, 3), ("LSTM",), "values", True),
        ((50, 3), ("MultiHeadAttention",), "values", True),
        ((20,), (), "values", True),
        ((784,), ("Reshape", "Conv2D"), "values", True),
        ((4, 4, 4, 1), ("Conv3D",), "values", True),
        ((20,), ("Embedding", "Conv1D"), "ids", True),
        ((20,), ("Cast", "Embedding"), "ids", True),
        ((20,), ("Conv1D", "Embedding"), "values", True),
    ],
)
def test_kinds(shape: tuple[int, ...], classes: tuple[str, ...], kind: str, channels: bool) -> None:
    graph = _through(shape, *classes)
    assert input_kind(graph) == kind
    assert has_channels(graph) is channels
