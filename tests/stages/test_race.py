"""Races of a generation's children, and the final training: whose weights are kept, who goes on."""

from collections.abc import Sequence
from typing import Any

import pytest

from prune_mi.config import make_search_settings
from prune_mi.records import Cost
from prune_mi.search.candidate import Candidate
from prune_mi.search.racing import Rung
from prune_mi.stages.race import Race
from prune_mi.stages.race_plan import RacePlan
from tests.graph_builder import chain

SETTINGS = make_search_settings({"data": "digits"})


def _candidate(name: str, accuracy: float) -> Candidate:
    cost = Cost(num_params=1, macs=1, num_layers=1)
    return Candidate(name, chain(), cost, "reference", (), (), accuracy=accuracy)


class _Trainings:
    """Trainings that change nothing and end in an order of their own."""

    def __init__(self, *, backwards: bool) -> None:
        self._backwards = backwards

    def train(
        self, chosen: Sequence[Candidate], rung: Rung, **_: Any
    ) -> tuple[list[Candidate], list[Any]]:
        assert len(chosen) <= rung.count
        return list(reversed(chosen)) if self._backwards else list(chosen), []


@pytest.mark.parametrize("backwards", [False, True])
def test_ties_go_by_the_order_of_the_draw(backwards: bool) -> None:
    field = [_candidate(f"c{place}", 0.9 if place < 3 else 0.8) for place in range(6)]
    race = Race(_Trainings(backwards=backwards), SETTINGS, None)  # type: ignore[arg-type]
    rungs = (Rung(6, 0.2, None), Rung(4, 0.3, None), Rung(2, 1.0, None))
    left, behind, failures = race.run(field, rungs, fresh=frozenset(), generation=1)
    assert [each.name for each in left] == ["c0", "c1"]
    assert [each.name for each in behind] == ["c4", "c5", "c2", "c3"]
    assert failures == []


def _plan(workers: int, **settings: Any) -> RacePlan:
    return RacePlan(
        make_search_settings({"data": "digits", **settings}),
        type("Unasked", (), {"overheads": [1.0]})(),
        workers=workers,
        num_train_images=50_000,
        trials=False,
        speed=None,
        search_end=None,
    )


def test_without_a_clock_a_race_is_the_same_on_every_machine() -> None:
    parent = _candidate("reference", 0.5)
    races = {_plan(workers).rungs(parent, None) for workers in (1, 2, 5, 64)}
    assert [[rung.count for rung in race] for race in races] == [[12, 5, 2]]
    assert [rung.count for rung in _plan(2, trained_children=4).rungs(parent, None)][-1] == 4


def test_with_a_clock_every_worker_is_kept_busy() -> None:
    parent = _candidate("reference", 0.5)
    for workers in (2, 4):
        assert _plan(workers).rungs(parent, 600.0)[-1].count == workers
