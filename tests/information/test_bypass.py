"""A unit that the class hangs on loses bits when it is bypassed; an idle one loses none."""

import keras
import numpy as np
import pytest
from keras import layers
from ranking_requests import ranking_request

from prune_mi.graph.edit import with_weights
from prune_mi.graph.ir import LayerGraph
from prune_mi.information.ablation import Ablation
from prune_mi.information.criteria.bypass import bypass, moved_share
from prune_mi.information.ranking import rank_sites
from prune_mi.keras_io.model_graph.trace import trace_model

pytestmark = pytest.mark.slow
NUM_CLASSES = 3
LABELS = np.arange(120) % NUM_CLASSES
# Three patterns that have the same mean and differ by where they are bright.
IMAGES = np.zeros((len(LABELS), 6, 6, 1), np.float32)
for _index, _label in enumerate(LABELS):
    IMAGES[_index, 2 * _label : 2 * _label + 2] = 1.0


@pytest.fixture(scope="module", params=[True, False], ids=["logits", "probabilities"])
def network(request: pytest.FixtureRequest) -> tuple[LayerGraph, bool]:
    """The class is read off `needed`; `idle` is an identity, `also_idle` adds nothing to a sum."""
    inputs = keras.Input((6, 6, 1))
    x = layers.Conv2D(1, 1, name="idle")(inputs)
    branch = layers.Conv2D(1, 3, padding="same", name="also_idle")(x)
    x = layers.Add(name="sum")([x, branch])
    x = layers.Flatten()(x)
    x = layers.Dense(36, name="needed")(x)
    outputs = layers.Dense(3, activation=None if request.param else "softmax", name="head")(x)
    graph = trace_model(keras.Model(inputs, outputs))
    rolled = np.roll(np.eye(36, dtype=np.float32), 12, axis=1)  # a row of the image each 6
    head = np.kron(np.eye(3, dtype=np.float32), np.ones((12, 1), np.float32))
    head = np.roll(head, 12, axis=0)  # reads what `needed` has rolled
    zeros = np.zeros
    weights = {
        "idle": (np.ones((1, 1, 1, 1), np.float32), zeros(1, np.float32)),
        "also_idle": (zeros((3, 3, 1, 1), np.float32), zeros(1, np.float32)),
        "needed": (rolled, zeros(36, np.float32)),
        "head": (head, zeros(3, np.float32)),
    }
    return with_weights(graph, weights), request.param


def _gains(network: tuple[LayerGraph, bool]) -> dict[str, float]:
    graph, from_logits = network
    request = ranking_request(graph, IMAGES, LABELS, from_logits=from_logits)
    gains = bypass(request).gains
    return {site.name: gain for site, gain in zip(request.sites, gains, strict=True)}


def test_bits_are_lost_where_the_class_is_read(network: tuple[LayerGraph, bool]) -> None:
    gains = _gains(network)
    np.testing.assert_allclose(gains["idle"], 0, atol=1e-3)
    np.testing.assert_allclose(gains["sum/branch"], 0, atol=1e-3)
    # 12 on the right class against 12 on a wrong one, softened by a temperature of 5; each feature
    # is bright for a class in three, and for another one without the unit: correlation -1/2.
    right = np.exp(12 / 5) / (np.exp(12 / 5) + 2)
    wrong = 1 / (np.exp(12 / 5) + 2)
    divergence = (right - wrong) * 12 / 5 / np.log(2)
    np.testing.assert_allclose(gains["needed"], np.sqrt(divergence * np.log2(3)), rtol=1e-4)


def test_equal_seeds_give_equal_answers(network: tuple[LayerGraph, bool]) -> None:
    request = ranking_request(network[0], IMAGES, LABELS, from_logits=network[1])
    first, second = bypass(request), bypass(request)
    np.testing.assert_array_equal(first.gains, second.gains)
    np.testing.assert_array_equal(first.draws, second.draws)


def test_moved_share_is_one_minus_the_mean_correlation(rng: np.random.Generator) -> None:
    one = rng.normal(size=(40, 3)) + 5
    other = np.stack([2 * one[:, 0] + 1, -one[:, 1], one[:, 2] + rng.normal(size=40)], axis=1)
    drawn = rng.integers(40, size=40)
    weights = np.stack([np.full(40, 1 / 40), np.bincount(drawn, minlength=40) / 40])
    found = moved_share(one, other, weights)
    for share, rows in zip(found, (slice(None), drawn), strict=True):
        third = np.corrcoef(one[rows, 2], other[rows, 2])[0, 1]
        np.testing.assert_allclose(share, 1 - (1 + 0 + third) / 3, rtol=1e-9)


def test_features_that_do_not_vary_are_left_out(rng: np.random.Generator) -> None:
    one = np.concatenate([rng.normal(size=(20, 2)), np.ones((20, 2))], axis=1)
    other = one.copy()
    even = np.full((1, 20), 1 / 20)
    np.testing.assert_allclose(moved_share(one, other, even), 0, atol=1e-9)
    other[:, 0] = 7.0  # gone: half of what varied
    np.testing.assert_allclose(moved_share(one, other, even), 0.5, atol=1e-9)


def test_features_of_another_width_are_compared_by_cka(rng: np.random.Generator) -> None:
    one = rng.normal(size=(20, 4))
    even = np.full((1, 20), 1 / 20)
    np.testing.assert_allclose(moved_share(one, np.hstack([one, one]), even), 0, atol=1e-9)
    assert moved_share(one, rng.normal(size=(20, 3)), even) > 0.5


def test_the_ranking_puts_the_needed_unit_last(network: tuple[LayerGraph, bool]) -> None:
    graph, from_logits = network
    ranked = rank_sites(ranking_request(graph, IMAGES, LABELS, from_logits=from_logits))
    assert ranked[-1].site.name == "needed"
    assert ranked[-1].score > 1
    assert ranked[0].score_spread < 1e-6


def test_no_more_images_than_one_pass_costs() -> None:
    inputs = keras.Input((6, 6, 1))
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    for _ in range(30):
        x = layers.Conv2D(4, 3, padding="same")(x)
    graph = trace_model(keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x))))
    images, labels = np.tile(IMAGES, (8, 1, 1, 1)), np.tile(LABELS, 8)
    request = ranking_request(graph, images, labels)
    ablation = Ablation(request, thrifty=True, read=lambda graph: graph.outputs)
    count = len(ablation.images)
    assert len(ablation.sites) == len(request.sites)
    assert 16 <= count <= 2.2 * len(images) / len(request.sites)


def test_where_time_is_short_a_part_of_a_branch_counts_as_the_whole() -> None:
    inputs = keras.Input((6, 6, 1))
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    for index in range(12):
        branch = layers.Conv2D(4, 3, padding="same", name=f"part_{index}")(x)
        branch = layers.Conv2D(4, 3, padding="same")(branch)
        x = layers.Add(name=f"sum_{index}")([x, branch])
    graph = trace_model(keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x))))
    request = ranking_request(graph, IMAGES, LABELS)
    gains = {
        site.name: gain for site, gain in zip(request.sites, bypass(request).gains, strict=True)
    }
    assert gains["part_3"] == gains["sum_3/branch"]
    assert gains["part_3"] != gains["sum_4/branch"]
