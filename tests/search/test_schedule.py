import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.errors import ConfigError
from prune_mi.search.schedule import Decay, MorphSchedule

DECAYS: tuple[Decay, ...] = ("none", "linear", "exponential")


def _all(schedule: MorphSchedule) -> list[int]:
    return [schedule.morphs(each) for each in range(1, schedule.generations + 1)]


@given(st.integers(1, 60), st.integers(1, 60), st.integers(2, 100), st.sampled_from(DECAYS[1:]))
def test_a_decay_falls_from_the_first_number_to_the_last(
    one: int, other: int, generations: int, decay: Decay
) -> None:
    first, final = max(one, other), min(one, other)
    schedule = MorphSchedule(first, final, decay, generations)
    numbers = _all(schedule)
    assert numbers[0] == first
    assert numbers[-1] == final
    assert numbers == sorted(numbers, reverse=True)
    assert schedule.morphs(generations + 7) == final


@given(st.integers(1, 60), st.integers(1, 100))
def test_without_a_decay_the_number_stays(first: int, generations: int) -> None:
    assert set(_all(MorphSchedule(first, 1, "none", generations))) == {first}


def test_how_the_decays_differ() -> None:
    assert _all(MorphSchedule(5, 1, "linear", 5)) == [5, 4, 3, 2, 1]
    assert _all(MorphSchedule(16, 1, "exponential", 5)) == [16, 8, 4, 2, 1]
    assert _all(MorphSchedule(16, 1, "linear", 5)) == [16, 12, 9, 5, 1]


@given(st.integers(2, 60), st.integers(2, 50))
def test_an_exponential_decay_is_never_above_a_linear_one(first: int, generations: int) -> None:
    fast = _all(MorphSchedule(first, 1, "exponential", generations))
    slow = _all(MorphSchedule(first, 1, "linear", generations))
    assert all(one <= other for one, other in zip(fast, slow, strict=True))


@pytest.mark.parametrize("decay", DECAYS)
def test_one_generation_takes_the_first_number(decay: Decay) -> None:
    assert _all(MorphSchedule(5, 1, decay, 1)) == [5]


@pytest.mark.parametrize(("first", "generations"), [(0, 5), (5, 0)])
def test_numbers_out_of_range(first: int, generations: int) -> None:
    with pytest.raises(ConfigError, match="expected at least 1 of each"):
        MorphSchedule(first, 1, "none", generations)


@pytest.mark.parametrize("final", [0, 6])
def test_a_decay_that_is_none(final: int) -> None:
    match = f"cannot fall from 5 to {final}; expected a last number from 1 to 5"
    with pytest.raises(ConfigError, match=match):
        MorphSchedule(5, final, "linear", 5)
