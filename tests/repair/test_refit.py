"""A refitted consumer answers as it did before the deletion, as well as least squares can."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from prune_mi.config.values import Repair
from prune_mi.graph.channels.narrowing import Narrowed, narrow
from prune_mi.graph.channels.widening import widen
from prune_mi.graph.edit import bypass, with_config, with_weights
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.units.discovery import find_units
from prune_mi.graph.units.removal import remove_unit
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.repair import least_squares
from prune_mi.repair.recalibrate import recalibrate
from prune_mi.repair.refit import repaired

pytestmark = pytest.mark.slow


def _outputs(graph: LayerGraph, images: np.ndarray) -> np.ndarray:
    return np.asarray(build_model(graph)(images, training=False))


def _without(graph: LayerGraph, name: str) -> LayerGraph:
    return remove_unit(graph, {unit.name: unit for unit in find_units(graph)}[name])


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_a_linear_layer_that_went_is_taken_over_exactly(
    rng: np.random.Generator, strides: int, padding: str
) -> None:
    inputs = keras.Input((10, 10, 3))
    x = layers.Conv2D(3, 1, name="gone")(inputs)  # 1x1: the next kernel can take it over
    x = layers.Conv2D(5, 3, strides=strides, padding=padding, name="stays")(x)
    graph = trace_model(keras.Model(inputs, layers.GlobalAveragePooling2D()(x)))
    graph = _without_bias(graph)
    images = rng.normal(size=(64, 10, 10, 3)).astype("float32")
    cut = bypass(graph, TensorRef("gone"), graph.node_by_name["gone"].inputs[0])
    fitted = repaired(graph, cut, images, rng=rng)
    before = np.abs(_outputs(cut, images) - _outputs(graph, images)).mean()
    after = np.abs(_outputs(fitted, images) - _outputs(graph, images)).mean()
    assert after < 0.05 * before


def _without_bias(graph: LayerGraph) -> LayerGraph:
    """Zero biases, so that borders of 'same' padding are linear in the input too."""
    kernel, bias = graph.layers["gone"].weights
    return with_weights(graph, {"gone": (kernel, np.zeros_like(bias))})


def _require_same_weights(one: LayerGraph, other: LayerGraph, layer: str) -> None:
    for old, new in zip(one.layers[layer].weights, other.layers[layer].weights, strict=True):
        np.testing.assert_array_equal(old, new)


def _with_a_branch() -> LayerGraph:
    """A residual block whose sum the layer `reader` reads."""
    inputs = keras.Input((8, 8, 2))
    x = layers.ReLU()(layers.Conv2D(6, 3, padding="same", name="stem")(inputs))
    y = layers.Conv2D(6, 3, padding="same")(x)
    x = layers.ReLU()(layers.Add(name="sum")([x, y]))
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="reader")(x)
    return trace_model(keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x))))


def test_a_network_that_lost_a_branch_comes_nearer_to_its_former_outputs(
    rng: np.random.Generator,
) -> None:
    graph = _with_a_branch()
    images = rng.normal(size=(200, 8, 8, 2)).astype("float32")
    cut = _without(graph, "sum/branch")
    fitted = repaired(graph, cut, images[:100], rng=rng)
    unseen, truth = images[100:], _outputs(graph, images[100:])
    error_before = np.square(_outputs(cut, unseen) - truth).mean()
    error_after = np.square(_outputs(fitted, unseen) - truth).mean()
    assert error_after < error_before / 2  # on images that the refit has not seen
    changed = {
        name
        for name in graph.layers.keys() & fitted.layers.keys()
        for old, new in zip(graph.layers[name].weights, fitted.layers[name].weights, strict=True)
        if not np.array_equal(old, new)
    }
    assert changed == {"reader", fitted.nodes[-1].layer}  # and what makes up for the reader's error


def _widened(graph: LayerGraph, layer: str) -> LayerGraph:
    outcome = widen(graph, [layer], times=2, rng=np.random.default_rng(0))
    assert isinstance(outcome, LayerGraph)
    return outcome


def test_a_reader_of_a_branch_that_went_and_of_channels_that_came_is_refitted(
    rng: np.random.Generator,
) -> None:
    graph = _with_a_branch()
    images = rng.normal(size=(200, 8, 8, 2)).astype("float32")
    cut = _widened(_without(graph, "sum/branch"), "stem")
    assert cut.layers["reader"].weights[0].shape == (3, 3, 12, 8)
    fitted = repaired(graph, cut, images[:100], rng=rng)
    unseen, truth = images[100:], _outputs(graph, images[100:])
    error_before = np.square(_outputs(cut, unseen) - truth).mean()
    error_after = np.square(_outputs(fitted, unseen) - truth).mean()
    assert error_after < error_before / 2


def test_a_reader_that_became_wider_itself_is_left_alone(rng: np.random.Generator) -> None:
    graph = _with_a_branch()
    cut = _widened(_without(graph, "sum/branch"), "reader")
    images = rng.normal(size=(16, 8, 8, 2)).astype("float32")
    _require_same_weights(cut, repaired(graph, cut, images, rng=rng), "reader")


def test_an_edit_that_changes_nothing_changes_no_weight(rng: np.random.Generator) -> None:
    inputs = keras.Input((6, 6, 2))
    x = layers.Dropout(0.5, name="gone")(inputs)
    x = layers.Conv2D(4, 3, name="stays")(x)
    graph = trace_model(keras.Model(inputs, layers.Flatten()(x)))
    cut = bypass(graph, TensorRef("gone"), graph.node_by_name["gone"].inputs[0])
    images = rng.normal(size=(32, 6, 6, 2)).astype("float32")
    fitted = repaired(graph, cut, images, rng=rng)
    np.testing.assert_allclose(
        fitted.layers["stays"].weights[0], graph.layers["stays"].weights[0], atol=1e-6
    )


def test_shared_and_grouped_layers_are_left_alone(rng: np.random.Generator) -> None:
    inputs = keras.Input((6, 6, 4))
    x = layers.Conv2D(4, 1, name="gone")(inputs)
    shared = layers.Conv2D(4, 3, padding="same", name="shared")
    x = shared(shared(x))
    graph = trace_model(keras.Model(inputs, layers.Flatten()(x)))
    cut = bypass(graph, TensorRef("gone"), graph.node_by_name["gone"].inputs[0])
    images = rng.normal(size=(16, 6, 6, 4)).astype("float32")
    _require_same_weights(cut, repaired(graph, cut, images, rng=rng), "shared")


def test_a_dense_layer_behind_large_maps_is_refitted_from_few_images(
    rng: np.random.Generator,
) -> None:
    inputs = keras.Input((64, 64, 4))
    x = layers.ReLU(name="gone")(inputs)
    graph = trace_model(keras.Model(inputs, layers.Dense(3, name="reader")(layers.Flatten()(x))))
    cut = bypass(graph, TensorRef("gone"), graph.node_by_name["gone"].inputs[0])
    images = rng.normal(size=(40, 64, 64, 4)).astype("float32")
    expected = _outputs(graph, images)
    before = _outputs(cut, images)
    fitted = repaired(graph, cut, images, rng=rng)
    after = _outputs(fitted, images)
    assert np.abs(after - expected).mean() < 0.05 * np.abs(before - expected).mean()


@pytest.mark.parametrize("num_images", [20, 30, 31, 32, 100])
def test_the_fit_is_ridge_regression_by_the_smaller_system(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, num_images: int
) -> None:
    inputs = keras.Input((30,))
    x = layers.ReLU(name="gone")(inputs)
    graph = trace_model(keras.Model(inputs, layers.Dense(3, name="reader")(x)))
    cut = bypass(graph, TensorRef("gone"), graph.node_by_name["gone"].inputs[0])
    values = rng.normal(size=(num_images, 30)).astype("float32")
    sizes, solved = [], least_squares._solved

    def noted(gram: np.ndarray, *rest: Any) -> np.ndarray:
        sizes.append(len(gram))
        return solved(gram, *rest)

    monkeypatch.setattr(least_squares, "_solved", noted)
    kernel, bias = repaired(graph, cut, values, rng=rng).layers["reader"].weights
    assert sizes == [min(num_images, 30)]
    old_kernel, old_bias = graph.layers["reader"].weights
    change = ((np.maximum(values, 0) - values) @ old_kernel).astype(np.float64)
    design = (values - values.mean(axis=0)).astype(np.float64)
    gram = design.T @ design
    own = np.diag(gram)
    gram += np.diag(1e-3 * (own + np.median(own)) + num_images * (1e-4 * values.mean(axis=0)) ** 2)
    learned = np.linalg.solve(gram, design.T @ (change - change.mean(axis=0)))
    shift = change.mean(axis=0) - values.mean(axis=0) @ learned
    expected = np.vstack([old_kernel + learned, old_bias + shift])
    np.testing.assert_allclose(np.vstack([kernel, bias]), expected, atol=1e-4)


_LINEAR = {
    "transposed": layers.Conv2DTranspose(6, 3, activation="relu", name="reader"),
    "separable": layers.SeparableConv2D(6, 3, activation="relu", name="reader"),
    "grouped": layers.Conv2D(6, 3, groups=2, name="reader"),
    "depthwise": layers.DepthwiseConv2D(3, name="reader"),
}


@pytest.mark.parametrize("reader", _LINEAR.values(), ids=_LINEAR)
def test_what_least_squares_cannot_fit_gets_its_mean_back(
    rng: np.random.Generator, reader: keras.Layer
) -> None:
    inputs = keras.Input((8, 8, 4))
    x = reader.__class__.from_config(reader.get_config())(layers.ReLU(name="gone")(inputs))
    graph = trace_model(keras.Model(inputs, layers.GlobalAveragePooling2D()(x)))
    cut = bypass(graph, TensorRef("gone"), graph.node_by_name["gone"].inputs[0])
    images = rng.normal(size=(32, 8, 8, 4)).astype("float32")
    fitted = repaired(graph, cut, images, rng=rng)
    *kernels, bias = fitted.layers["reader"].weights
    for old, new in zip(graph.layers["reader"].weights, kernels, strict=False):
        np.testing.assert_array_equal(old, new)
    linear = {"reader": {"activation": None}}
    aim, found = (_outputs(with_config(each, linear), images) for each in (graph, fitted))
    assert np.abs(bias).max() > 1e-3
    np.testing.assert_allclose(found.mean(axis=0), aim.mean(axis=0), atol=1e-4)


@pytest.mark.parametrize(
    "reader",
    [layers.Conv3D(5, 2, name="reader"), layers.Conv1D(5, 3, padding="causal", name="reader")],
    ids=["volume", "causal"],
)
def test_windows_of_every_kind_take_a_linear_layer_over(
    rng: np.random.Generator, reader: keras.Layer
) -> None:
    shape = (6, 6, 6, 3) if isinstance(reader, layers.Conv3D) else (12, 3)
    inputs = keras.Input(shape)
    gone = layers.Dense(3, use_bias=False, name="gone")(inputs)
    x = reader.__class__.from_config(reader.get_config())(gone)
    graph = trace_model(keras.Model(inputs, layers.Flatten()(x)))
    images = rng.normal(size=(64, *shape)).astype("float32")
    cut = bypass(graph, TensorRef("gone"), graph.node_by_name["gone"].inputs[0])
    aim, before = _outputs(graph, images), _outputs(cut, images)
    after = _outputs(repaired(graph, cut, images, rng=rng), images)
    assert np.abs(after - aim).mean() < 0.02 * np.abs(before - aim).mean()


def test_a_batch_norm_of_several_calls_keeps_its_statistics(rng: np.random.Generator) -> None:
    inputs = keras.Input((8,))
    norm = layers.BatchNormalization(name="norm")
    large = keras.initializers.RandomNormal(stddev=5.0)
    calls = [norm(layers.Dense(6, kernel_initializer=large, name=name)(inputs)) for name in "ab"]
    graph = trace_model(keras.Model(inputs, layers.Dense(2)(layers.Concatenate()(calls))))
    images = rng.normal(size=(256, 8)).astype("float32")
    graph = recalibrate(graph, [images])
    nearly = tuple(weight * 1.0001 for weight in graph.layers["a"].weights)
    edited = with_weights(graph, {"a": nearly})
    fitted = repaired(graph, edited, images, rng=rng)
    _require_same_weights(fitted, edited, "norm")
    np.testing.assert_allclose(_outputs(fitted, images), _outputs(graph, images), atol=1e-2)


def _narrowed(graph: LayerGraph, gone: dict[str, list[int]]) -> Narrowed:
    found = narrow(graph, gone)
    assert isinstance(found, Narrowed)
    return found


def test_a_reader_of_a_narrowed_layer_brings_the_outputs_back_nearer(
    rng: np.random.Generator,
) -> None:
    graph = _with_a_branch()
    images = rng.normal(size=(100, 8, 8, 2)).astype("float32")
    cut = _narrowed(graph, {"reader": [2, 3]})
    fitted = repaired(graph, cut.graph, images, rng=rng, kept=cut.kept)
    truth = _outputs(graph, images)
    before = np.square(_outputs(cut.graph, images) - truth).mean()
    after = np.square(_outputs(fitted, images) - truth).mean()
    assert after < before / 2


@pytest.mark.parametrize("how", ["least-squares", "variance", "statistics"])
def test_a_narrowed_layer_behind_batch_norm_has_statistics_that_fit(
    rng: np.random.Generator, how: Repair
) -> None:
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same", name="first")(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(8, 3, padding="same", name="second")(x)
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(x))
    graph = trace_model(keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling2D()(x))))
    images = rng.normal(size=(64, 8, 8, 3)).astype("float32")
    graph = recalibrate(graph, [images])
    cut = _narrowed(graph, {"first": [0, 1, 2], "second": [5]})
    assert [len(places) for places in cut.kept.values()] == [5, 7]
    fitted = repaired(graph, cut.graph, images, rng=rng, kept=cut.kept, how=how)
    again = recalibrate(fitted, [images])
    for one, other in zip(fitted.layers["norm"].weights, again.layers["norm"].weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-4)
    same = np.array_equal(fitted.layers["second"].weights[0], cut.graph.layers["second"].weights[0])
    assert same == (how == "statistics")


def test_steps_that_a_mask_leaves_out_are_in_no_statistics(rng: np.random.Generator) -> None:
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(9, 5, mask_zero=True, name="words")(inputs)
    x = layers.Dense(8, name="made")(x)
    x = layers.BatchNormalization(name="norm")(x)
    graph = trace_model(keras.Model(inputs, layers.LSTM(3)(x)))
    tokens = rng.integers(1, 9, (64, 6)).astype("int32")
    tokens[:, 2:] = 0  # most of it is padding
    narrowed = narrow(graph, {"made": [0, 3]})
    assert isinstance(narrowed, Narrowed)
    fitted = repaired(graph, narrowed.graph, tokens, rng=rng, kept=narrowed.kept)
    _, _, mean, variance = fitted.layers["norm"].weights
    kernel, bias = fitted.layers["made"].weights
    told = fitted.layers["words"].weights[0][tokens[:, :2]] @ kernel + bias
    np.testing.assert_allclose(mean, told.mean(axis=(0, 1)), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(variance, told.var(axis=(0, 1)), rtol=1e-3)


def test_a_reader_of_maps_of_another_size_gets_its_mean_back_alone(
    rng: np.random.Generator,
) -> None:
    def network(*, pooled: bool) -> LayerGraph:
        x = inputs = keras.Input((2, 2, 3), name="inputs")
        if pooled:  # the reader yields 1x1 maps of 1x1 as of 2x2
            x = layers.MaxPooling2D()(x)
        x = layers.Conv2D(4, 3, strides=2, padding="same", name="reader")(x)
        return trace_model(keras.Model(inputs, layers.GlobalAveragePooling2D()(x)))

    old, new = network(pooled=True), network(pooled=False)
    images = rng.normal(size=(64, 2, 2, 3)).astype("float32")
    fitted = repaired(old, new, images, rng=rng)
    np.testing.assert_array_equal(
        fitted.layers["reader"].weights[0], new.layers["reader"].weights[0]
    )
    aim, found = _outputs(old, images), _outputs(fitted, images)
    np.testing.assert_allclose(found.mean(axis=0), aim.mean(axis=0), atol=1e-5)
