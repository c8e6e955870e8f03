"""Whether something measured on some images is within a limit on all images of the kind.

A bound at confidence c is one-sided: what is bounded lies beyond it with a probability of 1 - c.
A limit is kept where the upper bound is within it, broken where the lower bound is beyond it, and
undecided between.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

from prune_mi.measure.interval import score_interval
from prune_mi.measure.limit import Drop
from prune_mi.records import Decision

_EQUAL = 1e-9  # rounding of fractions


@dataclass(frozen=True, slots=True)
class Bounds:
    """A value measured on images, with its one-sided bounds.

    Attributes:
        value: Fraction.
        low, high: The bounds; `low <= value <= high`.
        num_images: Images that it was measured on.
    """

    value: float
    low: float
    high: float
    num_images: int

    def decide(self, limit: float) -> Decision:
        """Whether the value is at most `limit` on all images of the kind."""
        if self.high <= limit + _EQUAL:
            return "passed"
        return "failed" if self.low > limit + _EQUAL else "undecided"

    def images_to_decide(self, limit: float) -> int | None:
        """Images that would decide if they showed the same value; None where no number would.

        A bound's distance from the value falls with the root of the number of images.
        """
        gap = abs(limit - self.value)
        reach = self.high - self.value if limit >= self.value else self.value - self.low
        if gap <= _EQUAL:
            return None
        return math.ceil(self.num_images * (reach / gap) ** 2)


def drop_bounds(drop: Drop, confidence: float, *, out_of: int = 1) -> Bounds:
    """Bounds of a paired drop.

    Args:
        drop: See `paired_drop`.
        confidence: Of each bound, in (0.5, 1).
        out_of: How many drops are judged together (Bonferroni): all hold at the confidence.
    """
    reach = NormalDist().inv_cdf(1 - (1 - confidence) / out_of) * drop.standard_error
    return Bounds(drop.value, drop.value - reach, drop.value + reach, drop.num_images)


def share_bounds(share: float, num_images: int, confidence: float) -> Bounds:
    """Bounds of a share of images: Wilson's score interval, each side at the confidence.

    Args:
        share: In [0, 1].
        num_images: 1 or more.
        confidence: Of each bound, in (0.5, 1).
    """
    low, high = score_interval(share, num_images, NormalDist().inv_cdf(confidence))
    return Bounds(share, min(low, share), max(high, share), num_images)
