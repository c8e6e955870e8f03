import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.search.budget import Budget, SearchPlan, final_images, plan_search


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


def test_a_search_without_a_bound_makes_all_generations() -> None:
    plan = plan_search(None, max_generations=5, overhead=1e9, control=True)
    assert plan == SearchPlan(5, None)


@pytest.mark.parametrize(
    ("available", "overhead", "control", "generations", "seconds_each"),
    [
        (1000, 10, True, 5, 80),  # 400 s of search hold 10; 5 at most
        (1000, 10, False, 5, 110),
        (1000, 40, True, 2, 200),  # 400 / 160
        (1000, 40, False, 3, 550 / 3),  # 550 / 160
        (1000, 25, True, 4, 100),  # 400 / 100
        (100, 40, True, 1, 40),  # too short for any: one all the same
    ],
)
def test_generations_are_mostly_training(
    available: float, overhead: float, control: bool, generations: int, seconds_each: float
) -> None:
    plan = plan_search(available, max_generations=5, overhead=overhead, control=control)
    assert plan.generations == generations
    assert plan.seconds_each == pytest.approx(seconds_each)


@given(
    st.floats(10, 1e5), st.integers(1, 50), st.floats(0.1, 1e3), st.booleans()
)  # fmt: skip
def test_a_plan_takes_its_share_whatever_its_generations(
    available: float, most: int, overhead: float, control: bool
) -> None:
    plan = plan_search(available, max_generations=most, overhead=overhead, control=control)
    assert 1 <= plan.generations <= most
    assert plan.seconds_each is not None
    share = plan.generations * plan.seconds_each / available
    assert share == pytest.approx(0.4 if control else 0.55)
    if plan.generations > 1:
        assert plan.seconds_each >= 4 * overhead * (1 - 1e-9)


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
