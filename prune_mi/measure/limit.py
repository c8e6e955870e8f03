"""How far an allowed drop in accuracy can be trusted to hold on images that selection has not seen.

Two models that answer the same n images differ on few of them. With d_i = +1 where only the
original is right, -1 where only the other one is, and 0 else, the drop and its standard error are

    drop = sum w_i d_i,    se^2 = sum w_i^2 (d_i - drop)^2 + max(w_i^2)

w_i = 1 / n for accuracy. The last term is one disagreement that was not seen, where it weighs most:
without it two models that agree on all of few images would be taken for equal. (Agresti & Min,
2005, Simple improved confidence intervals for comparing matched proportions.) On m other images the
drop will be off the true one as well, so what is seen there varies about what was seen here by
se sqrt(1 + n / m).

A model that was chosen because its drop on n images is small owes a part of that to chance. How
much, the bootstrap tells (Efron & Tibshirani, An Introduction to the Bootstrap, chapter 17): the
choice is made again on images drawn with replacement, and how much better the chosen model looks on
those than on all images, on average, is the bias:

    P(limit holds) = Phi((limit - drop - bias) / (se sqrt(1 + n / m)))
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

_DRAWS = 200
_LEAST_UNSEEN = 1e-12  # lest two equal models have no error at all
_ERRORS_KEPT = 1.0  # standard errors of the drop, where no confidence was asked for
_SPREAD_OF_DROPS = 0.5
_DISAGREEMENT = 0.8  # of the original's errors: typical of slimmed models near a limit


@dataclass(frozen=True, slots=True)
class Drop:
    """What one model loses against another one on the same images, fractions.

    Attributes:
        value: Of the metric; negative where it gains.
        standard_error: Of the value, above 0.
        num_images: That it was measured on.
        unseen: The part of `standard_error` squared that one disagreement makes which was not seen.
    """

    value: float
    standard_error: float
    num_images: int
    unseen: float = 0.0

    def on(self, num_images: int) -> "Drop":
        """What so many images are expected to show if they show the same value."""
        ratio = self.num_images / num_images
        seen = self.standard_error**2 - self.unseen
        variance = seen * ratio + self.unseen * ratio**2
        return Drop(self.value, math.sqrt(variance), num_images, self.unseen * ratio**2)

    def spread_on(self, num_unseen: int) -> float:
        """Standard error of what `num_unseen` other images will show, given what these have."""
        return self.standard_error * math.sqrt(1 + self.num_images / num_unseen)

    def chance_within(self, limit: float, num_unseen: int, *, bias: float = 0.0) -> float:
        """The probability that the drop on other images is within a limit; `bias` as above."""
        return NormalDist().cdf((limit - self.value - bias) / self.spread_on(num_unseen))


def paired_drop(before: np.ndarray, after: np.ndarray, weights: np.ndarray) -> Drop:
    """The drop from what images score by one model to what they score by another.

    Where scores are no right or wrong, the one disagreement that was not seen is as large as the
    largest that was.

    Args:
        before: bool or float `(n,)`, what each image scores by the first model.
        after: The same of the second.
        weights: float `(n,)`, what each weighs in the metric; their sum is 1.
    """
    difference = before.astype(np.float64) - after
    value = float(weights @ difference)
    squares = np.square(weights)
    unseen = float(squares.max())
    if before.dtype != bool:
        unseen *= float(np.square(difference - value).max()) + _LEAST_UNSEEN
    variance = float(squares @ np.square(difference - value)) + unseen
    return Drop(value, math.sqrt(variance), len(difference), unseen)


def safety_margin(drop: Drop, limit: float, *, confidence: float | None, num_unseen: int) -> float:
    """The part of a limit that selection must leave unused by a model.

    Args:
        drop: Of the model.
        limit: The allowed drop, a fraction.
        confidence: The probability with which the limit is to hold on other images, in (0.5, 1);
            None leaves a standard error of the drop, and never more than half of the limit.
        num_unseen: How many other images.
    """
    if confidence is None:
        return min(_ERRORS_KEPT * drop.standard_error, limit / 2)
    return NormalDist().inv_cdf(confidence) * drop.spread_on(num_unseen)


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """One of several models, chosen as the first whose drop is well within a limit.

    Attributes:
        place: Which one; None where none is.
        bias: How much smaller its drop looks for having been chosen, a fraction, at least 0.
        chance: The probability that the limit holds on other images; 0 where none was chosen.
    """

    place: int | None
    bias: float
    chance: float


def choose_within(
    before: np.ndarray,
    after: Sequence[np.ndarray],
    weights: np.ndarray,
    *,
    limit: float,
    confidence: float | None,
    num_unseen: int,
    rng: np.random.Generator,
    best: bool = False,
) -> Chosen:
    """Chooses as selection does, and says what the choice is worth.

    Args:
        before: bool or float `(n,)`, what each image scores by the original.
        after: The same of each model, the most wanted first.
        weights: float `(n,)`, what each image weighs in the metric.
        limit: The allowed drop, a fraction.
        confidence: See `safety_margin`; where one is asked for, what having chosen flatters the
            model by is added to the margin.
        num_unseen: Images on which the limit is to hold.
        rng: Draws the bootstrap samples.
        best: Whether the model that loses least is chosen, and not the most wanted.
    """
    drops = [paired_drop(before, each, weights) for each in after]
    if not drops:
        return Chosen(None, 0.0, 0.0)
    margins = np.array(
        [safety_margin(drop, limit, confidence=confidence, num_unseen=num_unseen) for drop in drops]
    )
    values = np.array([drop.value for drop in drops])
    bias = _chosen_bias(before, after, weights, limit - margins, values, rng, best=best)
    margins += bias if confidence is not None else 0.0
    fit = np.flatnonzero(values + margins <= limit)
    if not fit.size:
        return Chosen(None, bias, 0.0)
    place = int(fit[values[fit].argmin()] if best else fit[0])
    return Chosen(place, bias, drops[place].chance_within(limit, num_unseen, bias=bias))


def _chosen_bias(
    before: np.ndarray,
    after: Sequence[np.ndarray],
    weights: np.ndarray,
    limits: np.ndarray,
    values: np.ndarray,
    rng: np.random.Generator,
    *,
    best: bool,
) -> float:
    """How much smaller the drop of the model chosen looks, by the bootstrap."""
    num = len(before)
    difference = np.stack([before.astype(np.float32) - each for each in after])
    # Exponential weights: the Bayesian bootstrap (Rubin, 1981), which is drawn ten times as fast.
    drawn_weights = rng.standard_exponential((_DRAWS, num), dtype=np.float32)
    drawn_weights *= weights.astype(np.float32)
    drawn_weights /= drawn_weights.sum(axis=1, keepdims=True)
    drawn = drawn_weights @ difference.T
    fits = drawn <= limits
    rows = np.flatnonzero(fits.any(axis=1))
    if not rows.size:
        return 0.0
    chosen = fits[rows].argmax(axis=1)
    if best:
        chosen = np.where(fits[rows], drawn[rows], np.inf).argmin(axis=1)
    return max(0.0, float(np.mean(values[chosen] - drawn[rows, chosen])))


def expected_error(
    quality: float, limit: float, num_images: int, *, spread: float | None = None
) -> float:
    """The standard error that the drop of a model near the limit is expected to have.

    Before there is such a model: it will differ from the original on about four fifths as many
    images as the original gets wrong, and on those that the limit allows. (ResNet-8 without a block
    0.12 of the images, the digits' network 0.02.) What it scores otherwise than right or wrong is
    expected to differ by about half as much as scores do among images.

    Args:
        quality: The original's.
        limit: The allowed drop.
        num_images: That the drop is measured on.
        spread: Standard deviation of scores that are not just right or wrong, else None.
    """
    if spread is not None:
        return _SPREAD_OF_DROPS * spread / math.sqrt(max(num_images, 1))
    return math.sqrt(_expected_disagreement(quality, limit) / max(num_images, 1))


def images_needed(
    quality: float,
    limit: float,
    *,
    confidence: float | None,
    num_images: int,
    num_unseen: int,
    spread: float | None = None,
) -> int | None:
    """Validation images with which half of a limit would be left; None where there are enough.

    Args:
        quality: The original's, on validation images, in [0, 1].
        limit: The allowed drop, a fraction above 0.
        confidence: See `safety_margin`.
        num_images: Validation images that there are.
        num_unseen: Images on which the limit is to hold.
        spread: As for `expected_error`.
    """
    error = expected_error(quality, limit, num_images, spread=spread)
    drop = Drop(0.0, error, num_images)
    if confidence is None:
        needed_error = limit / 2 / _ERRORS_KEPT
        kept = _ERRORS_KEPT * error
    else:
        # With as many other images, the error is that of both: sqrt(2) times the one.
        needed_error = limit / 2 / NormalDist().inv_cdf(confidence) / math.sqrt(2)
        kept = NormalDist().inv_cdf(confidence) * drop.spread_on(num_unseen)
    if kept <= limit / 2:
        return None
    return math.ceil(error**2 * max(num_images, 1) / needed_error**2)


def _expected_disagreement(quality: float, limit: float) -> float:
    return min(1.0, _DISAGREEMENT * (1 - quality) + limit)
