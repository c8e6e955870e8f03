"""How sure what was measured on some images is of all images of the kind: intervals and bounds.

An interval has two sides. A bound at confidence c is one-sided: what is bounded lies beyond it with
a probability of 1 - c. A limit is kept where the upper bound is within it, broken where the lower
bound is beyond it, and undecided between.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from prune_mi.measure.limit import Drop
from prune_mi.records import Decision

DEVIATIONS = 1.959964  # of a normal distribution, between which 95 % of it lie
_EQUAL = 1e-9  # rounding of fractions
_MOST_IMAGES = 10**9  # beyond it, what was measured lies on the limit itself


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


def images_to_decide(
    limit: float, bounds_on: Callable[[int], Bounds], *, more_than: int
) -> int | None:
    """The fewest images that would decide if they showed the same value; None where none would.

    Args:
        limit: As for `Bounds.decide`.
        bounds_on: What so many images would show. Its bounds come closer with their number.
        more_than: Images that do not decide it.
    """
    few, many = more_than, 2 * more_than
    while bounds_on(many).decide(limit) == "undecided":
        few, many = many, 2 * many
        if many > _MOST_IMAGES:
            return None
    while many - few > 1:
        middle = (few + many) // 2
        if bounds_on(middle).decide(limit) == "undecided":
            few = middle
        else:
            many = middle
    return many


def drop_bounds(drop: Drop, confidence: float, *, out_of: int = 1) -> Bounds:
    """Bounds of a paired drop.

    Args:
        drop: See `paired_drop`.
        confidence: Of each bound, in (0.5, 1).
        out_of: How many drops are judged together. That all of them are within a limit is shown at
            the confidence where each is (an intersection-union test); that any one is beyond it,
            only where its own bound allows for their number (Bonferroni).
    """
    lower, upper = (
        NormalDist().inv_cdf(1 - (1 - confidence) / number) * drop.standard_error
        for number in (out_of, 1)
    )
    return Bounds(drop.value, drop.value - lower, drop.value + upper, drop.num_images)


def share_bounds(share: float, num_images: int, confidence: float) -> Bounds:
    """Bounds of a share of images: Wilson's score interval, each side at the confidence.

    Args:
        share: In [0, 1].
        num_images: 1 or more.
        confidence: Of each bound, in (0.5, 1).
    """
    low, high = score_interval(share, num_images, NormalDist().inv_cdf(confidence))
    return Bounds(share, min(low, share), max(high, share), num_images)


def accuracy_interval(accuracy: float, num_images: int) -> tuple[float, float]:
    """The range that holds the accuracy on all images of the kind, at 95 % confidence.

    Args:
        accuracy: The share of right answers, in [0, 1].
        num_images: Images that it was measured on, 1 or more, drawn at random from that kind.
    """
    return score_interval(accuracy, num_images, DEVIATIONS)


def score_interval(share: float, num_images: int, deviations: float) -> tuple[float, float]:
    """Wilson's score interval of a share.

    (*Probable inference, the law of succession, and statistical inference*, 1927.) It stays within
    [0, 1], and is no point where the share is 0 or 1.

    Args:
        share: In [0, 1].
        num_images: Images that it was measured on, 1 or more.
        deviations: Standard deviations on each side, above 0.
    """
    weight = deviations**2 / num_images
    middle = (share + weight / 2) / (1 + weight)
    spread = share * (1 - share) / num_images + weight / (4 * num_images)
    reach = deviations * sqrt(spread) / (1 + weight)
    return max(0.0, middle - reach), min(1.0, middle + reach)
