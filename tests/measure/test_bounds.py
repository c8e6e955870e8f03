"""Intervals, and one-sided bounds: decided as often as they say, and images that would decide."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from prune_mi.measure.bounds import (
    Bounds,
    accuracy_interval,
    drop_bounds,
    images_to_decide,
    share_bounds,
)
from prune_mi.measure.limit import Drop, paired_drop

_SHARES = st.floats(0, 1)
_CONFIDENCES = st.floats(0.51, 0.999)


@given(_SHARES, st.integers(1, 10**6), _CONFIDENCES)
def test_a_share_lies_between_its_bounds(share: float, num: int, confidence: float) -> None:
    found = share_bounds(share, num, confidence)
    assert 0 <= found.low <= found.value <= found.high <= 1


@given(_SHARES, st.integers(1, 10**4), _CONFIDENCES, _SHARES)
def test_a_decision_is_one_of_three_and_a_larger_limit_is_never_judged_worse(
    share: float, num: int, confidence: float, limit: float
) -> None:
    found = share_bounds(share, num, confidence)
    order = ["failed", "undecided", "passed"]
    assert order.index(found.decide(limit)) <= order.index(found.decide(min(1.0, limit + 0.1)))


def test_bounds_hold_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    true, num, confidence = 0.05, 2000, 0.9
    shares = rng.binomial(num, true, size=4000) / num
    held = np.mean([share_bounds(each, num, confidence).high >= true for each in shares])
    assert held == pytest.approx(confidence, abs=0.02)


def test_a_drop_is_bounded_by_its_paired_error() -> None:
    before = np.ones(1000, dtype=bool)
    after = before.copy()
    after[:20] = False
    found = drop_bounds(paired_drop(before, after, np.full(1000, 1e-3)), 0.9)
    assert found.value == pytest.approx(0.02)
    assert found.decide(0.03) == "passed"
    assert found.decide(0.02) == "undecided"
    assert found.decide(0.01) == "failed"
    together = drop_bounds(paired_drop(before, after, np.full(1000, 1e-3)), 0.9, out_of=10)
    assert together.high == found.high  # all are within a limit where each one is
    assert together.low < found.low  # one of ten is beyond it by chance more often


@given(
    share=st.sampled_from([0.0, 0.01, 0.025, 0.04, 0.05, 0.1]),
    limit=st.sampled_from([0.001, 0.03, 0.045]),
    num=st.sampled_from([20, 40, 200, 449]),
    confidence=st.sampled_from([0.8, 0.9, 0.95]),
)
def test_the_fewest_images_that_decide_a_share_are_told(
    share: float, limit: float, num: int, confidence: float
) -> None:
    def on(images: int) -> Bounds:
        return share_bounds(share, images, confidence)

    assume(on(num).decide(limit) == "undecided")
    needed = images_to_decide(limit, on, more_than=num)
    assert needed is not None and needed > num
    assert on(needed).decide(limit) != "undecided"
    assert on(needed - 1).decide(limit) == "undecided"


@pytest.mark.parametrize("wrong", [0, 1, 3])
def test_as_many_images_as_told_decide_a_drop(wrong: int) -> None:
    before = np.ones(200, dtype=bool)
    after = before.copy()
    after[:wrong] = False

    def drop(times: int) -> Drop:
        one, other = np.tile(before, times), np.tile(after, times)
        return paired_drop(one, other, np.full(len(one), 1 / len(one)))

    limit = wrong / 200 + 0.004
    assert drop_bounds(drop(1), 0.9).decide(limit) == "undecided"
    needed = images_to_decide(limit, lambda num: drop_bounds(drop(1).on(num), 0.9), more_than=200)
    assert needed is not None and needed > 200
    times = -(-needed // 200)
    assert drop_bounds(drop(times), 0.9).decide(limit) == "passed"
    if times > 1:
        assert drop_bounds(drop(times - 1), 0.9).decide(limit) == "undecided"
    assert drop(1).on(200 * times).standard_error == pytest.approx(drop(times).standard_error)


def test_no_number_of_images_decides_what_lies_on_the_limit() -> None:
    assert images_to_decide(0.05, lambda num: share_bounds(0.05, num, 0.9), more_than=40) is None


def test_known_ranges() -> None:
    # Newcombe, Two-sided confidence intervals for the single proportion (1998), table I.
    assert accuracy_interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert accuracy_interval(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert accuracy_interval(0.0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


@pytest.mark.parametrize("number", [1, 450])
def test_all_right_or_all_wrong_is_no_certainty(number: int) -> None:
    low, high = accuracy_interval(1.0, number)
    assert 0 < low < 1
    assert high == pytest.approx(1.0)
    assert accuracy_interval(0.0, number) == pytest.approx((0.0, 1 - low))


def test_nineteen_of_twenty_ranges_hold_the_truth() -> None:
    rng = np.random.default_rng(0)
    found = rng.binomial(450, 0.97, size=2000) / 450
    holds = [low <= 0.97 <= high for low, high in (accuracy_interval(each, 450) for each in found)]
    assert np.mean(holds) == pytest.approx(0.95, abs=0.02)
