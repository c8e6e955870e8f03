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
    assert search_seconds(1000.0, control=True) == pytest.approx(300)
    assert search_seconds(1000.0, control=False) == pytest.approx(500)
    assert search_seconds(None, control=True) is None


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


def _final(**changes: float) -> int:
    arguments = {
        "images_so_far": 1000, "child_rate": 20.0, "reference_rate": 10.0, "overhead": 10.0,
        "wanted": 10**6, "control": True, **changes,
    }  # fmt: skip
    return final_images(110.0, **arguments)  # type: ignore[arg-type]


def test_images_of_the_final_training() -> None:
    # 100 s behind the overhead, 93 of them used.
    assert _final(control=False) == 1860
    assert _final(control=False, wanted=500) == 500
    assert _final(images_so_far=500) == 430  # the control: 930 in all, 500 of them the search's
    assert _final(images_so_far=0) == 930
    assert _final(images_so_far=1000) == 0  # no time left for the control to catch up
    assert _final(images_so_far=0, reference_rate=100.0) == 1860
    assert _final(overhead=111.0, control=False) == 0


@given(
    st.floats(0, 1e4), st.integers(0, 10**5), st.floats(0.1, 1e4), st.floats(0.1, 1e4),
    st.floats(0, 100), st.integers(0, 10**6), st.booleans(),
)  # fmt: skip
def test_winner_and_control_end_in_time(
    seconds: float,
    so_far: int,
    child_rate: float,
    reference_rate: float,
    overhead: float,
    wanted: int,
    control: bool,
) -> None:
    images = final_images(
        seconds,
        images_so_far=so_far,
        child_rate=child_rate,
        reference_rate=reference_rate,
        overhead=overhead,
        wanted=wanted,
        control=control,
    )
    assert 0 <= images <= wanted
    if images:
        assert overhead + images / child_rate <= seconds
    if images and control:
        assert overhead + (so_far + images) / reference_rate <= seconds
