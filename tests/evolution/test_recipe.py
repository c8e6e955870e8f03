"""What is expected of a training's speed, and its learning rate."""

from functools import partial

import numpy as np
import pytest
from graph_builder import chain

from prune_mi.evolution.recipe import TrainingSpeed, automatic_rate
from prune_mi.graph.edit import with_weights

pytestmark = pytest.mark.slow


def test_two_sizes_give_a_cost_per_image_and_a_cost_per_mac() -> None:
    speed = TrainingSpeed(((1000, 0.003), (2000, 0.005)), overhead_seconds=1.0)
    assert speed.images_per_second(4000) == pytest.approx(1 / 0.009)
    assert speed.images_per_second(500) == pytest.approx(1 / 0.002)


def test_from_one_size_alone_the_expectation_is_cautious() -> None:
    speed = TrainingSpeed(((1000, 0.002), (1000, 0.002)), overhead_seconds=1.0)
    assert speed.images_per_second(1000) == pytest.approx(500)
    assert speed.images_per_second(2000) == pytest.approx(250)
    assert speed.images_per_second(500) == pytest.approx(1 / 0.0015)


def test_a_noisy_fit_never_expects_the_absurd() -> None:
    speed = TrainingSpeed(((1000, 0.005), (2000, 0.002)), overhead_seconds=1.0)
    assert 0 < speed.images_per_second(10**9) <= 10 / 0.002


def test_the_rate_goes_by_damage_and_by_the_size_of_the_weights() -> None:
    graph = chain()
    kernels = [
        float(np.sqrt(np.mean(np.square(layer.weights[0]))))
        for layer in graph.layers.values()
        if layer.weight_names[:1] == ("kernel",)
    ]
    size = float(np.median(kernels))
    rate = partial(automatic_rate, num_steps=100)
    assert rate(graph, 0.1) == pytest.approx(0.012 * size)
    assert rate(graph, -0.1) == pytest.approx(0.002 * size)
    assert rate(graph, 0.9) == pytest.approx(0.03 * size)
    weights = {
        name: tuple(weight / 10 for weight in layer.weights) for name, layer in graph.layers.items()
    }
    assert rate(with_weights(graph, weights), 0.1) == pytest.approx(0.0012 * size)


def test_the_rate_rises_with_the_length_of_a_long_training() -> None:
    short, usual, long, longest = (
        automatic_rate(chain(), 0.1, num_steps=steps) for steps in (10, 1600, 6400, 10**6)
    )
    assert short == usual
    assert long == pytest.approx(2 * usual)
    assert longest == pytest.approx(3 * usual)
