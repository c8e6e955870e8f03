"""Poolings that come and go: what is built has the sizes that the graph says, and runs."""

from dataclasses import replace
from functools import cache

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from zoo import ZOO

from prune_mi.graph.analysis.layer_counts import location_of
from prune_mi.graph.construction.seed import seed_graph
from prune_mi.graph.edit import validate_graph
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.morphisms.catalog import CATALOG, apply
from prune_mi.morphisms.insert_stage import pooled
from prune_mi.morphisms.morphism import Morphed
from prune_mi.repair.refit import repaired
from tests.crossed import crossed
from tests.morphed import CONTEXT, outcome_of

pytestmark = pytest.mark.slow
NO_IMAGE = "no channels-last image tensor of known size and more than one pixel"
NO_POOLING = "no channels-last pooling of known sizes makes images smaller"


@cache
def _graph(name: str) -> LayerGraph:
    return trace_model({**ZOO, "seed": _seed, "tower": _tower}[name]())


def _seed() -> keras.Model:
    """The smallest network that a search begins with."""
    inputs = keras.Input((9, 8, 2))
    x = layers.ReLU()(layers.Conv2D(4, 3, padding="same")(inputs))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))


def _tower() -> keras.Model:
    """Joins in joins, of images that poolings and strides have made smaller."""
    inputs = keras.Input((12, 10, 2))
    x = layers.ReLU()(layers.Conv2D(4, 3, padding="same")(inputs))
    y = layers.Add()([x, layers.Conv2D(4, 3, padding="same", activation="relu")(x)])
    y = layers.Concatenate()([layers.MaxPooling2D()(y), layers.AveragePooling2D(2)(x)])
    z = layers.Conv2D(8, 3, padding="same")(
        layers.ReLU()(layers.DepthwiseConv2D(3, padding="same")(y))
    )
    z = layers.Multiply()([layers.Add()([y, z]), layers.GlobalMaxPooling2D(keepdims=True)(z)])
    return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(layers.MaxPooling2D(3)(z))))


def _images(graph: LayerGraph, count: int = 4) -> np.ndarray:
    shape = graph.spec(graph.inputs[0]).shape[1:]
    return np.random.default_rng(1).normal(size=(count, *shape)).astype("float32")


def _outputs(graph: LayerGraph, inputs: np.ndarray) -> np.ndarray:
    outputs = build_model(graph)(inputs, training=False)
    return np.concatenate([np.asarray(each) for each in keras.tree.flatten(outputs)], axis=-1)


def _require_keras_agrees(graph: LayerGraph) -> None:
    """Every tensor has the shape that the graph says, and the model runs."""
    validate_graph(graph)
    built = trace_model(build_model(graph))
    for node in graph.nodes:
        assert built.node_by_name[node.name].outputs == node.outputs, node.name
    assert np.isfinite(_outputs(graph, _images(graph, 2))).all()


@pytest.mark.parametrize(
    ("name", "kind"),
    crossed([*ZOO, "seed", "tower"], ["insert-pool", "insert-stage", "remove-pool"]),
)
def test_keras_finds_the_sizes_that_the_graph_says(name: str, kind: str) -> None:
    graph = _graph(name)
    before = graph.structural_hash()
    for seed in range(4):
        outcome = outcome_of(kind, graph, seed)
        assert graph.structural_hash() == before
        if isinstance(outcome, NotApplicable):
            assert outcome.reason
            continue
        _require_keras_agrees(outcome.graph)
        assert [spec.shape for spec in map(outcome.graph.spec, outcome.graph.outputs)] == [
            spec.shape for spec in map(graph.spec, graph.outputs)
        ]
        record = outcome.record
        assert record.place == location_of(graph, TensorRef(record.target))
        assert set(record.layers) == set(graph.layers) ^ set(outcome.graph.layers)


@pytest.mark.parametrize("kind", ["insert-pool", "remove-pool"])
@pytest.mark.parametrize("name", ["chain", "tower"])
def test_there_is_a_site(kind: str, name: str) -> None:
    assert isinstance(outcome_of(kind, _graph(name)), Morphed)


