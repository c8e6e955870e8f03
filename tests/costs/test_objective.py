"""What is better than what, and what is feasible."""

import itertools
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.config.values import CostName
from prune_mi.costs.catalog import cost_kind, counted_kinds
from prune_mi.costs.objective import Objective, Target, named_objective
from prune_mi.errors import ConfigError
from prune_mi.records import Cost

MACS, PARAMS = cost_kind("macs"), cost_kind("params")
UNDER_BOTH = Objective((MACS, PARAMS), (Target(MACS, 600.0), Target(PARAMS, 50.0)))
OBJECTIVES = {
    "macs": named_objective("macs", may_lose=0.01),
    "params": named_objective("params", may_lose=0.01),
    "accuracy": named_objective("accuracy"),
    "under macs": Objective((MACS,), (Target(MACS, 600.0),)),
    "under both": UNDER_BOTH,
}
_NETWORKS = st.tuples(
    st.builds(Cost, st.integers(1, 100), st.integers(1, 1000), st.just(9)),
    st.integers(0, 20).map(lambda part: part / 20),
)


def test_every_cost_is_found_by_its_name_and_the_unknown_is_refused() -> None:
    assert [cost_kind(name).name for name in get_args(CostName)] == list(get_args(CostName))
    assert {each.name for each in counted_kinds()} <= set(get_args(CostName))
    with pytest.raises(ConfigError, match="unknown cost 'speed'; expected one of macs, params"):
        named_objective("speed")


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
@given(networks=st.lists(_NETWORKS, min_size=3, max_size=3))
def test_the_order_is_a_total_preorder(
    objective: Objective, networks: list[tuple[Cost, float]]
) -> None:
    keys = [objective.key(*each) for each in networks]
    for a, b, c in itertools.permutations(keys):
        assert a <= b or b <= a
        assert not (a <= b <= c) or a <= c
    assert all(key <= key for key in keys)


@given(first=_NETWORKS, second=_NETWORKS)
def test_what_is_feasible_goes_before_what_is_not(
    first: tuple[Cost, float], second: tuple[Cost, float]
) -> None:
    for each in (first, second):
        assert UNDER_BOTH.is_feasible(each[0]) == (UNDER_BOTH.excess(each[0]) == 0)
    if UNDER_BOTH.is_feasible(first[0]) and not UNDER_BOTH.is_feasible(second[0]):
        assert UNDER_BOTH.key(*first) < UNDER_BOTH.key(*second)
    if all(UNDER_BOTH.is_feasible(each[0]) for each in (first, second)) and first[1] > second[1]:
        assert UNDER_BOTH.key(*first) < UNDER_BOTH.key(*second)


def test_how_far_over_the_targets() -> None:
    assert UNDER_BOTH.excess(Cost(60, 900, 9)) == pytest.approx(0.5 + 0.2)
    assert UNDER_BOTH.excess(Cost(50, 600, 9)) == 0
    assert not UNDER_BOTH.is_feasible(Cost(51, 10, 9))


def test_what_a_removal_takes_off() -> None:
    saves = {"macs": 300, "params": 5}
    assert named_objective("macs").taken_off(saves, num_layers=3) == 300
    assert named_objective("params").taken_off(saves, num_layers=3) == 5
    assert named_objective("accuracy").taken_off(saves, num_layers=3) == 3
    assert UNDER_BOTH.taken_off(saves, num_layers=3) == pytest.approx(0.5 + 0.1)


def test_what_is_made_small() -> None:
    cost = Cost(num_params=1, macs=2, num_layers=3)
    names = ("params", "macs", "accuracy")  # for accuracy, what it is told by
    assert [named_objective(name).amount(cost) for name in names] == [1, 2, 2]
    assert named_objective("macs").improves(Cost(9, 1, 9), cost)
    assert not named_objective("params").improves(Cost(9, 1, 9), cost)
    assert named_objective("accuracy").improves(Cost(9, 9, 9), cost)
    assert named_objective("macs").saved(Cost(9, 1, 9), cost) == 0.5


def test_what_is_measured_is_not_counted() -> None:
    from graph_builder import chain

    from prune_mi.costs.kind import CostKind

    latency = CostKind("latency", "latency", "time for a sample", unit="ms")
    assert not latency.is_counted and MACS.is_counted
    with pytest.raises(ValueError, match="latency does not follow from a graph"):
        latency.count(chain())
