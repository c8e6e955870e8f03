"""Muon: what is made orthogonal, how long a step is, and what is left to Adam."""

import keras
import numpy as np
import pytest
from keras import layers

from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.training.muon import Muon, orthogonal, worthwhile_kernels

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("shape", [(4, 30), (30, 4), (12, 12), (9, 1)])
def test_directions_stay_and_get_one_length(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(0).normal(size=shape).astype("float32")
    left, lengths, right = np.linalg.svd(matrix, full_matrices=False)
    found = left.T @ np.asarray(orthogonal(keras.ops.convert_to_tensor(matrix))) @ right.T
    # A direction of a tenth of the norm and more has become as long as the others.
    known = lengths > 0.1 * np.linalg.norm(lengths)
    assert known.any()
    np.testing.assert_allclose(np.diag(found)[known], 1.0, atol=0.35)
    np.testing.assert_allclose(found - np.diag(np.diag(found)), 0.0, atol=1e-3)


def test_a_kernel_of_zeros_stays_finite() -> None:
    found = orthogonal(keras.ops.zeros((3, 5)))
    np.testing.assert_array_equal(np.asarray(found), np.zeros((3, 5)))


def test_steps_are_as_long_as_those_of_adam_and_the_others_are_its_own() -> None:
    rng = np.random.default_rng(0)
    shapes = ((3, 3, 8, 16), (16,))
    gradients = [rng.normal(size=shape).astype("float32") for shape in shapes]
    start = [rng.normal(size=shape).astype("float32") for shape in shapes]

    def stepped(muon: bool) -> list[np.ndarray]:
        variables = [keras.Variable(each) for each in start]
        optimizer = (
            Muon(0.01, kernels=[(variables[0], 72)]) if muon else keras.optimizers.Adam(0.01)
        )
        for _ in range(3):
            optimizer.apply(list(map(keras.ops.convert_to_tensor, gradients)), variables)
        return [np.asarray(each) for each in variables]

    (kernel, bias), (_, by_adam) = stepped(muon=True), stepped(muon=False)
    np.testing.assert_allclose(bias, by_adam)
    step = (start[0] - kernel) / 3
    assert np.sqrt(np.mean(step**2)) == pytest.approx(0.2 * 0.01, rel=0.2)
    assert np.sum(step * gradients[0]) > 0


def _model() -> keras.Model:
    inputs = keras.Input((16, 16, 4))
    x = layers.Conv2D(8, 3, name="plain")(inputs)
    x = layers.Conv2D(8, 3, groups=2, name="grouped")(x)
    x = layers.DepthwiseConv2D(3, name="depthwise")(x)
    x = layers.Conv2D(64, 1, strides=4, name="wide")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, name="head")(x))


def test_kernels_are_those_read_at_many_positions() -> None:
    model = _model()
    graph = trace_model(model)

    def chosen(batch_size: int) -> list[str]:
        kernels = worthwhile_kernels(model, graph, batch_size=batch_size)
        return [
            name for name in graph.layers for each, _ in kernels if name in each.path.split("/")
        ]

    assert chosen(64) == ["plain", "wide"]
    assert chosen(2) == ["plain"]  # of so few images the product would take longer than the step
