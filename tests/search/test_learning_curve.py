import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.search.learning_curve import (
    ASSUMED_EXPONENT,
    CurvePoint,
    fit_exponent,
    predict_lost,
)


def _pair(exponent: float, *, images: int = 100, lost: float = 0.08) -> tuple[CurvePoint, ...]:
    return CurvePoint(images, lost), CurvePoint(4 * images, lost / 4**exponent)


def test_the_exponent_of_a_power_law_is_found() -> None:
    assert fit_exponent([_pair(0.5)]) == pytest.approx(0.5)  # type: ignore[list-item]
    pairs = [_pair(each) for each in (0.2, 0.6, 0.3)]
    assert fit_exponent(pairs) == pytest.approx(0.3)  # type: ignore[arg-type]


def test_the_exponent_stays_within_bounds() -> None:
    assert fit_exponent([_pair(5.0)]) == 0.7  # type: ignore[list-item]
    assert fit_exponent([_pair(-1.0)]) == 0.15  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("early", "late"),
    [
        (CurvePoint(0, 0.1), CurvePoint(100, 0.05)),
        (CurvePoint(100, 0.1), CurvePoint(100, 0.05)),
        (CurvePoint(100, 0.1), CurvePoint(200, 0.0)),
        (CurvePoint(100, -0.01), CurvePoint(200, 0.05)),
    ],
)
def test_points_that_say_nothing_are_passed_over(early: CurvePoint, late: CurvePoint) -> None:
    assert fit_exponent([(early, late)]) == fit_exponent([]) == ASSUMED_EXPONENT == 0.4
    usable = _pair(0.5)
    assert fit_exponent([(early, late), usable]) == pytest.approx(0.5)  # type: ignore[list-item]


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