@pytest.mark.parametrize("name", ["seed", "residual"])
def test_a_stage_has_half_the_size_and_twice_the_channels(name: str) -> None:
    graph = _graph(name)
    outcome = outcome_of("insert-stage", graph)
    assert isinstance(outcome, Morphed)
    _, height, width, channels = graph.spec(TensorRef(outcome.record.target)).shape
    assert min(height or 0, width or 0) >= 8
    last = outcome.graph.spec(TensorRef(outcome.record.layers[-1])).shape
    assert last == (None, -(-(height or 0) // 2), -(-(width or 0) // 2), 2 * (channels or 0))


def test_the_seed_of_the_default_method_may_get_a_stage() -> None:
    rng = np.random.default_rng(0)
    seed = seed_graph((32, 32, 3), 10, rng=rng, width=16, head="gap", batch_norm=True)
    outcome = apply(CATALOG["insert-stage"], seed, CONTEXT, rng)
    assert isinstance(outcome, Morphed)
    _require_keras_agrees(outcome.graph)


def test_but_for_its_pooling_a_stage_changes_nothing() -> None:
    graph = _graph("residual")
    outcome = outcome_of("insert-stage", graph)
    assert isinstance(outcome, Morphed)
    alone = pooled(graph, TensorRef(outcome.record.target))
    assert not isinstance(alone, NotApplicable)
    images = _images(graph)
    np.testing.assert_allclose(
        _outputs(outcome.graph, images), _outputs(alone[0], images), atol=1e-5
    )


def test_a_stage_is_not_begun_where_a_layer_of_unknown_kind_has_its_width() -> None:
    inputs = keras.Input((8, 8, 3))
    x = layers.ReLU()(layers.Conv2D(4, 3, padding="same")(inputs))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Multiply()([x, layers.EinsumDense("ab,bc->ac", output_shape=4, name="gate")(x)])
    outcome = outcome_of("insert-stage", trace_model(keras.Model(inputs, layers.Dense(3)(x))))
    assert isinstance(outcome, NotApplicable)
    assert "'gate' cannot be widened" in outcome.reason


def test_a_stage_needs_an_image_of_some_size() -> None:
    inputs = keras.Input((9, 7, 2))
    x = layers.ReLU()(layers.Conv2D(4, 3, padding="same")(inputs))
    graph = trace_model(keras.Model(inputs, layers.Dense(3)(layers.GlobalMaxPooling2D()(x))))
    reason = "no stage can begin behind any of 1 images: none is known to have 8 rows and columns"
    assert outcome_of("insert-stage", graph) == NotApplicable(reason)


@settings(max_examples=6)
@given(name=st.sampled_from(["seed", "tower", "residual", "parallel"]), seed=st.integers(0, 2**32))
def test_pooling_until_nothing_is_left_to_pool(name: str, seed: int) -> None:
    graph = _graph(name)
    rng = np.random.default_rng(seed)
    for _ in range(200):
        outcome = apply(CATALOG["insert-pool"], graph, CONTEXT, rng)
        if isinstance(outcome, NotApplicable):
            break
        graph = outcome.graph
        sizes = [size for node in graph.nodes for spec in node.outputs for size in spec.shape[1:]]
        assert all(size is not None and size >= 1 for size in sizes)
    else:
        pytest.fail("each pooling halves an image, and yet there is always another")
    assert isinstance(outcome, NotApplicable)
    _require_keras_agrees(graph)


@settings(max_examples=15)
@given(
    name=st.sampled_from(["seed", "tower", "chain", "densely_connected", "squeeze_excite"]),
    seed=st.integers(0, 2**32),
    kinds=st.lists(st.sampled_from(["insert-pool", "remove-pool"]), min_size=1, max_size=6),
)
def test_poolings_come_and_go(name: str, seed: int, kinds: list[str]) -> None:
    graph = _graph(name)
    rng = np.random.default_rng(seed)
    for kind in kinds:
        outcome = apply(CATALOG[kind], graph, CONTEXT, rng)
        graph = outcome.graph if isinstance(outcome, Morphed) else graph
    _require_keras_agrees(graph)


@pytest.mark.parametrize("kind", ["insert-pool", "remove-pool"])
def test_wholly_constant_features_are_classified_as_before(kind: str) -> None:
    inputs = keras.Input((8, 8, 2))
    x = layers.ReLU()(layers.Conv2D(4, 1)(inputs))  # each pixel by itself: no borders
    x = layers.Conv2D(4, 1)(layers.MaxPooling2D()(x))
    graph = trace_model(keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x))))
    images = np.broadcast_to(_images(graph)[:, :1, :1], (4, 8, 8, 2))
    for seed in range(6):
        outcome = outcome_of(kind, graph, seed)
        assert isinstance(outcome, Morphed)
        np.testing.assert_allclose(
            _outputs(outcome.graph, images), _outputs(graph, images), rtol=1e-4, atol=1e-5
        )


