"""Channels of zeros change nothing of what a network learns."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import layers

from prune_mi.config import TrainingSettings
from prune_mi.data import AugmentationPolicy, fit_scaling
from prune_mi.graph.channels.padding import padded
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.tasks.classification import TASK
from prune_mi.tasks.head import Head
from prune_mi.training import fit
from prune_mi.training.feed import TrainingImages
from prune_mi.training.plan import TrainingPlan

pytestmark = pytest.mark.slow


def _norm(x: keras.KerasTensor, activation: str | None = "relu") -> keras.KerasTensor:
    x = layers.BatchNormalization()(x)
    return x if activation is None else layers.Activation(activation)(x)


def _residual(x: keras.KerasTensor) -> keras.KerasTensor:
    x = _norm(layers.Conv2D(5, 3, padding="same", use_bias=False, kernel_regularizer="l2")(x))
    y = _norm(layers.Conv2D(3, 3, padding="same", use_bias=False)(x))
    y = _norm(layers.Conv2D(5, 3, padding="same", use_bias=False)(y), None)
    x = layers.ReLU()(layers.Add()([x, y]))
    return layers.GlobalAveragePooling2D()(x)


def _inverted(x: keras.KerasTensor) -> keras.KerasTensor:
    x = _norm(layers.Conv2D(11, 1, use_bias=False)(x), "silu")
    x = _norm(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x), "elu")
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(11, 1, activation="sigmoid")(layers.Conv2D(3, 1, activation="relu")(gate))
    x = layers.Multiply()([x, gate])
    return layers.Flatten()(_norm(layers.Conv2D(6, 1, use_bias=False)(x), None))


def _dense(x: keras.KerasTensor) -> keras.KerasTensor:
    for _ in range(2):
        y = layers.Conv2D(3, 3, padding="same", use_bias=False)(
            _norm(layers.Conv2D(5, 1, use_bias=False)(_norm(x)))
        )
        x = layers.Concatenate()([x, y])
    return layers.Flatten()(layers.MaxPooling2D(2)(_norm(x)))


def _graph(make: Callable[[keras.KerasTensor], keras.KerasTensor]) -> LayerGraph:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((8, 8, 3))
    return trace_model(keras.Model(inputs, layers.Dense(4, "softmax")(make(inputs))))


@pytest.mark.parametrize("make", [_residual, _inverted, _dense])
def test_a_padded_network_answers_the_same(
    make: Callable[[keras.KerasTensor], keras.KerasTensor],
) -> None:
    graph = _graph(make)
    found = padded(graph, 8)
    assert found is not None
    assert graph_cost(found.graph).num_params > graph_cost(graph).num_params
    images = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")
    expected = np.asarray(build_model(graph)(images))
    np.testing.assert_allclose(np.asarray(build_model(found.graph)(images)), expected, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["muon", "adam", "sgd"])
@pytest.mark.parametrize("make", [_residual, _inverted, _dense])
def test_a_padded_network_learns_the_same(
    make: Callable[[keras.KerasTensor], keras.KerasTensor],
    optimizer: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = _graph(make)
    rng = np.random.default_rng(0)
    images = rng.normal(size=(64, 8, 8, 3)).astype("float32")
    labels = rng.integers(0, 4, 64)
    source = TrainingImages(
        images=images,
        targets=TASK.targets(labels, np.full((64, 4), 0.25), Head((4,))),
        scaling=fit_scaling("none", images),
        augmentation=AugmentationPolicy(flip=False, max_shift=0),
    )
    recipe = TrainingSettings(batch_size=16, optimizer=optimizer)
    plan = TrainingPlan(num_images=96, seconds=None, learning_rate=1e-3, seed=0, recipe=recipe)
    found = []
    for multiple in (1, 8):
        monkeypatch.setattr(fit, "norm_multiple", lambda multiple=multiple: multiple)
        found.append(fit.train(graph, source, plan).graph)
    plain, filled = found
    for name, layer in plain.layers.items():
        for weight, other, start in zip(
            layer.weights, filled.layers[name].weights, graph.layers[name].weights, strict=True
        ):
            assert weight.shape == other.shape
            moved = float(np.abs(weight - start).max())
            np.testing.assert_allclose(other, weight, atol=max(0.05 * moved, 1e-6), err_msg=name)


def test_zeros_stay_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = _graph(_residual)
    found = padded(graph, 8)
    assert found is not None
    model = fit.build_for_training(found.graph)
    model.compile("adam", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(1)
    for _ in range(5):
        model.train_on_batch(rng.normal(size=(16, 8, 8, 3)), rng.integers(0, 4, 16))
    kernels = [each.kernel for each in model.layers if isinstance(each, layers.Conv2D)]
    assert (
        not np.asarray(kernels[0])[..., 5:].any() and not np.asarray(kernels[1])[..., 5:, :].any()
    )
    assert np.asarray(kernels[1])[..., :5, :3].all()
