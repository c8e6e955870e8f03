"""What a child that is still learning will end at.

The accuracy that a child is short of its original falls with training as a power of the images it
has seen, lost(n) = lost(m) (m / n)^b, as learning curves usually do (Hestness et al. 2017). The
exponent is fitted to the run's own children, each seen at two lengths; before there are any, a
moderate one is assumed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

ASSUMED_EXPONENT = 0.4
_BOUNDS = (0.15, 0.7)
_FARTHEST = 30


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Accuracy lost against the original after so many images of training."""

    images: int
    lost: float


def fit_exponent(pairs: Sequence[tuple[CurvePoint, CurvePoint]]) -> float:
    """The median exponent between the two points of each pair, within sensible bounds."""
    slopes = sorted(
        math.log(early.lost / late.lost) / math.log(late.images / early.images)
        for early, late in pairs
        if 0 < early.images < late.images and early.lost > 0 and late.lost > 0
    )
    if not slopes:
        return ASSUMED_EXPONENT
    low, high = _BOUNDS
    return min(max(slopes[len(slopes) // 2], low), high)


def predict_lost(point: CurvePoint, *, images: int, exponent: float) -> float:
    """Accuracy that will still be lost after `images` images in all.

    Or after thirty times as many as were seen: what some batches say of a long training is nothing.
    """
    if point.images <= 0 or images <= point.images or point.lost <= 0:
        return point.lost
    seen = max(point.images / images, 1 / _FARTHEST)
    return float(point.lost * seen**exponent)
