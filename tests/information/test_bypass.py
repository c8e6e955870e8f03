"""A unit that the class hangs on loses bits when it is bypassed; an idle one loses none."""

import keras
import numpy as np
import pytest
from keras import layers

from prune_mi.config import RankingSettings
from prune_mi.data import fit_scaling
from prune_mi.graph.edit import with_weights
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.units import removable_units
from prune_mi.information.criteria.bypass import bypass_losses
from prune_mi.information.question import Question
from prune_mi.information.ranking import rank_units
from prune_mi.keras_io.trace import trace_model

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


def _question(
    graph: LayerGraph,
    images: np.ndarray = IMAGES,
    labels: np.ndarray = LABELS,
    *,
    from_logits: bool = True,
) -> Question:
    return Question(
        graph=graph,
        units=removable_units(graph),
        images=images,
        labels=labels,
        scaling=fit_scaling("none", images),
        num_classes=NUM_CLASSES,
        from_logits=from_logits,
        settings=RankingSettings(),
        seed=0,
    )


def _losses(network: tuple[LayerGraph, bool]) -> dict[str, np.ndarray]:
    graph, from_logits = network
    question = _question(graph, from_logits=from_logits)
    losses = bypass_losses(question)
    return {unit.name: row for unit, row in zip(question.units, losses, strict=True)}


def test_bits_are_lost_where_the_class_is_read(network: tuple[LayerGraph, bool]) -> None:
    losses = _losses(network)
    np.testing.assert_allclose(losses["idle"], 0, atol=1e-6)
    np.testing.assert_allclose(losses["sum/branch"], 0, atol=1e-6)
    # 12 on the right class against 12 on a wrong one, softened by a temperature of 3.
    right = np.exp(4) / (np.exp(4) + 2)
    wrong = 1 / (np.exp(4) + 2)
    np.testing.assert_allclose(losses["needed"], np.log2(right / wrong), rtol=1e-4)


def test_equal_seeds_give_equal_losses(network: tuple[LayerGraph, bool]) -> None:
    first, second = _losses(network), _losses(network)
    for name, losses in first.items():
        np.testing.assert_array_equal(losses, second[name])


def test_the_ranking_puts_the_needed_unit_last(network: tuple[LayerGraph, bool]) -> None:
    graph, from_logits = network
    ranked = rank_units(_question(graph, from_logits=from_logits))
    assert ranked[-1].unit.name == "needed"
    assert ranked[-1].gain_bits > 1
    assert ranked[0].gain_spread < 1e-6


def test_no_more_images_than_one_pass_costs() -> None:
    inputs = keras.Input((6, 6, 1))
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    for _ in range(30):
        x = layers.Conv2D(4, 3, padding="same")(x)
    graph = trace_model(keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x))))
    units = removable_units(graph)
    images, labels = np.tile(IMAGES, (8, 1, 1, 1)), np.tile(LABELS, 8)
    losses = bypass_losses(_question(graph, images, labels))
    assert losses.shape[0] == len(units)
    assert 64 <= losses.shape[1] <= 2.2 * len(images) / len(units)


def test_where_time_is_short_a_part_of_a_branch_counts_as_the_whole() -> None:
    inputs = keras.Input((6, 6, 1))
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    for index in range(12):
        branch = layers.Conv2D(4, 3, padding="same", name=f"part_{index}")(x)
        branch = layers.Conv2D(4, 3, padding="same")(branch)
        x = layers.Add(name=f"sum_{index}")([x, branch])
    graph = trace_model(keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x))))
    units = removable_units(graph)
    losses = bypass_losses(_question(graph))
    rows = {unit.name: row for unit, row in zip(units, losses, strict=True)}
    np.testing.assert_array_equal(rows["part_3"], rows["sum_3/branch"])
    assert not np.array_equal(rows["part_3"], rows["sum_4/branch"])
