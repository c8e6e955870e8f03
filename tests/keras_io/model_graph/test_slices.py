"""A network without a part of a concatenation computes what the whole one does without its rows."""

import numpy as np
import pytest
from zoo import ZOO

from prune_mi.graph.edit import with_weights
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.units.discovery import removable_units
from prune_mi.graph.units.removal import remove_unit
from prune_mi.keras_io.forward.forward_pass import forward_function
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model

pytestmark = pytest.mark.slow


def _outputs(graph: LayerGraph, images: np.ndarray) -> np.ndarray:
    return np.asarray(forward_function(build_model(graph))(images, training=False))


def _randomized(graph: LayerGraph, rng: np.random.Generator) -> LayerGraph:
    """Batch norms as after training, so that a channel's place matters."""
    weights = {
        name: tuple(rng.uniform(0.5, 1.5, each.shape).astype("float32") for each in layer.weights)
        for name, layer in graph.layers.items()
        if layer.class_name in ("BatchNormalization", "PReLU")
    }
    return with_weights(graph, weights)


def _without_rows(graph: LayerGraph, layer: str, rows: np.ndarray, axis: int) -> LayerGraph:
    """The graph with some rows of a kernel at zero."""
    kernel, *rest = graph.layers[layer].weights
    kernel = np.moveaxis(kernel.copy(), axis, 0)
    kernel[rows] = 0
    return with_weights(graph, {layer: (np.moveaxis(kernel, 0, axis), *rest)})


def _layers(graph: LayerGraph, class_name: str) -> list[str]:
    return [name for name, layer in graph.layers.items() if layer.class_name == class_name]


def test_a_layer_of_a_dense_block(rng: np.random.Generator) -> None:
    graph = _randomized(trace_model(ZOO["densely_connected"]()), rng)
    images = rng.normal(size=(4, 8, 8, 2)).astype("float32")
    first = next(unit for unit in removable_units(graph) if unit.kind == "part")
    slim = remove_unit(graph, first)
    convs = _layers(graph, "Conv2D")
    expected = graph
    for reader in convs[2:]:
        expected = _without_rows(expected, reader, np.arange(4, 7), axis=2)
    np.testing.assert_allclose(_outputs(slim, images), _outputs(expected, images), atol=1e-6)


@pytest.mark.parametrize("channels", [(1, range(0, 2)), (2, range(2, 6)), (3, range(6, 9))])
def test_a_branch_that_depthwise_and_flatten_read(
    rng: np.random.Generator, channels: tuple[int, range]
) -> None:
    place, gone = channels
    graph = _randomized(trace_model(ZOO["parallel"]()), rng)
    images = rng.normal(size=(4, 4, 4, 2)).astype("float32")
    unit = next(each for each in removable_units(graph) if each.name.endswith(f"part_{place}"))
    slim = remove_unit(graph, unit)
    (dense,) = _layers(graph, "Dense")
    # 4x4 positions of 18 channels: the depthwise convolution makes two of each.
    rows = np.arange(4 * 4 * 18).reshape(4, 4, 9, 2)[:, :, list(gone)].ravel()
    expected = _without_rows(graph, dense, rows, axis=0)
    np.testing.assert_allclose(_outputs(slim, images), _outputs(expected, images), atol=1e-6)


def test_channels_first(rng: np.random.Generator) -> None:
    graph = _randomized(trace_model(ZOO["channels_first"]()), rng)
    images = rng.normal(size=(4, 2, 8, 8)).astype("float32")
    unit = next(each for each in removable_units(graph) if each.kind == "part")
    slim = remove_unit(graph, unit)
    reader = _layers(graph, "Conv2D")[2]
    expected = _without_rows(graph, reader, np.arange(4, 7), axis=2)
    np.testing.assert_allclose(_outputs(slim, images), _outputs(expected, images), atol=1e-6)
