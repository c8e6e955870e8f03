"""Normalizations over channels: exact where zeros go, as they were where a part goes."""

import numpy as np
import pytest
from graph_builder import GraphBuilder

from prune_mi.graph.channels.narrowing import Narrowed, narrow
from prune_mi.graph.ir import LayerDef, LayerGraph
from prune_mi.graph.units.discovery import find_units
from prune_mi.graph.units.removal import remove_unit


def _graph() -> LayerGraph:
    """A concatenation of 6 and 3 channels that is normalised by the root of its mean square."""
    net = GraphBuilder((2,))
    x = net.dense(net.input, 4)
    joined = net.concat(net.dense(x, 6), net.dense(x, 3))
    norm = net.layer("RMSNormalization", "rms", weights={"scale": (9,)}, axis=-1, epsilon=0.5)
    return net.graph(net.dense(net.call(norm, (joined,), (None, 9))))


def _normalised(layer: LayerDef, x: np.ndarray) -> np.ndarray:
    mean_square = np.square(x).mean(axis=1, keepdims=True)
    return layer.weights[0] * x / np.sqrt(mean_square + layer.config["epsilon"])


def _without_last_part(graph: LayerGraph) -> LayerGraph:
    return remove_unit(
        graph, next(unit for unit in find_units(graph) if unit.name == "concat_1/part_2")
    )


def test_channels_that_are_zero_go_exactly() -> None:
    graph, x = _graph(), np.random.default_rng(0).normal(size=(5, 9))
    x[:, [0, 2, 7]] = 0
    narrowed = narrow(graph, {"dense_2": [0, 2], "dense_3": [1]})
    assert isinstance(narrowed, Narrowed)
    left = [1, 3, 4, 5, 6, 8]
    before = _normalised(graph.layers["rms_1"], x)
    after = _normalised(narrowed.graph.layers["rms_1"], x[:, left])
    np.testing.assert_allclose(after, before[:, left], rtol=1e-6)


def test_a_part_goes_and_all_other_weights_stay() -> None:
    graph = _graph()
    old, new = graph.layers["rms_1"], _without_last_part(graph).layers["rms_1"]
    np.testing.assert_array_equal(new.weights[0], old.weights[0][:6])
    assert new.config["epsilon"] == old.config["epsilon"]


@pytest.mark.parametrize("size", [0.7, 1.0, 1.4])
def test_what_is_left_of_parts_alike_in_size_is_nearer_to_what_it_was(size: float) -> None:
    """Than as if the part that goes had been zero: it has made its share of the mean square."""
    graph, x = _graph(), np.random.default_rng(0).normal(size=(500, 9))
    x[:, 6:] *= size
    before = _normalised(graph.layers["rms_1"], x)[:, :6]
    after = _normalised(_without_last_part(graph).layers["rms_1"], x[:, :6])
    as_if_zero = narrow(graph, {"dense_2": [0], "dense_3": [0, 1]})
    assert isinstance(as_if_zero, Narrowed)
    scale = as_if_zero.graph.layers["rms_1"].weights[0][0] / graph.layers["rms_1"].weights[0][1]
    assert np.isclose(scale, np.sqrt(9 / 6))
    assert np.square(after - before).sum() < np.square(scale * after - before).sum() / 2
