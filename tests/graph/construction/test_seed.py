"""The seed network as plain data: its layers, its ends, its units, its cost."""

import numpy as np
import pytest

from prune_mi.errors import ConfigError
from prune_mi.graph.construction.seed import RESCALING, Rescaling, seed_graph
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.units.discovery import find_units, removable_units


def test_the_papers_seed(rng: np.random.Generator) -> None:
    graph = seed_graph((32, 32, 3), 10, rng=rng)
    assert [layer.class_name for layer in graph.layers.values()] == [
        *("InputLayer", "Rescaling", "Conv2D", "ReLU", "Flatten", "Dense"),
    ]
    assert graph.layers["classes"].config["activation"] == "softmax"
    assert graph.spec(graph.inputs[0]).shape == (None, 32, 32, 3)
    assert graph.spec(graph.outputs[0]).shape == (None, 10)
    cost = graph_cost(graph)
    assert cost.num_params == 9 * 3 * 16 + 16 + 32 * 32 * 16 * 10 + 10
    assert cost.macs == 32 * 32 * 9 * 3 * 16 + 32 * 32 * 16 * 10


def test_pooled_maps_a_batch_norm_and_a_hidden_layer(rng: np.random.Generator) -> None:
    graph = seed_graph((9, 7, 1), 4, rng=rng, width=8, head="gap", hidden=5, batch_norm=True)
    assert [layer.class_name for layer in graph.layers.values()] == [
        *("InputLayer", "Rescaling", "Conv2D", "BatchNormalization", "ReLU"),
        *("GlobalAveragePooling2D", "Dense", "Dense"),
    ]
    assert graph.layers["hidden"].config["activation"] == "relu"
    assert graph_cost(graph).num_params == 9 * 8 + 8 + 4 * 8 + 8 * 5 + 5 + 5 * 4 + 4


def test_a_seed_for_vectors(rng: np.random.Generator) -> None:
    graph = seed_graph((7,), 3, rng=rng, width=5)
    assert [layer.class_name for layer in graph.layers.values()] == [
        *("InputLayer", "Rescaling", "Dense", "ReLU", "Dense"),
    ]
    assert graph_cost(graph).macs == 7 * 5 + 5 * 3


@pytest.mark.parametrize("head", ["flatten", "gap"])
def test_only_the_activation_can_go(rng: np.random.Generator, head: str) -> None:
    graph = seed_graph((8, 8, 3), 10, rng=rng, head=head)  # type: ignore[arg-type]
    assert [unit.name for unit in removable_units(graph)] == ["relu"]
    reasons = {unit.name: unit.reason for unit in find_units(graph)}
    assert reasons[RESCALING] == "'rescaling' is protected"
    assert reasons["classes"] == "yields the model's output"


def test_weights_are_glorots_and_hang_on_the_seed_alone() -> None:
    first, again, other = (
        seed_graph((8, 8, 3), 10, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    kernel, bias = first.layers["conv"].weights
    limit = np.sqrt(6 / (9 * 3 + 9 * 16))
    assert 0.9 * limit < np.abs(kernel).max() <= limit
    assert not bias.any() and not kernel.flags.writeable
    np.testing.assert_array_equal(kernel, again.layers["conv"].weights[0])
    assert not np.array_equal(kernel, other.layers["conv"].weights[0])
    assert first.structural_hash() == other.structural_hash()


def test_the_rescaling_may_differ_by_channel(rng: np.random.Generator) -> None:
    given = Rescaling((1.0, 2.0, 3.0), (0.0, -1.0, 1.0))
    graph = seed_graph((8, 8, 3), 2, rng=rng, rescaling=given)
    config = graph.layers[RESCALING].config
    assert (config["scale"], config["offset"]) == ([1.0, 2.0, 3.0], [0.0, -1.0, 1.0])
    assert seed_graph((4,), 2, rng=rng).layers[RESCALING].config["scale"] == 1 / 255


@pytest.mark.parametrize(
    ("shape", "num_classes", "changes", "message"),
    [
        ((8, 8), 3, {}, r"shape \(8, 8\); expected \(height, width, channels\) or \(features,\)"),
        ((8, 0, 3), 3, {}, "all positive"),
        ((8, 8, 3), 1, {}, "1 classes; expected at least 2"),
        ((8, 8, 3), 3, {"width": 0}, "width is 0 .*; expected positive"),
        ((8, 8, 3), 3, {"hidden": -1}, "hidden layer's -1; expected positive"),
        ((8, 8, 3), 3, {"head": "max"}, "head is 'max'; expected 'flatten' or 'gap'"),
    ],
)
def test_what_cannot_be_built_is_refused(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    num_classes: int,
    changes: dict[str, object],
    message: str,
) -> None:
    with pytest.raises(ConfigError, match=message):
        seed_graph(shape, num_classes, rng=rng, **changes)  # type: ignore[arg-type]
