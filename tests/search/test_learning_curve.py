import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.search.learning_curve import (
    ASSUMED_EXPONENT,
    CurvePoint,
    fit_exponent,
    predict_lost,
)


def _pair(
    exponent: float, *, images: int = 100, lost: float = 0.08
) -> tuple[CurvePoint, CurvePoint]:
    return CurvePoint(images, lost), CurvePoint(4 * images, lost / 4**exponent)


def _found(*pairs: tuple[CurvePoint, CurvePoint], error: float = 1e-5) -> float:
    return fit_exponent(pairs, error=error)


def test_the_exponent_of_a_power_law_is_found() -> None:
    assert _found(_pair(0.5)) == pytest.approx(0.5, abs=1e-4)
    assert 0.25 < _found(*(_pair(each) for each in (0.2, 0.6, 0.3))) < 0.4


def test_the_exponent_stays_within_bounds() -> None:
    assert _found(_pair(5.0)) == 0.7
    assert _found(_pair(-1.0)) == 0.15


def test_what_lost_hardly_more_than_accuracies_are_off_says_little() -> None:
    little = (CurvePoint(14_000, 0.010), CurvePoint(100_000, 0.007))
    assert _found(little, error=0.004) == pytest.approx(ASSUMED_EXPONENT, abs=0.05)
    assert _found(little, error=1e-5) == pytest.approx(0.18, abs=0.01)
    much = (CurvePoint(25_000, 0.045), CurvePoint(100_000, 0.030))
    assert 0.3 < _found(*5 * (much,), error=0.004) < 0.35
    # What has recovered wholly counts, as having lost no more than the error.
    gone = (CurvePoint(100, 0.05), CurvePoint(1600, -0.01))
    assert _found(*5 * (gone,), error=0.002) > 0.6


@pytest.mark.parametrize(
    ("early", "late"),
    [
        (CurvePoint(0, 0.1), CurvePoint(100, 0.05)),
        (CurvePoint(100, 0.1), CurvePoint(100, 0.05)),
    ],
)
def test_points_that_say_nothing_are_passed_over(early: CurvePoint, late: CurvePoint) -> None:
    assert _found((early, late)) == _found() == pytest.approx(ASSUMED_EXPONENT)
    assert _found((early, late), _pair(0.5)) == pytest.approx(0.5, abs=1e-4)


def test_what_will_still_be_lost() -> None:
    point = CurvePoint(100, 0.08)
    assert predict_lost(point, images=1600, exponent=0.5) == pytest.approx(0.02)
    assert predict_lost(point, images=100, exponent=0.5) == 0.08
    assert predict_lost(point, images=50, exponent=0.5) == 0.08
    assert predict_lost(CurvePoint(0, 0.08), images=1600, exponent=0.5) == 0.08
    assert predict_lost(CurvePoint(100, -0.01), images=1600, exponent=0.5) == -0.01
    farthest = predict_lost(point, images=3000, exponent=0.5)
    assert predict_lost(point, images=10**6, exponent=0.5) == farthest < 0.02


@given(st.integers(1, 10**6), st.floats(1e-4, 1), st.integers(0, 10**7), st.floats(0.15, 0.7))
def test_training_never_makes_a_prediction_worse(
    images: int, lost: float, horizon: int, exponent: float
) -> None:
    predicted = predict_lost(CurvePoint(images, lost), images=horizon, exponent=exponent)
    assert 0 < predicted <= lost
