"""Every criterion misses an idle branch least, and says how sure it is of that."""

import pkgutil
from collections.abc import Callable
from typing import get_args

import keras
import numpy as np
import pytest
from keras import layers
from ranking_requests import ranking_request

from prune_mi.config import RankingSettings
from prune_mi.config.values import Criterion
from prune_mi.graph.edit import with_weights
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.units.discovery import removable_units
from prune_mi.graph.units.sites import unit_site, unit_sites
from prune_mi.information import criteria
from prune_mi.information.criterion import (
    NUM_DRAWS,
    Measure,
    RankingRequest,
    Scores,
    interval,
    probability_among_least,
)
from prune_mi.information.ranking import criterion
from prune_mi.keras_io.model_graph.trace import trace_model

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("criteria")]  # one network for all
NUM_CLASSES = 4
LABELS = np.arange(160) % NUM_CLASSES
SETTINGS = RankingSettings(num_seeds=2)
IDLE, VITAL = "idle/branch", "vital/branch"
each_criterion = pytest.mark.parametrize("name", get_args(Criterion))


def _images() -> np.ndarray:
    """Stripes in four directions, at any phase and under noise."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:8, :8]
    along = np.stack([rows, columns, rows + columns, rows - columns])[LABELS]
    phases = rng.integers(4, size=(len(LABELS), 1, 1))
    noise = rng.normal(scale=0.3, size=along.shape)
    return (np.sign((along + phases) % 4 - 1.5) + noise)[..., None].astype(np.float32)


IMAGES = _images()


def _branch(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    branch = layers.Conv2D(8, 5, padding="same", use_bias=False, name=f"{name}_conv")(x)
    branch = layers.BatchNormalization(momentum=0.8, name=f"{name}_norm")(branch)
    branch = layers.ReLU(name=f"{name}_relu")(branch)
    branch = layers.Dropout(0.1)(branch)
    return layers.Add(name=name)([x, branch])


@pytest.fixture(scope="module")
def graph() -> LayerGraph:
    """A trained network; all weights of its branch `idle` are 0."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(8, 1, use_bias=False, trainable=False, name="stem")(inputs)
    for name in ("idle", "vital"):
        x = _branch(x, name)
    x = layers.GlobalMaxPooling2D()(x)
    model = keras.Model(inputs, layers.Dense(NUM_CLASSES, activation="softmax", name="head")(x))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.get_layer("idle_norm").trainable = False
    idle = model.get_layer("idle_norm")
    idle.set_weights([0 * each for each in idle.get_weights()])
    model.fit(IMAGES, LABELS, epochs=25, batch_size=32, verbose=0)
    traced = trace_model(model)
    zeros = {
        name: tuple(np.zeros_like(weight) for weight in traced.layers[name].weights)
        for name in ("idle_conv", "idle_norm")
    }
    return with_weights(traced, zeros)


def _request(
    graph: LayerGraph, name: str = "bypass", *, images: np.ndarray = IMAGES, **changes: object
) -> RankingRequest:
    sites = [unit_site(unit) for unit in removable_units(graph) if unit.num_params]
    settings = SETTINGS.model_copy(update={"criterion": name})
    asked = {"sites": sites, "settings": settings, "from_logits": False, **changes}
    return ranking_request(graph, images, LABELS, **asked)


@pytest.fixture(scope="module")
def answer(graph: LayerGraph) -> Callable[[str], Scores]:
    known: dict[str, Scores] = {}

    def ask(name: str) -> Scores:
        if name not in known:
            known[name] = criterion(name).score(_request(graph))
        return known[name]

    return ask


def test_every_file_is_a_criterion_that_can_be_set() -> None:
    files = {each.name for each in pkgutil.iter_modules(criteria.__path__)}
    assert files == {name.replace("-", "_") for name in get_args(Criterion)}
    for name in get_args(Criterion):
        assert criterion(name).measure in get_args(Measure)


@each_criterion
def test_an_idle_branch_goes_before_a_vital_one(
    answer: Callable[[str], Scores], graph: LayerGraph, name: str
) -> None:
    found = answer(name)
    gains = dict(zip((site.name for site in _request(graph).sites), found.gains, strict=True))
    assert name == "random" or gains[IDLE] < gains[VITAL]


@each_criterion
def test_intervals_hold_the_gain_and_probabilities_add_up(
    answer: Callable[[str], Scores], name: str
) -> None:
    found = answer(name)
    assert found.draws.shape == (len(found.gains), NUM_DRAWS)
    assert np.isfinite(found.draws).all()
    low, high = interval(found.draws)
    if name != "random":
        assert (low - 1e-9 <= found.gains).all()
        assert (found.gains <= high + 1e-9).all()
    for count in range(len(found.gains) + 1):
        assert probability_among_least(found.draws, count).sum() == pytest.approx(count)
    if found.information is not None:
        assert (found.information >= 0).all()
        assert (found.information <= np.log2(NUM_CLASSES) + 1e-9).all()


def test_a_part_is_what_the_whole_says_beyond_the_rest() -> None:
    """Of a concatenation, one part tells the class and one is noise."""
    inputs = keras.Input((4, 4, 2))
    parts = [layers.Conv2D(1, 1, name=name)(inputs) for name in ("telling", "noise")]
    x = layers.GlobalAveragePooling2D()(layers.Concatenate(name="join")(parts))
    graph = trace_model(keras.Model(inputs, layers.Dense(NUM_CLASSES, name="head")(x)))
    bias = np.zeros(1, np.float32)
    picks = [np.eye(2, dtype=np.float32)[[place]].T[None, None] for place in (0, 1)]
    graph = with_weights(graph, {"telling": (picks[0], bias), "noise": (picks[1], bias)})
    images = np.random.default_rng(0).normal(scale=0.1, size=(len(LABELS), 4, 4, 2))
    images[..., 0] += LABELS[:, None, None]
    images = images.astype(np.float32)
    sites = [site for site in unit_sites(graph) if site.kind == "part"]
    for name in ("kmeans", "soft", "probe", "paper"):
        found = criterion(name).score(_request(graph, name, images=images, sites=sites))
        gains = dict(zip((site.name for site in sites), found.gains, strict=True))
        assert gains["join/part_1"] > 0.5
        assert abs(gains["join/part_2"]) < 0.4
        np.testing.assert_allclose(found.information, found.information[0])


@each_criterion
def test_the_same_seed_gives_the_same_answer(
    answer: Callable[[str], Scores], graph: LayerGraph, name: str
) -> None:
    again = criterion(name).score(_request(graph))
    np.testing.assert_allclose(again.gains, answer(name).gains, atol=1e-6)
    np.testing.assert_allclose(again.draws, answer(name).draws, atol=1e-6)