def test_features_constant_over_windows_are_classified_as_before() -> None:
    inputs = keras.Input((9, 8, 2))
    x = layers.ReLU()(layers.Conv2D(4, 1)(inputs))
    graph = trace_model(keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x))))
    images = _images(graph)[:, ::2, ::2].repeat(2, 1).repeat(2, 2)[:, :9]
    outcome = outcome_of("insert-pool", graph)
    assert isinstance(outcome, Morphed)
    assert outcome.record.reason == "halves the size 9x8"
    np.testing.assert_allclose(
        _outputs(outcome.graph, images), _outputs(graph, images), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", ["seed", "tower", "residual"])
def test_a_repair_leaves_alone_what_has_other_positions(name: str) -> None:
    graph = _graph(name)
    for seed in range(6):
        outcome = outcome_of("insert-pool", graph, seed)
        assert isinstance(outcome, Morphed)
        images = _images(graph, 16)
        refitted = repaired(graph, outcome.graph, images, rng=np.random.default_rng(0))
        _require_keras_agrees(refitted)


def test_a_refit_brings_the_outputs_back_nearer() -> None:
    """Behind a flattening, the rows are those of whole images: they can be refitted."""
    graph = _graph("seed")
    dense = graph.nodes[-1].layer
    plain = {**graph.layers[dense].serialized}
    plain["config"] = {**plain["config"], "activation": "linear"}
    layer = replace(graph.layers[dense], serialized=plain)
    graph = replace(graph, layers={**graph.layers, dense: layer})
    images = _images(graph, 256)
    outcome = outcome_of("insert-pool", graph)
    assert isinstance(outcome, Morphed)
    refitted = repaired(graph, outcome.graph, images, rng=np.random.default_rng(0))
    expected = _outputs(graph, images)
    before = np.square(_outputs(outcome.graph, images) - expected).mean()
    after = np.square(_outputs(refitted, images) - expected).mean()
    assert after < before / 2


def test_images_that_cannot_be_pooled() -> None:
    assert outcome_of("insert-pool", _graph("channels_first")) == NotApplicable(NO_IMAGE)
    assert outcome_of("remove-pool", _graph("channels_first")) == NotApplicable(NO_POOLING)
    assert outcome_of("insert-pool", _graph("one_dimensional")) == NotApplicable(NO_IMAGE)
    outcome = outcome_of("insert-pool", _graph("attention"))
    assert isinstance(outcome, NotApplicable)
    reason = r"none of 1 place will do: it is not known what 'reshape', a Reshape, makes of"
    assert outcome.reason.startswith(reason.replace("'reshape'", f"{_reshape()!r}"))


def _reshape() -> str:
    nodes = _graph("attention").nodes
    return next(node.name for node in nodes if node.name.startswith("reshape"))


def test_images_of_unknown_size() -> None:
    inputs = keras.Input((None, None, 2))
    x = layers.MaxPooling2D()(layers.ReLU()(layers.Conv2D(4, 3, padding="same")(inputs)))
    graph = trace_model(keras.Model(inputs, layers.Dense(3)(layers.GlobalMaxPooling2D()(x))))
    assert outcome_of("insert-pool", graph) == NotApplicable(NO_IMAGE)
    assert outcome_of("remove-pool", graph) == NotApplicable(NO_POOLING)
    inputs = keras.Input((8, None, 2))
    x = layers.MaxPooling2D()(layers.Conv2D(4, 3, padding="same")(inputs))
    graph = trace_model(keras.Model(inputs, layers.Dense(3)(layers.GlobalMaxPooling2D()(x))))
    assert outcome_of("insert-pool", graph) == NotApplicable(NO_IMAGE)


def test_poolings_of_signals_and_volumes_go_too() -> None:
    for name in ("one_dimensional", "three_dimensional"):
        outcome = outcome_of("remove-pool", _graph(name))
        assert isinstance(outcome, Morphed)
        assert outcome.record.reason == "chosen at random from 1 pooling layer"
        _require_keras_agrees(outcome.graph)
