"""How many networks of a generation are trained, and for how long."""

from typing import Any

from prune_mi.config import make_search_settings
from prune_mi.evolution.race_plan import RacePlan
from tests.candidates import trained

PARENT = trained("reference", 0.5)


def _plan(workers: int, **settings: Any) -> RacePlan:
    return RacePlan(
        make_search_settings({"data": "digits", **settings}),
        type("Unasked", (), {"overheads": [1.0]})(),
        workers=workers,
        num_train_images=50_000,
        trials=False,
        speed=None,
        left=lambda: None,
    )


def test_without_a_clock_a_race_is_the_same_on_every_machine() -> None:
    races = {_plan(workers).rungs(PARENT, None) for workers in (1, 2, 5, 64)}
    assert [[rung.count for rung in race] for race in races] == [[12, 5, 2]]
    assert [rung.count for rung in _plan(2, trained_children=4).rungs(PARENT, None)][-1] == 4


def test_with_a_clock_every_worker_is_kept_busy() -> None:
    for workers in (2, 4):
        assert _plan(workers).rungs(PARENT, 600.0)[-1].count == workers
