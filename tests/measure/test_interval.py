"""Ranges that hold an accuracy."""

import numpy as np
import pytest

from prune_mi.measure.bounds import accuracy_interval


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
