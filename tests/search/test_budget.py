import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.search.budget import (
    Budget,
    final_images,
    generation_seconds,
    room_for_generation,
    search_seconds,
)


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_time_passes() -> None:
    clock = _Clock()
    budget = Budget(60.0, started=90.0, clock=clock)
    assert (budget.elapsed(), budget.remaining()) == (10.0, 50.0)
    clock.now = 149.5
    assert (budget.elapsed(), budget.remaining()) == (59.5, 0.5)
    clock.now = 200.0
    assert (budget.elapsed(), budget.remaining()) == (110.0, 0.0)
    assert budget.total == 60.0


def test_a_budget_without_a_bound() -> None:
    clock = _Clock()
    budget = Budget(None, started=90.0, clock=clock)
    assert (budget.elapsed(), budget.remaining(), budget.total) == (10.0, None, None)


def test_the_search_has_its_share() -> None:
    assert search_seconds(1000.0, rounds=1) == pytest.approx(400)
    assert search_seconds(1000.0, rounds=2) == pytest.approx(300)  # the control waits its turn
    assert search_seconds(None, rounds=1) is None


@pytest.mark.parametrize(
    ("remaining", "overhead", "expected"),
    [
        (100.0, 10.0, 50.0),
        (80.0, 10.0, 40.0),  # half is just four times the overhead
        (79.0, 10.0, 79.0),  # less would go mostly on overhead
        (5.0, 10.0, 5.0),
        (0.0, 10.0, 0.0),
        (None, 10.0, None),
    ],
)
def test_a_generation_takes_half_of_what_is_left_or_all(
    remaining: float | None, overhead: float, expected: float | None
) -> None:
    assert generation_seconds(remaining, overhead=overhead) == expected


def test_room_for_another_generation() -> None:
    assert room_for_generation(20.0, overhead=10.0)
    assert not room_for_generation(19.9, overhead=10.0)
    assert not room_for_generation(0.0, overhead=10.0)
    assert room_for_generation(None, overhead=1e9)


@given(st.floats(0, 1e5), st.floats(0.1, 1e3))
def test_generations_never_take_more_than_the_search_has_and_end(
    remaining: float, overhead: float
) -> None:
    spent, generations, total = 0.0, 0, remaining
    while room_for_generation(remaining, overhead=overhead):
        seconds = generation_seconds(remaining, overhead=overhead)
        assert seconds is not None
        assert seconds >= 2 * overhead
        spent, remaining, generations = spent + seconds, remaining - seconds, generations + 1
        assert generations < 30
    assert spent <= total * (1 + 1e-9)


@given(st.floats(0, 1e4), st.floats(0.1, 1e4), st.floats(0, 100), st.floats(0, 1e6))
def test_a_final_training_is_expected_to_end_in_time(
    seconds: float, rate: float, overhead: float, wanted: float
) -> None:
    images = final_images(seconds, rate=rate, overhead=overhead, wanted=wanted)
    assert 0 <= images <= wanted
    if images:
        assert overhead + images / rate <= seconds * (1 + 1e-9)


def test_images_of_the_final_training() -> None:
    assert final_images(110.0, rate=20.0, overhead=10.0, wanted=math.inf) == 2000
    assert final_images(110.0, rate=20.0, overhead=10.0, wanted=500) == 500
    assert final_images(9.0, rate=20.0, overhead=10.0, wanted=500) == 0
