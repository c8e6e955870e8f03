"""Shortcuts that come: which layers they are made of, that they can learn; and that go again."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from graph_builder import GraphBuilder, chain, identity_residual
from keras import layers

from prune_mi.costs.objective import named_objective
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.units.joins import find_shortcuts
from prune_mi.keras_io.model_graph.build import build_model, set_weights
from prune_mi.keras_io.model_graph.trace import read_weights, trace_model
from prune_mi.morphisms.catalog import CATALOG, apply
from prune_mi.morphisms.morphism import MorphContext, Morphed
from prune_mi.morphisms.skip import SkipAdd
from prune_mi.records import Place

CONTEXT = MorphContext(ranking=(), objective=named_objective("accuracy"))
NO_SKIP_SITE = (
    "no two channels-last tensors of known size inside the graph have a layer with a kernel "
    "between them"
)


def _apply(kind: str, graph: LayerGraph, seed: int = 0) -> Morphed | NotApplicable:
    return apply(CATALOG[kind], graph, CONTEXT, np.random.default_rng(seed))


def _morphed(kind: str, graph: LayerGraph, seed: int = 0) -> Morphed:
    outcome = _apply(kind, graph, seed)
    assert isinstance(outcome, Morphed)
    return outcome


def _sites(graph: LayerGraph) -> set[tuple[str, str]]:
    found = SkipAdd().sites(graph, CONTEXT)
    assert isinstance(found, list)
    return {(site.before.node, site.after.node) for site in found}


def test_sites_lead_round_a_kernel() -> None:
    sites = _sites(chain())
    assert {("conv_1", "conv_2"), ("relu_1", "relu_2"), ("bn_1", "pool_1")} <= sites
    assert not {("conv_1", "relu_1"), ("conv_2", "pool_1"), ("relu_2", "relu_1")} & sites
    assert not any("input_1" in site or "dense_1" in site for site in sites)
    sites = _sites(identity_residual())
    assert ("relu_1", "bn_2") in sites
    assert ("relu_1", "add_1") not in sites  # which adds it already


def test_what_shortcuts_are_made_of() -> None:
    found = set()
    for seed in range(100):
        outcome = _morphed("skip-add", chain(), seed)
        record = outcome.record
        found.add(record.layers)
        assert record.place in (Place(1, "kernel"), Place(1, "norm"), Place(2, "norm"),
                                Place(2, "activation"), Place(2, "pooling"))  # fmt: skip
        assert record.reason.startswith("shortcut from ")
    assert found == {
        ("skip_scale_1", "skip_add_1"),
        ("skip_pool_1", "skip_scale_1", "skip_add_1"),
    }
    assert _morphed("skip-concat", chain()).record.layers[-1] == "skip_concat_1"


def test_a_concatenation_is_read_with_rows_of_nought() -> None:
    net = GraphBuilder()
    x = net.conv(net.input, 4)
    graph = net.graph(net.head(net.relu(net.norm(net.conv(x, 5)))))
    for seed in range(10):
        outcome = _morphed("skip-concat", graph, seed)
        kernel = outcome.graph.layers["dense_1"].weights[0]
        assert kernel.shape == (9, 3)
        np.testing.assert_array_equal(kernel[:5], graph.layers["dense_1"].weights[0])
        np.testing.assert_array_equal(kernel[5:], 0)


def test_no_site() -> None:
    net = GraphBuilder()
    graph = net.graph(net.dense(net.pool(net.input)))
    for kind in ("skip-add", "skip-concat"):
        assert _apply(kind, graph) == NotApplicable(NO_SKIP_SITE)
    assert _apply("remove-skip", graph) == NotApplicable("the graph has no shortcut")


def test_no_site_for_a_concatenation() -> None:
    net = GraphBuilder()
    x = net.conv(net.input, 257, 1)
    graph = net.graph(net.head(net.conv(x, 256, 1)))
    reason = "nothing can be concatenated: 'conv_2' would have more than 512 channels"
    assert _apply("skip-concat", graph) == NotApplicable(reason)
    net = GraphBuilder()
    x = net.conv(net.conv(net.input, 4), 4)
    graph = replace(net.graph(net.dense(x)), frozen=frozenset({"dense_1"}))
    reason = "none of 1 place will do: 'dense_1', which reads it, is frozen"
    assert _apply("skip-concat", graph) == NotApplicable(reason)
    net = GraphBuilder((32, 32, 2))
    x = net.conv(net.conv(net.input, 400, 1), 1, 1)
    graph = net.graph(net.dense(net.flatten(x), 10))
    reason = "none of 1 place will do: a shortcut to 'conv_2' would make the network too large"
    assert _apply("skip-concat", graph) == NotApplicable(reason)


def test_a_shortcut_that_must_stay_says_why() -> None:
    graph = replace(identity_residual(), protected=frozenset({"add_1"}))
    reason = "none of 1 place will do: 'add_1' is protected"
    assert _apply("remove-skip", graph) == NotApplicable(reason)


@pytest.mark.parametrize("kind", ["skip-add", "skip-concat"])
def test_what_came_can_go_again(kind: str) -> None:
    graph = chain()
    for seed in range(10):
        grown = _morphed(kind, graph, seed)
        assert len(find_shortcuts(grown.graph)) == 1
        back = _morphed("remove-skip", grown.graph)
        assert back.graph.structural_hash() == graph.structural_hash()
        assert set(back.record.layers) == set(grown.record.layers)
        for name, layer in graph.layers.items():
            for old, new in zip(layer.weights, back.graph.layers[name].weights, strict=True):
                np.testing.assert_array_equal(old, new)


def _shrinking(name: str) -> keras.Model:
    """Networks that make images smaller in one way or another, or have none."""
    if name == "flat":
        inputs = x = keras.Input((7,))
        for units in (6, 6, 5, 5):
            x = layers.Dense(units, activation="relu")(x)
        return keras.Model(inputs, layers.Dense(3)(x))
    inputs = keras.Input((13, 10, 2))
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    settings = {"strides": 2, "padding": "same"} if name == "strided" else {"padding": "valid"}
    x = layers.Conv2D(4, 3, **settings)(layers.ReLU()(layers.BatchNormalization()(x)))
    x = layers.Conv2D(5, 3, padding="same")(layers.ReLU()(x))
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    return keras.Model(inputs, layers.Dense(3)(layers.Dense(4, activation="relu")(x)))


_ADAPTERS = {
    "strided": {"skip_pool", "skip_scale", "skip_conv", "skip_add", "skip_concat"},
    "valid": {"skip_pool", "skip_scale", "skip_conv", "skip_add", "skip_concat"},
    "flat": {"skip_scale", "skip_conv", "skip_add", "skip_concat"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", _ADAPTERS)
def test_shortcuts_keep_the_outputs_and_learn(name: str, rng: np.random.Generator) -> None:
    graph, stems = trace_model(_shrinking(name)), set()
    images = rng.normal(size=(16, *graph.spec(graph.inputs[0]).shape[1:])).astype("float32")
    targets, whole = rng.normal(size=(16, 3)), build_model(graph)
    for seed in range(8):
        outcome = _morphed(("skip-add", "skip-concat")[seed % 2], graph, seed)
        stems |= {layer.rpartition("_")[0] for layer in outcome.record.layers}
        model = build_model(outcome.graph)
        for training in (False, True):
            # Training mode moves the statistics of batch norms, which inference then reads.
            expected = np.asarray(whole(images, training=training))
            received = np.asarray(model(images, training=training))
            np.testing.assert_allclose(received, expected, atol=2e-6)
            set_weights({each.name: each for each in whole.operations}, graph)
        model.compile(keras.optimizers.SGD(0.1), keras.losses.MeanSquaredError(), run_eagerly=True)
        model.fit(images, targets, batch_size=16, verbose=0)
        assert _nought_no_more(outcome.graph, read_weights(model, outcome.graph))
    assert stems == _ADAPTERS[name]


def _nought_no_more(graph: LayerGraph, trained: dict[str, tuple[np.ndarray, ...]]) -> bool:
    """Whether scales and rows that were 0 before training are something else now."""
    starts, ends = [], []
    for name, layer in graph.layers.items():
        for place, weight_name in enumerate(layer.weight_names):
            if weight_name in ("gamma", "kernel"):
                rows = layer.weights[place].reshape(-1, layer.weights[place].shape[-1])
                nought = (rows == 0).all(axis=1)
                starts.append(nought.sum())
                ends.append(np.abs(trained[name][place].reshape(rows.shape)[nought]).sum())
    return sum(starts) > 0 and sum(ends) > 0


@pytest.mark.slow
def test_images_of_unknown_size_have_a_site_where_they_are_flat() -> None:
    inputs = keras.Input((None, None, 2))
    x = layers.Conv2D(5, 3)(layers.ReLU()(layers.Conv2D(4, 3)(inputs)))
    x = layers.GlobalAveragePooling2D()(x)
    graph = trace_model(keras.Model(inputs, layers.Dense(3)(x)))
    assert _apply("skip-add", graph) == NotApplicable(NO_SKIP_SITE)
    assert _apply("skip-concat", graph) == NotApplicable(NO_SKIP_SITE)


@pytest.mark.slow
def test_a_skip_is_saved_and_loaded(tmp_path: object) -> None:
    graph = trace_model(_shrinking("strided"))
    for seed in range(4):
        graph = _morphed(("skip-add", "skip-concat")[seed % 2], graph, seed).graph
    model = build_model(graph)
    path = f"{tmp_path}/skips.keras"
    model.save(path)
    images = np.random.default_rng(0).normal(size=(2, 13, 10, 2)).astype("float32")
    np.testing.assert_array_equal(
        np.asarray(keras.models.load_model(path)(images)), np.asarray(model(images))
    )
