"""Newly drawn weights: which layers get them, and that a seed decides on them."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers
from zoo import ZOO

from prune_mi.costs.objective import named_objective
from prune_mi.graph.construction.seed import seed_graph
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.model_graph.build import build_model, with_fresh_weights
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.morphisms.catalog import apply
from prune_mi.morphisms.insert_identity import InsertConv
from prune_mi.morphisms.morphism import MorphContext, Morphed

pytestmark = pytest.mark.slow


def _fresh(graph: LayerGraph, seed: int = 0) -> LayerGraph:
    return with_fresh_weights(graph, rng=np.random.default_rng(seed))


def _differing(first: LayerGraph, second: LayerGraph) -> set[str]:
    """Layers of which any weight differs."""
    return {
        name
        for name, layer in first.layers.items()
        if not all(map(np.array_equal, layer.weights, second.layers[name].weights))
    }


@pytest.mark.parametrize("name", ZOO)
def test_all_kernels_change_and_the_seed_decides(name: str) -> None:
    graph = trace_model(ZOO[name]())
    fresh = _fresh(graph)
    learnt = {
        name
        for name, layer in graph.layers.items()
        if any(each.endswith("kernel") for each in layer.weight_names)
    }
    assert learnt and learnt <= _differing(graph, fresh)
    assert _differing(fresh, _fresh(graph)) == set()
    assert learnt <= _differing(fresh, _fresh(graph, seed=1))
    assert fresh.structural_hash() == graph.structural_hash()
    assert build_model(fresh).count_params() == build_model(graph).count_params()


def test_batch_norms_begin_anew_and_initializers_are_the_layers_own() -> None:
    inputs = keras.Input((6, 6, 2))
    x = layers.Conv2D(3, 3, kernel_initializer=keras.initializers.Constant(0.5))(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Dense(2, kernel_initializer=keras.initializers.GlorotUniform(seed=3), name="last")(x)
    model = keras.Model(inputs, x)
    drawn = model.get_layer("last").get_weights()[0]
    model.get_layer("last").set_weights([drawn + 1, np.ones(2)])
    model.get_layer("norm").set_weights([np.full(3, value) for value in (2, 3, 4, 5)])
    fresh = _fresh(trace_model(model))
    assert [weight[0] for weight in fresh.layers["norm"].weights] == [1, 0, 0, 1]
    np.testing.assert_array_equal(fresh.layers["last"].weights[0], drawn)
    assert not fresh.layers["last"].weights[1].any()
    assert (fresh.layers[model.layers[1].name].weights[0] == 0.5).all()


def test_frozen_layers_and_statistics_stay(rng: np.random.Generator) -> None:
    inputs = keras.Input((6, 6, 2))
    normalization = layers.Normalization(name="statistics")
    normalization.adapt(rng.normal(3, 2, (50, 6, 6, 2)))
    x = layers.Conv2D(3, 3, name="frozen")(normalization(inputs))
    x = layers.Conv2D(3, 3, trainable=False, name="untrainable")(x)
    x = layers.BatchNormalization(trainable=False, name="norm")(x)
    model = keras.Model(inputs, layers.Conv2D(3, 1, name="learning")(x))
    model.get_layer("norm").set_weights([np.full(3, value) for value in (2, 3, 4, 5)])
    graph = replace(trace_model(model), frozen=frozenset({"frozen"}))
    fresh = _fresh(graph)
    assert _differing(graph, fresh) == {"learning"}
    assert fresh.frozen == graph.frozen


def test_inserted_layers_lose_their_identity(rng: np.random.Generator) -> None:
    graph = seed_graph((8, 8, 3), 4, rng=rng)
    morphed = apply(InsertConv(), graph, MorphContext((), named_objective("accuracy")), rng)
    assert isinstance(morphed, Morphed)
    fresh = _fresh(morphed.graph)
    kernel = fresh.layers["inserted_conv_1"].weights[0]
    assert np.count_nonzero(kernel) == kernel.size
    assert list(fresh.layers) == list(morphed.graph.layers)
    assert fresh.protected == graph.protected
