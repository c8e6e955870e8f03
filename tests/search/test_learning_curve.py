import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.search.learning_curve import (
    ASSUMED_EXPONENT,
    CurvePoint,
    expected_gain,
    fit_exponent,
    predict_short,
)


def _pair(
    exponent: float, *, images: int = 100, lost: float = 0.08
) -> tuple[CurvePoint, CurvePoint]:
    return CurvePoint(images, lost), CurvePoint(4 * images, lost / 4**exponent)


def _found(*pairs: tuple[CurvePoint, CurvePoint], error: float = 1e-5) -> float:
    return fit_exponent(pairs, error=error)


def _pulled(exponent: float) -> float:
    """What certain slopes make of the assumed exponent: 0.08 and 0.12 are their errors."""
    assumed, shown = 1 / 0.08**2, 1 / 0.12**2
    return (assumed * ASSUMED_EXPONENT + shown * exponent) / (assumed + shown)


def test_slopes_of_short_trainings_pull_the_exponent_so_far_and_no_farther() -> None:
    assert _found(_pair(0.5)) == pytest.approx(_pulled(0.5), abs=1e-4)
    assert _found(*9 * (_pair(0.5),)) == pytest.approx(_pulled(0.5), abs=1e-4)
    mean = (0.2 + 0.6 + 0.3) / 3
    several = _found(*(_pair(each) for each in (0.2, 0.6, 0.3)), error=0.004)
    assert several == pytest.approx(_pulled(mean), abs=0.05)


def test_the_exponent_stays_within_bounds() -> None:
    assert _found(_pair(5.0)) == 0.7
    assert _found(_pair(-1.0)) == 0.15


def test_what_lost_hardly_more_than_accuracies_are_off_says_little() -> None:
    little = (CurvePoint(14_000, 0.010), CurvePoint(100_000, 0.007))
    assert _found(little, error=0.004) == pytest.approx(ASSUMED_EXPONENT, abs=0.02)
    slope = math.log(0.010 / 0.007) / math.log(100 / 14)
    assert _found(little, error=1e-5) == pytest.approx(_pulled(slope), abs=1e-4)
    assert _found(*99 * (little,), error=0.004) == pytest.approx(_pulled(slope), abs=0.01)
    # What has recovered wholly counts, as having lost no more than the error.
    gone = (CurvePoint(100, 0.05), CurvePoint(1600, -0.01))
    assert _found(*5 * (gone,), error=0.002) > 0.4


@pytest.mark.parametrize(
    ("early", "late"),
    [
        (CurvePoint(0, 0.1), CurvePoint(100, 0.05)),
        (CurvePoint(100, 0.1), CurvePoint(100, 0.05)),
    ],
)
def test_points_that_say_nothing_are_passed_over(early: CurvePoint, late: CurvePoint) -> None:
    assert _found((early, late)) == _found() == pytest.approx(ASSUMED_EXPONENT)
    assert _found((early, late), _pair(0.5)) == pytest.approx(_pulled(0.5), abs=1e-4)


def test_what_will_still_be_lost() -> None:
    point = CurvePoint(100, 0.08)
    assert predict_short(point, images=1600, exponent=0.5) == pytest.approx(0.02)
    assert predict_short(point, images=100, exponent=0.5) == 0.08
    assert predict_short(point, images=50, exponent=0.5) == 0.08
    assert predict_short(CurvePoint(0, 0.08), images=1600, exponent=0.5) == 0.08
    assert predict_short(CurvePoint(100, -0.01), images=1600, exponent=0.5) == -0.01
    farthest = predict_short(point, images=3000, exponent=0.5)
    assert predict_short(point, images=10**6, exponent=0.5) == farthest < 0.02


@given(st.integers(1, 10**6), st.floats(1e-4, 1), st.integers(0, 10**7), st.floats(0.15, 0.7))
def test_training_never_makes_a_prediction_worse(
    images: int, lost: float, horizon: int, exponent: float
) -> None:
    predicted = predict_short(CurvePoint(images, lost), images=horizon, exponent=exponent)
    assert 0 < predicted <= lost


@pytest.mark.parametrize(
    ("train_quality", "gain"),
    [(1.0, 0.0), (0.94, 0.00144), (0.86, 0.00784), (0.67, 0.01), (0.1, 0.01)],
)
def test_an_original_that_is_wrong_on_what_it_learnt_is_expected_to_gain(
    train_quality: float, gain: float
) -> None:
    assert expected_gain(train_quality) == pytest.approx(gain)
