"""One-sided bounds: decided as often as they say, and images that would decide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.measure.bounds import Bounds, drop_bounds, share_bounds
from prune_mi.measure.limit import paired_drop

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
    assert together.high > found.high and together.low < found.low


def test_as_many_images_as_told_would_decide() -> None:
    before = np.ones(200, dtype=bool)
    after = before.copy()
    after[:3] = False

    def bounds(times: int) -> Bounds:
        one, other = np.tile(before, times), np.tile(after, times)
        return drop_bounds(paired_drop(one, other, np.full(len(one), 1 / len(one))), 0.9)

    assert bounds(1).decide(0.02) == "undecided"
    needed = bounds(1).images_to_decide(0.02)
    assert needed is not None and needed > 200
    assert bounds(-(-needed // 200)).decide(0.02) == "passed"
    assert bounds(1).images_to_decide(bounds(1).value) is None
