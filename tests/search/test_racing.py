import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.search.racing import Rung, halving_rungs, plan_rungs


def _plan(seconds: float | None, compile_seconds: float = 0.0, **changes: int) -> tuple[Rung, ...]:
    counts = {"num_children": 8, "finalists": 2, "workers": 2, **changes}
    return plan_rungs(seconds=seconds, compile_seconds=compile_seconds, **counts)


def test_a_heat_for_three_times_the_finalists_and_a_long_run_for_those() -> None:
    # 3 waves of one unit and one wave of six.
    assert _plan(90.0) == (Rung(6, 1 / 7, 10.0), Rung(2, 6 / 7, 60.0))
    # 18 s less are left of 4 compilations of 4.5 s, and each rung has one more.
    heat, final = _plan(108.0, 4.5)
    assert (heat.count, final.count) == (6, 2)
    assert heat.seconds == pytest.approx(14.5)
    assert final.seconds == pytest.approx(64.5)


def test_a_smaller_heat_where_compiling_would_cost_too_much() -> None:
    # 4 compilations of 10 s are over a quarter of 150 s, 3 are not: 120 s for 2 + 4 units.
    heat, final = _plan(150.0, 10.0)
    assert heat == Rung(4, 1 / 5, 10.0 + 20.0)
    assert final == Rung(2, 4 / 5, 10.0 + 80.0)
    assert _plan(100.0, 10.0) == (Rung(2, 1.0, 100.0),)


def test_without_a_budget_only_the_shares_count() -> None:
    assert _plan(None, 1e9) == (Rung(6, 1 / 7, None), Rung(2, 6 / 7, None))


def test_no_heat_where_all_are_finalists() -> None:
    assert _plan(60.0, num_children=2) == (Rung(2, 1.0, 60.0),)
    assert _plan(60.0, num_children=1) == (Rung(1, 1.0, 60.0),)
    assert _plan(60.0, num_children=2, workers=1) == (Rung(2, 1.0, 30.0),)
    assert _plan(None, num_children=2) == (Rung(2, 1.0, None),)
    assert _plan(-5.0, num_children=2) == (Rung(2, 1.0, 0.0),)


@given(
    st.integers(1, 20), st.integers(1, 8), st.integers(1, 16), st.floats(0, 1e5), st.floats(0, 100)
)
def test_the_rungs_fill_the_time_and_no_more(
    num_children: int, finalists: int, workers: int, seconds: float, compile_seconds: float
) -> None:
    rungs = plan_rungs(
        num_children=num_children,
        finalists=finalists,
        workers=workers,
        seconds=seconds,
        compile_seconds=compile_seconds,
    )
    taken = sum(math.ceil(rung.count / workers) * (rung.seconds or 0.0) for rung in rungs)
    assert taken == pytest.approx(seconds)
    assert sum(rung.share for rung in rungs) == pytest.approx(1)
    counts = [rung.count for rung in rungs]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] <= num_children
    assert counts[-1] == min(finalists, num_children)


def _halve(**changes: float | None) -> tuple[Rung, ...]:
    values: dict[str, float | None] = {
        **{"children": 6, "finalists": 2, "workers": 2},
        **{"child_steps": 1e4, "compile_seconds": 1.0, "seconds": None},
    }
    return halving_rungs(**{**values, **changes})  # type: ignore[arg-type]


def test_halving_gives_each_rung_the_same_images() -> None:
    assert _halve() == (
        Rung(12, pytest.approx(1 / 6), None),
        Rung(5, pytest.approx(2 / 5), None),
        Rung(2, 1.0, None),
    )


def test_with_a_clock_every_training_has_its_compilation_on_top() -> None:
    rungs = _halve(seconds=210.0)  # 10 waves of 1 s each, and 200 s for 6/6 + 3 * 2/5 + 1 trainings
    assert [rung.seconds for rung in rungs] == [
        pytest.approx(1 + 200 / 3.2 * share) for share in (1 / 6, 2 / 5, 1)
    ]


def test_fewer_rungs_where_the_first_would_tell_nothing() -> None:
    assert [rung.count for rung in _halve(child_steps=360.0)] == [12, 5, 2]
    assert [rung.count for rung in _halve(child_steps=359.0)] == [12, 2]
    assert _halve(child_steps=239.0) == (Rung(6, 1.0, None),)


def test_without_a_clock_nothing_depends_on_the_machine() -> None:
    assert _halve(compile_seconds=0.01) == _halve(compile_seconds=1e6)


def test_fewer_rungs_where_compiling_would_take_too_long() -> None:
    assert [rung.count for rung in _halve(seconds=30.0)] == [12, 5, 2]  # 10 waves
    assert [rung.count for rung in _halve(seconds=25.0)] == [12, 2]  # 7
    assert [rung.count for rung in _halve(seconds=15.0)] == [6]  # 3


def test_fewer_children_where_not_even_these_can_be_compiled() -> None:
    assert _halve(seconds=6.0) == (Rung(4, 1.0, 3.0),)
    assert _halve(seconds=0.5) == (Rung(2, 1.0, 1.0),)


@given(
    st.integers(2, 40),
    st.floats(1, 1e5),
    st.integers(1, 8),
    st.integers(1, 8),
    st.floats(0.01, 100),
    st.none() | st.floats(1, 1e5),
)
def test_halving_stays_within_its_images_and_its_time(
    children: int,
    child_steps: float,
    finalists: int,
    workers: int,
    compile_seconds: float,
    seconds: float | None,
) -> None:
    rungs = halving_rungs(
        children=children,
        child_steps=child_steps,
        finalists=finalists,
        workers=workers,
        compile_seconds=compile_seconds,
        seconds=seconds,
    )
    counts = [rung.count for rung in rungs]
    assert 2 <= counts[0] <= 2 * children
    assert counts == sorted(set(counts), reverse=True)
    assert sum(rung.count * rung.share for rung in rungs) <= children + 1e-9
    if seconds is None:
        assert all(rung.seconds is None for rung in rungs)
    else:
        taken = sum(math.ceil(rung.count / workers) * (rung.seconds or 0.0) for rung in rungs)
        assert taken <= max(seconds, math.ceil(2 / workers) * compile_seconds) + 1e-6
