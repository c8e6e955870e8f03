"""The climber under targets, on made-up accuracies."""

from typing import Any

import numpy as np
import pytest

from prune_mi.costs.catalog import cost_kind
from prune_mi.costs.objective import Objective, Target
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.units.discovery import removable_units
from prune_mi.morphisms.morphism import SiteScore
from prune_mi.records import Cost
from prune_mi.search.candidate import Trained
from prune_mi.search.target_climber import TargetClimber
from tests.candidates import screened, trained
from tests.graph_builder import residual_tower

TOWER = residual_tower(6)
WHOLE = graph_cost(TOWER)
MACS = cost_kind("macs")
DELETIONS = {"remove-by-rank": 0.7, "remove-at-random": 0.3}


def _climber(*, share: float = 0.5, may_lose: float | None = None, seed: int = 0) -> TargetClimber:
    objective = Objective((MACS,), (Target(MACS, share * WHOLE.macs),), may_lose)
    return TargetClimber(
        trained("reference", 0.9, TOWER, own_images=0),
        allowed_drop=float("inf") if may_lose is None else may_lose,
        objective=objective,
        mix=DELETIONS,
        max_morphs=4,
        rng=np.random.default_rng(seed),
        horizon=lambda _: 10_000,
    )


def _ranking() -> list[SiteScore]:
    return [SiteScore(u.name, i / 100, 0.01) for i, u in enumerate(removable_units(TOWER))]


def _network(name: str, quality: float, share: float, **known: Any) -> Trained:
    cost = Cost(1000, round(share * WHOLE.macs), 9)
    return trained(name, quality, TOWER, cost=cost, lineage=(None,), **known)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_children_land_under_the_target_and_some_on_the_way(share: float, seed: int) -> None:
    climber = _climber(share=share, seed=seed)
    children = climber.ask(6, _ranking())
    macs = [each.cost.macs / WHOLE.macs for each in children]
    assert sum(each <= share for each in macs) >= len(children) - 2 > 0
    assert all(each < 1 for each in macs)
    unit = max(unit.macs for unit in removable_units(TOWER)) / WHOLE.macs
    assert max(each for each in macs if each <= share) > share - 2 * unit  # just under it
    more = climber.ask(3, _ranking(), seen=[each.screened(0.8) for each in children])
    assert all(each.cost.macs <= share * WHOLE.macs for each in more)


def test_what_is_under_the_target_goes_before_what_is_more_accurate() -> None:
    climber = _climber()
    above, under = _network("above", 0.89, 0.6), _network("under", 0.7, 0.5)
    assert not climber.accepts(above)
    assert climber.tell([above, under]) is under
    better = _network("better", 0.75, 0.4)
    assert climber.tell([better]) is better
    assert climber.tell([_network("worse", 0.74, 0.1)]) is None


def test_networks_are_compared_by_what_is_expected_of_them_in_the_end() -> None:
    climber = _climber()
    climber.tell([_network("long", 0.86, 0.5, own_images=5000)])
    short = _network("short", 0.855, 0.5, own_images=500)
    assert climber.tell([short]) is short


def test_a_stone_is_a_parent_once_and_the_original_again() -> None:
    climber = _climber()
    climber.ask(2, _ranking())
    climber.tell([_network("stone", 0.89, 0.7), _network("far", 0.8, 0.95)])
    parents = []
    for _ in range(4):
        parents.append(climber.parent.name)
        climber.tell([])
    assert parents == ["stone", "reference", "far", "reference"]
    assert [each.name for each in climber.waiting] == ["reference"]


def test_with_a_drop_nothing_beyond_it_is_accepted_but_the_nearest_is_kept() -> None:
    climber = _climber(may_lose=0.02)
    assert climber.tell([_network("lossy", 0.87, 0.5), _network("above", 0.9, 0.6)]) is None
    assert climber.promising is not None and climber.promising.name == "lossy"
    good = _network("good", 0.885, 0.5)
    assert climber.tell([good]) is good


def test_what_has_lost_little_above_the_target_makes_nothing_under_it_hopeless() -> None:
    climber = _climber()
    ready = [
        screened(name, quality, TOWER, cost=Cost(1, round(share * WHOLE.macs), 9))
        for name, quality, share in [("above", 0.89, 0.8), ("a", 0.4, 0.5), ("b", 0.15, 0.5)]
    ]
    hopeful, hopeless = climber.hopeful(ready, chance=0.1)
    assert {each.name for each in hopeful} == {"above", "a"}
    assert [each.name for each in hopeless] == ["b"]
    assert [each.name for each in climber.choose(hopeful, 3)] == ["a", "above"]


def test_what_failed_in_its_longer_training_is_not_the_nearest() -> None:
    climber = _climber(may_lose=0.02)
    climber.drop("lossy")
    climber.tell([_network("lossy", 0.87, 0.5), _network("worse", 0.86, 0.5)])
    assert climber.promising is not None and climber.promising.name == "worse"
