"""What is particular to the criteria that look at whole networks or at none."""

import keras
import numpy as np
import pytest
from graph_builder import GraphBuilder
from keras import layers, tree
from ranking_requests import ranking_request
from zoo import ZOO

from prune_mi.graph.edit import with_weights, without_noise
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.units.discovery import outermost
from prune_mi.graph.units.sites import unit_sites
from prune_mi.information.criteria.cka import weighted_cka
from prune_mi.information.criteria.gate import Gate, with_gates
from prune_mi.information.criteria.magnitude import magnitude
from prune_mi.information.criterion import RankingRequest
from prune_mi.keras_io.forward.forward_pass import forward_function
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model

pytestmark = pytest.mark.slow
GATED = ["residual", "parallel", "squeeze_excite", "attention", "channels_first", "mixed_precision"]


def _outputs(graph: LayerGraph, rng: np.random.Generator, *, openness: float = 1.0) -> np.ndarray:
    model = build_model(without_noise(graph))
    for layer in model.layers:
        if isinstance(layer, Gate):
            layer.openness.assign(openness)
    batches = [
        rng.normal(size=(3, *graph.spec(ref).shape[1:])).astype("float32") for ref in graph.inputs
    ]
    outputs = forward_function(model)(batches[0] if len(batches) == 1 else batches, training=False)
    return np.concatenate([np.asarray(each).ravel() for each in tree.flatten(outputs)])


@pytest.mark.parametrize("name", GATED)
def test_a_closed_gate_is_a_removed_unit(name: str) -> None:
    graph = trace_model(ZOO[name]())
    for site in outermost(unit_sites(graph)):
        gated, _ = with_gates(graph, [site])
        expected = _outputs(site.edited(graph), np.random.default_rng(0))
        found = _outputs(gated, np.random.default_rng(0), openness=0.0)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5, err_msg=site.name)


@pytest.mark.parametrize("name", ZOO)
def test_open_gates_change_nothing(name: str) -> None:
    graph = trace_model(ZOO[name]())
    gated, names = with_gates(graph, unit_sites(graph))
    assert len(names) == len(set(names)) == len(unit_sites(graph))
    expected = _outputs(graph, np.random.default_rng(0))
    found = _outputs(gated, np.random.default_rng(0))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def _hsic_cka(one: np.ndarray, other: np.ndarray) -> float:
    """Kornblith et al.'s form for features, written out."""
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    cross = np.linalg.norm(other.T @ one) ** 2
    return float(cross / (np.linalg.norm(one.T @ one) * np.linalg.norm(other.T @ other)))


def test_cka_is_the_definition_under_any_weighting(rng: np.random.Generator) -> None:
    one, other = rng.normal(size=(40, 5)) + 3, rng.normal(size=(40, 7)) - 2
    other[:, :3] += one[:, :3]
    drawn = rng.integers(40, size=40)
    weights = np.stack([np.full(40, 1 / 40), np.bincount(drawn, minlength=40) / 40])
    found = weighted_cka(one, other, weights)
    expected = [_hsic_cka(one, other), _hsic_cka(one[drawn], other[drawn])]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_cka_ignores_rotation_and_scale(rng: np.random.Generator) -> None:
    one = rng.normal(size=(30, 4))
    rotation, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    even = np.full((1, 30), 1 / 30)
    np.testing.assert_allclose(weighted_cka(one, 5 * one @ rotation + 1, even), 1)
    np.testing.assert_array_equal(weighted_cka(one, np.ones((30, 2)), even), 0)


def _request(graph: LayerGraph) -> RankingRequest:
    images = np.zeros((4, *graph.spec(graph.inputs[0]).shape[1:]), np.float32)
    return ranking_request(graph, images, np.arange(4) % 2)


def test_magnitude_is_of_gammas_or_else_of_kernels() -> None:
    inputs = keras.Input((4, 4, 2))
    x = layers.Conv2D(2, 3, padding="same", name="with_norm")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Dropout(0.5, name="neither")(x)
    x = layers.Conv2D(2, 3, padding="same", name="without")(x)
    graph = trace_model(keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x))))
    kernel = np.full((3, 3, 2, 2), -0.25, np.float32)
    bias, ones = np.full(2, 9, np.float32), np.ones(2, np.float32)
    weights = {
        "with_norm": (kernel, bias),
        "without": (kernel, bias),
        "norm": (np.array([2.0, -4.0], np.float32), bias, ones, ones),
    }
    request = _request(with_weights(graph, weights))
    gains = dict(zip((site.name for site in request.sites), magnitude(request).gains, strict=True))
    assert gains["with_norm"] == gains["norm"] == 3.0
    assert gains["without"] == 0.25
    assert gains["neither"] == pytest.approx((3 + 3 + 0.25) / 3)


def test_magnitude_where_nothing_has_weights() -> None:
    b = GraphBuilder()
    x = b.relu(b.dropout(b.input))
    graph = b.graph(b.dense(b.pool(x), 2))
    assert (magnitude(_request(graph)).gains == 0).all()
