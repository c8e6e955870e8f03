from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.costs.objective import named_objective as by
from prune_mi.records import Cost
from prune_mi.search.candidate import Trained
from prune_mi.search.selection import (
    acceptable,
    best_of,
    by_expected_saving,
    chance_of_success,
    choose_for_training,
    improves,
    merit,
    with_hope,
)
from tests.candidates import trained

FLOOR, ALLOWED = 0.88, 0.02


def _candidate(name: str, quality: float, macs: int, num_params: int | None = None) -> Trained:
    cost = Cost(num_params=macs if num_params is None else num_params, macs=macs, num_layers=9)
    return trained(name, quality, cost=cost)


ELITE = _candidate("elite", 0.9, 1000)


def _merit(candidate: Trained, objective: str = "macs") -> float:
    return merit(candidate, elite=ELITE, floor=FLOOR, allowed=ALLOWED, objective=by(objective))


def _choose(candidates: list[Trained], count: int, objective: str = "macs") -> list[str]:
    chosen = choose_for_training(
        candidates,
        count,
        worth=lambda each: _merit(each, objective),
        elite=ELITE,
        floor=FLOOR,
        objective=by(objective),
    )
    return [each.name for each in chosen]


def test_merit_is_the_saving_over_the_risk() -> None:
    assert _merit(_candidate("a", 0.9, 900)) == pytest.approx(0.1 / 0.02)
    assert _merit(_candidate("a", 0.85, 700)) == pytest.approx(0.3 / (0.05 + 0.02))
    assert _merit(_candidate("a", 0.95, 900)) == _merit(_candidate("a", 0.9, 900))
    assert _merit(_candidate("a", 0.85, 1100)) < 0


def test_merit_without_any_allowed_drop() -> None:
    value = merit(
        _candidate("a", 0.9, 500), elite=ELITE, floor=0.9, allowed=0.0, objective=by("macs")
    )  # fmt: skip
    assert value == pytest.approx(0.5 / 0.005)


def test_merit_goes_by_the_objective() -> None:
    candidate = _candidate("a", 0.9, 900, num_params=500)
    assert _merit(candidate, "params") == pytest.approx(0.5 / 0.02)
    assert _merit(candidate, "macs") == pytest.approx(0.1 / 0.02)
    assert _merit(candidate, "accuracy") == 0.9


def test_many_harmless_removals_go_before_a_single_one() -> None:
    assert _merit(_candidate("many", 0.895, 600)) > _merit(_candidate("one", 0.9, 900))


def test_the_second_choice_is_safer_than_the_first() -> None:
    bold = _candidate("bold", 0.85, 200)  # 0.8 / 0.07 = 11.4
    next_best = _candidate("next best", 0.84, 250)  # 0.75 / 0.08 = 9.4, but riskier still
    safe = _candidate("safe", 0.88, 800)  # 0.2 / 0.04 = 5
    safest = _candidate("safest", 0.90, 950)  # 0.05 / 0.02 = 2.5
    children = [safest, next_best, safe, bold]
    assert sorted(map(_merit, children)) == sorted(map(_merit, (safest, safe, next_best, bold)))
    assert _choose(children, 1) == ["bold"]
    assert _choose(children, 2) == ["bold", "safe"]
    risky = [replace(each, quality=each.quality - 0.03) for each in children]
    assert _choose(risky, 9) == ["bold", "safe", "safest", "next best"]


def test_what_is_within_the_allowed_drop_untrained_needs_no_hedge() -> None:
    safe, safest = _candidate("safe", 0.89, 900), _candidate("safest", 0.90, 950)
    bold, bolder = _candidate("bold", 0.82, 800), _candidate("bolder", 0.75, 700)
    children = [safest, safe, bold, bolder]
    assert _choose(children, 4) == ["safe", "bold", "bolder", "safest"]


def test_only_what_improves_is_trained() -> None:
    children = [_candidate("same", 0.9, 1000), _candidate("larger", 0.99, 1001)]
    assert _choose(children, 2) == []
    assert _choose([*children, _candidate("smaller", 0.1, 999)], 2) == ["smaller"]
    assert _choose(children, 2, "accuracy") == ["larger", "same"]
    assert _choose(children, 0, "accuracy") == []


def test_improving_is_costing_less() -> None:
    fewer_macs = _candidate("a", 0.9, 999, num_params=1001)
    assert improves(fewer_macs, ELITE, by("macs"))
    assert not improves(fewer_macs, ELITE, by("params"))
    assert not improves(ELITE, ELITE, by("macs"))
    assert improves(_candidate("a", 0.9, 5000), ELITE, by("accuracy"))


@pytest.mark.parametrize(
    ("objective", "quality", "macs", "num_params", "expected"),
    [
        ("macs", 0.88, 999, 2000, True),
        ("macs", 0.8799, 999, 2000, False),
        ("macs", 0.95, 1000, 10, False),
        ("params", 0.88, 2000, 999, True),
        ("params", 0.8799, 2000, 999, False),
        ("params", 0.95, 10, 1000, False),
        ("accuracy", 0.9001, 5000, 5000, True),
        ("accuracy", 0.9, 10, 10, False),
    ],
)
def test_what_is_acceptable(
    objective: str, quality: float, macs: int, num_params: int, expected: bool
) -> None:
    candidate = _candidate("a", quality, macs, num_params)
    assert acceptable(candidate, elite=ELITE, floor=FLOOR, objective=by(objective)) is expected


