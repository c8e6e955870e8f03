"""The learning rate over a training that steps or the clock end."""

import pytest

from prune_mi.training.schedule import Schedule
from tests.digits_training import plan


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _run(schedule: Schedule, clock: _Clock, *, step: float, hold_at: int = -1) -> list[float]:
    """The rates of all steps until the schedule is over."""
    rates: list[float] = []
    schedule.begin()
    while not schedule.over and len(rates) < 10_000:
        rates += schedule.rates(1)
        clock.now += step + (50.0 if len(rates) == hold_at else 0.0)
        schedule.told(1)
    return rates


def test_time_brings_the_rate_to_its_floor() -> None:
    clock = _Clock()
    schedule = Schedule(100_000, deadline=200.0, peak=1.0, clock=clock)
    rates = _run(schedule, clock, step=0.5)
    assert len(rates) == 200
    assert max(rates) > 0.99
    assert rates[-1] < 0.02


def test_a_training_that_was_held_goes_on_where_it_was() -> None:
    clock = _Clock()
    schedule = Schedule(100_000, deadline=200.0, peak=1.0, clock=clock)
    rates = _run(schedule, clock, step=0.5, hold_at=20)
    assert len(rates) == 100
    assert rates[20] == pytest.approx(max(rates), abs=0.1)
    assert rates[-1] < 0.05
    assert schedule.steps_within(5.0) == pytest.approx(10, abs=1)


def test_steps_end_it_where_there_is_time_left() -> None:
    clock = _Clock()
    schedule = Schedule(50, deadline=1e6, peak=1.0, clock=clock)
    schedule.begin()
    rates = []
    for _ in range(50):
        rates += schedule.rates(1)
        clock.now += 0.5
        schedule.told(1)
    assert rates[-1] < 0.02
    assert schedule.timed_steps == 50
    assert schedule.step_seconds == pytest.approx(25.0)


def test_what_an_interrupted_process_has_spent_is_not_given_again() -> None:
    assert plan(64).seconds_left(5.0) is None
    assert plan(64, seconds=8.0).seconds_left(5.0) == 8.0  # from now on
    assert plan(64, seconds=8.0, seconds_in_all=8.0).seconds_left(5.0) == 3.0
    assert plan(64, seconds=1.0, seconds_in_all=8.0).seconds_left(5.0) == 1.0
    assert plan(64, seconds=8.0, seconds_in_all=8.0).seconds_left(9.0) == 0.0
