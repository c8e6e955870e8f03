"""Insertions that are to be the identity are it, numerically."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest
from keras import layers
from zoo import ZOO

from prune_mi.graph.analysis.layer_counts import location_of
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.morphisms.catalog import CATALOG, apply
from prune_mi.morphisms.insert_identity import MAX_WIDTH, SIZES, dirac_kernel
from prune_mi.morphisms.morphism import Morphed
from tests.crossed import crossed
from tests.morphed import CONTEXT, outcome_of

pytestmark = pytest.mark.slow
EXACT = (
    *("insert-block", "insert-conv", "insert-conv-relu", "insert-separable"),
    *("insert-batch-norm", "insert-dropout", "insert-dense"),
)
EXACT_IN_TRAINING = ("insert-block", "insert-conv-relu", "insert-dense")


def _inputs(graph: LayerGraph, count: int = 4) -> np.ndarray:
    shape = graph.spec(graph.inputs[0]).shape[1:]
    return np.random.default_rng(1).normal(size=(count, *shape)).astype("float32")


def _outputs(graph: LayerGraph, inputs: np.ndarray, *, training: bool = False) -> list[np.ndarray]:
    outputs = build_model(graph)(inputs, training=training)
    return [np.asarray(each) for each in keras.tree.flatten(outputs)]


def _head_of_rectified() -> keras.Model:
    """No noise and no batch norm, so that training and inference are the same."""
    inputs = keras.Input((8, 8, 2))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(layers.ReLU()(layers.Conv2D(3, 3)(x)))
    return keras.Model(inputs, layers.Dense(3)(layers.Dense(5, activation="relu")(x)))


def _applied(kind: str, graph: LayerGraph, seeds: range) -> Iterator[Morphed]:
    for seed in seeds:
        outcome = outcome_of(kind, graph, seed)
        if isinstance(outcome, Morphed):
            yield outcome


@pytest.mark.parametrize(("name", "kind"), crossed(ZOO, EXACT))
def test_an_insertion_keeps_the_outputs(name: str, kind: str) -> None:
    graph = trace_model(ZOO[name]())
    inputs = _inputs(graph)
    expected = _outputs(graph, inputs)
    for outcome in _applied(kind, graph, range(2)):
        assert len(outcome.graph.nodes) == len(graph.nodes) + len(outcome.record.layers)
        assert outcome.record.place == location_of(graph, TensorRef(outcome.record.target))
        received = _outputs(outcome.graph, inputs)
        for one, other in zip(received, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=2e-6)


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize("name", ["chain", "residual", "with_operations", "nested"])
def test_common_networks_have_a_site(kind: str, name: str) -> None:
    assert isinstance(outcome_of(kind, trace_model(ZOO[name]())), Morphed)


@pytest.mark.parametrize("kind", EXACT_IN_TRAINING)
def test_what_no_batch_norm_changes_is_exact_in_training(kind: str) -> None:
    graph = trace_model(_head_of_rectified())
    inputs = _inputs(graph)
    (expected,) = _outputs(graph, inputs, training=True)
    targets = set()
    for outcome in _applied(kind, graph, range(12)):
        targets.add(graph.layer_of(graph.node_by_name[outcome.record.target]).class_name)
        (received,) = _outputs(outcome.graph, inputs, training=True)
        np.testing.assert_allclose(received, expected, atol=2e-6)
    assert targets == (
        {"Flatten", "Dense"} if kind == "insert-dense" else {"Conv2D", "MaxPooling2D", "ReLU"}
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rows", [1, 2, 5, 8])
def test_a_dirac_kernel_is_the_identity_for_even_sizes_too(size: int, rows: int) -> None:
    images = np.random.default_rng(0).normal(size=(2, rows, rows + 1, 3)).astype("float32")
    found = keras.ops.conv(images, dirac_kernel(size, 3), strides=1, padding="same")
    np.testing.assert_array_equal(np.asarray(found), images)


@pytest.mark.parametrize("kind", ["insert-conv", "insert-conv-relu"])
def test_every_size_of_kernel_is_drawn(kind: str) -> None:
    graph = trace_model(ZOO["residual"]())
    sizes = {outcome.record.reason for outcome in _applied(kind, graph, range(30))}
    assert sizes == {f"{size}x{size} kernel, starts as the identity" for size in (3, 4, 5)}


def test_no_rectified_vector() -> None:
    graph = trace_model(ZOO["three_dimensional"]())
    assert isinstance(outcome_of("insert-dense", graph), Morphed)  # pooled ReLU
    inputs = keras.Input((4,))
    tanh = keras.Model(inputs, layers.Dense(3)(layers.Dense(4, activation="tanh")(inputs)))
    reason = "no rectified vector to stay non-negative behind"
    assert outcome_of("insert-dense", trace_model(tanh)) == NotApplicable(reason)


def test_a_vector_too_wide_for_another_dense_layer() -> None:
    inputs = keras.Input((4,))
    wide = layers.Dense(MAX_WIDTH + 1, activation="relu")(inputs)
    graph = trace_model(keras.Model(inputs, layers.Dense(3)(wide)))
    assert outcome_of("insert-dense", graph) == NotApplicable(
        "all rectified vectors have more than 1024 values"
    )


@pytest.mark.parametrize(
    "kind", ["insert-block", "insert-conv", "insert-conv-relu", "insert-batch-norm", "insert-stage"]
)
def test_channels_first(kind: str) -> None:
    outcome = outcome_of(kind, trace_model(ZOO["channels_first"]()))
    assert isinstance(outcome, NotApplicable)
    assert "channels-last" in outcome.reason


@pytest.mark.parametrize("kind", EXACT)
def test_images_of_unknown_size(kind: str) -> None:
    inputs = keras.Input((None, None, 2))
    x = layers.ReLU()(layers.Conv2D(4, 3, padding="same")(inputs))
    graph = trace_model(keras.Model(inputs, layers.Dense(3)(layers.GlobalMaxPooling2D()(x))))
    outcome = outcome_of(kind, graph)
    assert isinstance(outcome, Morphed)
    images = np.random.default_rng(0).normal(size=(2, 7, 9, 2)).astype("float32")
    for one, other in zip(_outputs(outcome.graph, images), _outputs(graph, images), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)


def test_a_graph_without_a_site_says_why() -> None:
    graph = trace_model(ZOO["concatenated"]())
    outcome = apply(CATALOG["remove-dropout"], graph, CONTEXT, np.random.default_rng(0))
    assert outcome == NotApplicable("the graph has no dropout layer")
