"""Pareto dominance, on made-up points."""

from hypothesis import given
from hypothesis import strategies as st

from prune_mi.costs.dominance import Values, dominates, nondominated, spread

_POINTS = st.lists(st.tuples(*[st.integers(0, 4).map(float)] * 3), max_size=12)


def test_what_is_nowhere_larger_and_somewhere_smaller_dominates() -> None:
    assert dominates((1, 2), (1, 3))
    assert not dominates((1, 3), (2, 2))
    assert not dominates((1, 2), (1, 2))


@given(_POINTS)
def test_what_is_kept_is_not_dominated_and_what_is_left_out_is(points: list[Values]) -> None:
    kept = nondominated(points, lambda each: each)
    assert len(set(kept)) == len(kept)
    assert not any(dominates(a, b) for a in kept for b in kept)
    for each in points:
        assert each in kept or any(dominates(other, each) for other in kept)


@given(_POINTS, _POINTS)
def test_kept_ones_are_all_that_a_later_comparison_needs(
    some: list[Values], others: list[Values]
) -> None:
    def kept(points: list[Values]) -> list[Values]:
        return nondominated(points, lambda each: each)

    assert sorted(kept([*kept(some), *others])) == sorted(kept([*some, *others]))


def test_points_are_spread_over_their_amounts() -> None:
    amounts = [900.0, 800.0, 500.0, 300.0, 100.0]
    assert spread(amounts, 2, float, beside=[1000.0, 800.0]) == [100.0, 300.0]
    assert spread(amounts, 1, float, beside=[1000.0, 100.0]) == [300.0]
    assert spread(amounts, 0, float, beside=[1.0]) == []
    assert spread([5.0, 5.0], 2, float, beside=[5.0]) == []
