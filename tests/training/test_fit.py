"""Training learns, ends on time, and is the same under a seed."""

import itertools
import time

import keras
import numpy as np
import pytest
from keras import layers

from prune_mi.data import AugmentationPolicy, fit_scaling, load_dataset
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.measure.predictor import predict
from prune_mi.measure.quality import accuracy
from prune_mi.training.feed import Feed, TrainingImages
from prune_mi.training.fit import train
from prune_mi.training.plan import TrainingPlan
from prune_mi.training.schedule import Schedule
from tests.digits_training import digits, plan

pytestmark = pytest.mark.slow


def _source() -> TrainingImages:
    return digits(AugmentationPolicy(flip=False, max_shift=0))


def _network() -> keras.Model:
    inputs = keras.Input((8, 8, 1))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3)(inputs)))
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(layers.Flatten()(x)))


def _plan(num_images: int = 6000, **changes: object) -> TrainingPlan:
    return plan(num_images, **changes)


def test_training_learns_digits_and_leaves_the_given_graph_alone() -> None:
    source, graph = _source(), trace_model(_network())
    before = [weight.copy() for layer in graph.layers.values() for weight in layer.weights]
    trained = train(graph, source, _plan())
    data = load_dataset("digits")
    outputs = predict(build_model(trained.graph), data.x_test, source.scaling)
    assert accuracy(outputs, data.y_test) > 0.93
    assert trained.images_trained == 6016
    after = [weight for layer in graph.layers.values() for weight in layer.weights]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


def test_equal_seeds_train_equally() -> None:
    source, graph = _source(), trace_model(_network())
    first, second = (train(graph, source, _plan(num_images=640)).graph for _ in range(2))
    other = train(graph, source, _plan(num_images=640, seed=1)).graph
    kernel = "conv2d" if "conv2d" in graph.layers else next(
        name for name, layer in graph.layers.items() if layer.class_name == "Conv2D"
    )  # fmt: skip
    np.testing.assert_allclose(
        first.layers[kernel].weights[0], second.layers[kernel].weights[0], atol=1e-5
    )
    assert np.abs(first.layers[kernel].weights[0] - other.layers[kernel].weights[0]).max() > 1e-3


def test_the_deadline_is_kept_and_the_schedule_follows_it() -> None:
    source, graph = _source(), trace_model(_network())
    started = time.monotonic()
    trained = train(graph, source, _plan(num_images=10_000_000, seconds=6.0))
    assert time.monotonic() - started < 8.0
    assert 0 < trained.images_trained < 10_000_000


def test_progress_is_told() -> None:
    heard: list[tuple[int, int]] = []
    plan = _plan(num_images=640)
    train(
        trace_model(_network()),
        _source(),
        plan,
        on_progress=lambda done, total: heard.append((done, total)),
    )
    assert heard and heard[0] == (32, 640)


def test_an_absurd_learning_rate_is_told_as_divergence() -> None:
    source, graph = _source(), trace_model(_network())
    broken = TrainingImages(
        source.images, np.full_like(source.targets, np.nan), source.scaling, source.augmentation
    )
    trained = train(graph, broken, _plan())
    assert trained.diverged
    assert trained.graph is graph


def test_a_frozen_layer_stays_as_it_is() -> None:
    model = _network()
    model.layers[1].trainable = False
    graph = trace_model(model)
    name = model.layers[1].name
    trained = train(graph, _source(), _plan(num_images=320)).graph
    np.testing.assert_array_equal(trained.layers[name].weights[0], graph.layers[name].weights[0])


def test_fewer_images_than_a_batch_are_seen_as_often_as_asked_for() -> None:
    source = _source()
    few = TrainingImages(
        source.images[:16], source.targets[:16], source.scaling, source.augmentation
    )
    assert train(trace_model(_network()), few, _plan(num_images=160)).images_trained == 160


def test_an_epoch_shows_every_image_once() -> None:
    source = _source()
    numbered = TrainingImages(
        np.arange(64, dtype="float32").reshape(64, 1, 1, 1),
        np.arange(64, dtype="float32").reshape(64, 1),
        fit_scaling("none", source.images),
        source.augmentation,
    )
    feed = Feed(numbered, batch_size=16, num_batches=8, seed=3)
    seen = np.concatenate([feed[index][1].ravel() for index in range(4)])
    assert sorted(seen) == list(range(64))
    np.testing.assert_array_equal(feed[5][0].ravel(), feed[5][1].ravel())
    np.testing.assert_array_equal(feed[5][1], feed[5][1])


@pytest.mark.parametrize(("optimizer", "rate"), [("muon", 3e-3), ("sgd", 0.05)])
def test_other_optimizers_learn_digits_too(optimizer: str, rate: float) -> None:
    source, graph = _source(), trace_model(_network())
    trained = train(graph, source, _plan(optimizer=optimizer, learning_rate=rate))
    data = load_dataset("digits")
    outputs = predict(build_model(trained.graph), data.x_test, source.scaling)
    assert accuracy(outputs, data.y_test) > 0.9


@pytest.mark.parametrize("cycles", [1, 3])
def test_the_learning_rate_goes_up_again_with_every_cycle(cycles: int) -> None:
    schedule = Schedule(90, deadline=None, peak=5e-3, cycles=cycles)
    rates: list[float] = []
    for _ in range(30):
        rates += schedule.rates(3)
        schedule.told(3)
    restarts = sum(later > 2 * before for before, later in itertools.pairwise(rates[10:]))
    assert restarts == cycles - 1
    assert max(rates) == pytest.approx(5e-3, rel=0.01)
    assert min(rates[10:]) < 5e-4


def test_gradients_are_no_longer_than_asked() -> None:
    source, graph = _source(), trace_model(_network())

    def moved(**settings: object) -> float:
        plan = _plan(num_images=32, optimizer="sgd", learning_rate=0.05, **settings)
        trained = train(graph, source, plan).graph
        squares = [
            np.square(new - old).sum()
            for name, layer in graph.layers.items()
            for weight, old, new in zip(
                layer.weight_names, layer.weights, trained.layers[name].weights, strict=True
            )
            if not weight.startswith("moving")
        ]
        return float(np.sqrt(sum(squares)))

    # One step of Nesterov's momentum moves weights by (1 + 0.9) times the rate and the gradient.
    longest = 1.9 * 0.05 * 0.01
    assert moved(clip_norm=0.01) <= longest * (1 + 1e-3) < moved()