def test_the_best_is_the_cheapest_and_of_equals_the_more_accurate() -> None:
    children = [
        _candidate("accurate", 0.95, 500, num_params=100),
        _candidate("cheap", 0.88, 300, num_params=400),
        _candidate("cheap and better", 0.89, 300, num_params=400),
    ]
    assert best_of(children, by("macs")).name == "cheap and better"
    assert best_of(children, by("params")).name == "accurate"
    assert best_of(children, by("accuracy")).name == "accurate"


def test_expected_savings_order_the_trained() -> None:
    chances = {"cheap": 0.5, "costly": 1.0, "near": 0.0, "far": 0.0}
    children = [
        _candidate("far", 0.84, 100, num_params=100),
        _candidate("costly", 0.95, 900, num_params=300),
        _candidate("near", 0.85, 950, num_params=950),
        _candidate("cheap", 0.89, 500, num_params=400),
    ]

    def names(objective: str) -> list[str]:
        ordered = by_expected_saving(
            children,
            lambda each: chances[each.name],
            elite=ELITE,
            objective=by(objective),
        )
        return [each.name for each in ordered]

    # Savings times chances: cheap 0.5 * 0.5, costly 0.1; without a chance the more accurate first.
    assert names("macs") == ["cheap", "costly", "near", "far"]
    assert names("params") == ["costly", "cheap", "near", "far"]
    assert names("accuracy") == ["costly", "cheap", "near", "far"]
    chances["cheap"] = 0.1
    assert names("macs") == ["costly", "cheap", "near", "far"]


def test_the_chance_of_success_falls_with_the_expected_loss() -> None:
    assert chance_of_success(0.02, 0.02) == pytest.approx(0.5)
    assert chance_of_success(0.0, 0.02) > 0.999
    assert chance_of_success(-0.01, 0.0) > 0.99
    # One standard deviation, 0.3 * 0.1 + 0.003, over the allowed drop.
    assert chance_of_success(0.1, 0.067) == pytest.approx(0.1587, abs=1e-3)
    chances = [chance_of_success(lost / 100, 0.02) for lost in range(20)]
    assert chances == sorted(chances, reverse=True)


_CHILDREN = st.lists(
    st.tuples(st.integers(0, 100), st.integers(1, 1500)), max_size=12
).map(lambda pairs: [_candidate(str(i), a / 100, m) for i, (a, m) in enumerate(pairs)])  # fmt: skip


@given(_CHILDREN, st.integers(0, 12), st.sampled_from(["macs", "params", "accuracy"]))
def test_choices_are_distinct_improve_and_begin_with_the_greatest_merit(
    children: list[Trained], count: int, objective: str
) -> None:
    names = _choose(children, count, objective)
    fit = [each for each in children if improves(each, ELITE, by(objective))]
    assert len(set(names)) == len(names) == min(count, len(fit))
    chosen = [children[int(name)] for name in names]
    assert all(improves(each, ELITE, by(objective)) for each in chosen)
    if chosen:
        best = max(_merit(each, objective) for each in fit)
        assert _merit(chosen[0], objective) == best
    if len(chosen) < 2:
        return
    safe = objective != "accuracy" and chosen[0].quality >= FLOOR
    if safe and any(improves(each, chosen[0], by(objective)) for each in fit):
        assert improves(chosen[1], chosen[0], by(objective))
    elif not safe and any(each.quality > chosen[0].quality for each in fit):
        assert chosen[1].quality > chosen[0].quality


def test_of_equally_accurate_ones_the_smallest_is_best_where_that_is_asked_for() -> None:
    found = [
        _candidate("big", 0.900, 900),
        _candidate("small", 0.897, 200),
        _candidate("tiny", 0.880, 10),
    ]
    assert best_of(found, by("accuracy")).name == "big"
    assert (
        best_of(found, by("accuracy"), num_validation=1000).name == "small"
    )  # half an error: 0.0047
    assert best_of(found, by("accuracy"), num_validation=30).name == "small"  # 0.005 at most
    assert best_of(found, by("accuracy"), num_validation=10**6).name == "big"


def test_where_all_are_right_the_smallest_is_taken_but_none_that_is_wrong_once() -> None:
    nearly = _candidate("nearly", 1 - 1 / 500, 10)
    found = [_candidate("big", 1.0, 900), nearly, _candidate("small", 1.0, 90)]
    assert best_of(found, by("accuracy"), num_validation=500).name == "small"


def test_children_that_lost_far_more_than_others_are_hopeless() -> None:
    children = [_candidate(str(a), a, 900) for a in (0.86, 0.63, 0.33, 0.14)]
    hopeful, hopeless = with_hope(children, chance=0.1)
    assert [each.quality for each in hopeful] == [0.86, 0.63]
    assert [each.quality for each in hopeless] == [0.33, 0.14]


def test_where_all_lost_as_much_all_are_trained() -> None:
    children = [_candidate("a", 0.3, 900), _candidate("b", 0.28, 900)]
    hopeful, hopeless = with_hope(children, chance=0.1)
    assert len(hopeful) == 2 and not hopeless


def test_a_margin_must_be_left_of_the_allowed_drop() -> None:
    child = replace(_candidate("a", 0.89, 500), margin=0.004)
    assert acceptable(child, elite=ELITE, floor=0.886, objective=by("macs"))
    assert not acceptable(child, elite=ELITE, floor=0.887, objective=by("macs"))


def test_below_chance_all_are_hopeful() -> None:
    children = [_candidate("a", 0.85, 900), _candidate("b", 0.6, 900)]
    assert with_hope(children, chance=0.9) == (children, [])
