"""What a child that is still learning will end at.

The accuracy that a child is short of its original falls with training as a power of the images it
has seen, lost(n) = lost(m) (m / n)^b, as learning curves usually do (Hestness et al. 2017). The
exponent is that of the run's own children, each seen at two lengths. What has lost hardly more than
accuracies are off says little about it: with errors of size e in both losses, a pair's slope
ln(lost(m) / lost(n)) / ln(n / m) has the error

    e sqrt(1 / lost(m)^2 + 1 / lost(n)^2) / ln(n / m),

and b is the mean of a normal posterior, from such slopes and a moderate exponent assumed before.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

ASSUMED_EXPONENT = 0.4
_ASSUMED_SPREAD = 0.15
_BOUNDS = (0.15, 0.7)
_FARTHEST = 30


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Accuracy lost against the original after so many images of training."""

    images: int
    lost: float


def fit_exponent(pairs: Sequence[tuple[CurvePoint, CurvePoint]], *, error: float) -> float:
    """The exponent, within sensible bounds.

    Args:
        pairs: An early and a late point of each child.
        error: Standard error of what is lost, a fraction above 0.
    """
    weight = 1 / _ASSUMED_SPREAD**2
    total = weight * ASSUMED_EXPONENT
    for early, late in pairs:
        if not 0 < early.images < late.images:
            continue
        longer = math.log(late.images / early.images)
        before, after = max(early.lost, error), max(late.lost, error)
        spread = error * math.hypot(1 / before, 1 / after) / longer
        weight += 1 / spread**2
        total += math.log(before / after) / longer / spread**2
    low, high = _BOUNDS
    return min(max(total / weight, low), high)


def predict_lost(point: CurvePoint, *, images: int, exponent: float) -> float:
    """Accuracy that will still be lost after `images` images in all.

    Or after thirty times as many as were seen: what some batches say of a long training is nothing.
    """
    if point.images <= 0 or images <= point.images or point.lost <= 0:
        return point.lost
    seen = max(point.images / images, 1 / _FARTHEST)
    return float(point.lost * seen**exponent)
