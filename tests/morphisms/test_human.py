"""The mix of what people add, and the places where they add it."""

import numpy as np
import pytest
from graph_builder import chain

from prune_mi.costs.objective import named_objective
from prune_mi.graph.analysis.layer_counts import BEHIND_KINDS, KINDS, THIRDS, LayerCounts
from prune_mi.morphisms.catalog import CATALOG, apply
from prune_mi.morphisms.mixes import MIXES, human_counts, human_mix, human_place_weight
from prune_mi.morphisms.morphism import MorphContext, Morphed
from prune_mi.records import Place

PLAIN = LayerCounts(
    {"conv": 6, "batch-norm": 5, "pooling": 2, "global-pooling": 4, "dense": 1, "other": 2},
    {"kernel": {"batch-norm": 4, "conv": 2}, "pooling": {"batch-norm": 1}},
)
RESIDUAL = LayerCounts({"conv": 30, "dropout": 4, "add": 6}, {"kernel": {"conv": 30}})


def test_what_a_morphism_adds_says_how_often_it_is_drawn() -> None:
    mix = human_mix({"plain": PLAIN})
    assert mix == pytest.approx(
        {
            "insert-conv": 4 / 10,
            "insert-conv-relu": 2 / 10,
            "insert-batch-norm": 1 / 10,
            "insert-pool": 2 / 10,
            "insert-dropout": 0,
            "insert-dense": 1 / 10,
            "skip-add": 0,
            "skip-concat": 0,
        }
    )


def test_every_architecture_counts_alike() -> None:
    mix = human_mix({"plain": PLAIN, "residual": RESIDUAL})
    assert mix["insert-conv"] / mix["insert-conv-relu"] == pytest.approx(
        (4 / 20) / (2 / 20 + 30 / 40)
    )
    assert mix["insert-dropout"] / mix["skip-add"] == pytest.approx(4 / 6)
    assert sum(mix.values()) == pytest.approx(1)


def test_the_shipped_counts_speak_of_the_same_kinds_and_places() -> None:
    counts = human_counts()
    assert len(counts) >= 35
    for each in counts.values():
        assert set(each.frequencies) <= set(KINDS)
        assert set(each.successions) <= set(BEHIND_KINDS)
        assert set().union(*each.successions.values()) <= set(KINDS)
    assert counts["ResNet50"].frequencies["add"] == 16
    assert counts["VGG16"].frequencies["conv"] == 13
    assert counts["VGG19"].frequencies["dense"] == 3


def test_people_add_convolutions_more_often_than_anything_else() -> None:
    mix = MIXES["human"]
    assert sorted(mix, key=lambda kind: -mix[kind])[:3] == [
        "insert-conv",
        "insert-conv-relu",
        "skip-add",
    ]
    assert min(mix.values()) > 0


def test_people_put_batch_norms_behind_kernels() -> None:
    def best(kind: str) -> str:
        return max(BEHIND_KINDS, key=lambda behind: human_place_weight(kind, Place(0, behind)))

    assert best("insert-batch-norm") == "kernel"
    assert human_place_weight("insert-conv", Place(1, "activation")) > 0.5
    assert human_place_weight("insert-conv", Place(1, "kernel")) < 0.2
    for behind in BEHIND_KINDS:
        weights = [human_place_weight("insert-conv", Place(third, behind)) for third in THIRDS]
        assert len(set(weights)) == 1 and 0 <= weights[0] <= 1
        assert human_place_weight("remove-layer", Place(0, behind)) == 1


def test_morphisms_go_where_people_would_put_them() -> None:
    graph = chain()
    context = MorphContext((), named_objective("accuracy"), place_weight=human_place_weight)
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        outcome = apply(CATALOG["insert-batch-norm"], graph, context, rng)
        assert isinstance(outcome, Morphed) and outcome.record.place is not None
        found.append(outcome.record.place.behind)
    assert found.count("kernel") > 180  # of which the graph has two, as many as of norms and ReLUs
