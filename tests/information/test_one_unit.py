"""Criteria see one unit for two classes as they see the two units that it stands for."""

import keras
import numpy as np
import pytest
from keras import layers
from ranking_requests import ranking_request
from zoo_ends import ONE_UNIT

from prune_mi.config import RankingSettings
from prune_mi.graph.interface.packing import pack
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.information.ablation import last_features
from prune_mi.information.ranking import criterion
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.preparation.interface import read_interface

pytestmark = pytest.mark.slow
LABELS = np.arange(64) % 2
IMAGES = np.random.default_rng(0).normal(size=(64, 6, 6, 1)).astype(np.float32)
IMAGES[LABELS == 1, :3] += 1.0


def _network(units: int, activation: str | None) -> keras.Model:
    """Two convolutions, a branch and a head; of two units the first is always 0."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((6, 6, 1))
    x = layers.Conv2D(3, 3, padding="same", activation="relu")(inputs)
    x = layers.Add()([x, layers.Conv2D(3, 3, padding="same", activation="relu")(x)])
    x = layers.Conv2D(3, 3, padding="same", activation="relu")(x)
    x = layers.Flatten()(x)
    model = keras.Model(inputs, layers.Dense(units, activation=activation, name="head")(x))
    kernel = np.random.default_rng(2).normal(size=(108, 1)).astype(np.float32) / 8
    if units == 2:
        kernel = np.concatenate([np.zeros_like(kernel), kernel], axis=1)
    model.get_layer("head").set_weights([kernel, np.zeros(units, np.float32)])
    return model


def _gains(graph: LayerGraph, name: str, *, from_logits: bool) -> np.ndarray:
    settings = RankingSettings.model_validate({"criterion": name})
    asked = {"settings": settings, "from_logits": from_logits}
    request = ranking_request(graph, IMAGES, LABELS, **asked)
    assert len(request.sites) == 3
    return criterion(name).score(request).gains


@pytest.mark.parametrize("criterion", ["bypass", "cka", "leave-one-out", "magnitude", "kmeans"])
@pytest.mark.parametrize(
    ("unit", "pair", "from_logits"), [("sigmoid", "softmax", False), (None, None, True)]
)
def test_gains_are_those_of_two_units(
    criterion: str, unit: str | None, pair: str | None, from_logits: bool
) -> None:
    one = pack(trace_model(_network(1, unit))).graph
    two = trace_model(_network(2, pair))
    received = _gains(one, criterion, from_logits=from_logits)
    expected = _gains(two, criterion, from_logits=from_logits)
    np.testing.assert_allclose(received, expected, rtol=1e-3, atol=1e-5)
    assert np.ptp(received) > 0


def test_gates_are_trained_in_front_of_one_unit() -> None:
    one = pack(trace_model(_network(1, "sigmoid"))).graph
    gains = _gains(one, "gate", from_logits=False)
    assert np.isfinite(gains).all() and (gains < 1).any()


@pytest.mark.parametrize("name", ONE_UNIT)
def test_the_last_features_are_what_the_units_own_layer_reads(name: str) -> None:
    model = ONE_UNIT[name]()
    judged = read_interface(model, "yes" if name == "unit_and_map" else None).judged
    packed = pack(trace_model(model), judged=judged).graph
    kernel = next(
        node
        for node in reversed(packed.nodes)
        if "kernel" in packed.layer_of(node).weight_names and node.outputs[0].shape[-1] == 1
    )
    assert last_features(packed) == kernel.inputs[0] != TensorRef(packed.inputs[0].node)
