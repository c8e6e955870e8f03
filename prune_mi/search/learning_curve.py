"""What a child that is still learning will end at.

The accuracy that a child is short of falls with training as a power of the images it has seen,
short(n) = short(m) (m / n)^b, as learning curves usually do (Hestness et al. 2017). It is short of
what the original would come to with as much more training. An original that is wrong on the share h
of its own training images gains about 0.4 h^2 of accuracy. (Controls gained 0.044 where h was 0.33,
0.005 to 0.009 where it was 0.14, 0.001 where it was 0.06, nothing where it was 0.) Some are wrong
on many because their data are hard, and gain nothing: no more than 0.01 is expected.

The exponent is that of the run's own children, each seen at two lengths. What is short of hardly
more than accuracies are off says little about it: with errors of size e in both, a pair's slope
ln(short(m) / short(n)) / ln(n / m) has the error

    e sqrt(1 / short(m)^2 + 1 / short(n)^2) / ln(n / m).

Trainings of the search are short, and all may be off alike for what the long final one does. (In 20
runs the slopes of the search were 0.13 to 0.34, those behind it 0.21 to 0.43.) b is the mean of a
normal posterior, from the slopes with such a common error and an exponent assumed before.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

ASSUMED_EXPONENT = 0.32
_ASSUMED_SPREAD = 0.08
_COMMON_ERROR = 0.12
_BOUNDS = (0.15, 0.7)
_FARTHEST = 30
_GAIN, _MOST_GAIN = 0.4, 0.01


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What accuracy is short of after so many images of training."""

    images: int
    short: float


def expected_gain(train_quality: float) -> float:
    """What a long training is expected to add to an original.

    Args:
        train_quality: Its accuracy on its own training images, at most 1.
    """
    return min(_GAIN * (1 - train_quality) ** 2, _MOST_GAIN)


def fit_exponent(pairs: Sequence[tuple[CurvePoint, CurvePoint]], *, error: float) -> float:
    """The exponent, within sensible bounds.

    Args:
        pairs: An early and a late point of each child.
        error: Standard error of what is short, a fraction above 0.
    """
    weight = total = 0.0
    for early, late in pairs:
        if not 0 < early.images < late.images:
            continue
        longer = math.log(late.images / early.images)
        before, after = max(early.short, error), max(late.short, error)
        spread = error * math.hypot(1 / before, 1 / after) / longer
        weight += 1 / spread**2
        total += math.log(before / after) / longer / spread**2
    assumed = 1 / _ASSUMED_SPREAD**2
    trusted = 1 / (1 + weight * _COMMON_ERROR**2)  # of the slopes' weight
    exponent = (assumed * ASSUMED_EXPONENT + trusted * total) / (assumed + trusted * weight)
    low, high = _BOUNDS
    return min(max(exponent, low), high)


def predict_short(point: CurvePoint, *, images: int, exponent: float) -> float:
    """What accuracy will still be short of after `images` images in all.

    Or after thirty times as many as were seen: what some batches say of a long training is nothing.
    """
    if point.images <= 0 or images <= point.images or point.short <= 0:
        return point.short
    seen = max(point.images / images, 1 / _FARTHEST)
    return float(point.short * seen**exponent)
