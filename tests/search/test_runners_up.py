"""The best of a search, each of another structure."""

from graph_builder import chain, identity_residual, residual_tower

from prune_mi.graph.ir import LayerGraph
from prune_mi.search.candidate import Trained
from prune_mi.search.selection import RunnersUp
from tests.candidates import trained


def _candidate(name: str, graph: LayerGraph, quality: float) -> Trained:
    return trained(name, quality, graph)


def test_the_most_accurate_are_kept_in_order() -> None:
    kept = RunnersUp(2)
    kept.add(_candidate("a", chain(), 0.5))
    kept.add(_candidate("b", identity_residual(), 0.7))
    kept.add(_candidate("c", residual_tower(2), 0.6))
    assert [each.name for each in kept.best()] == ["b", "c"]


def test_of_equal_structures_the_more_accurate_is_kept() -> None:
    kept = RunnersUp(3)
    kept.add(_candidate("first", chain(seed=0), 0.5))
    kept.add(_candidate("better", chain(seed=1), 0.6))
    kept.add(_candidate("worse", chain(seed=2), 0.4))
    assert [each.name for each in kept.best()] == ["better"]
