"""Which children are worth training, and which one is accepted.

Screened children are repaired but untrained, so their loss of accuracy says how much there is to
win back, not what they end at. A child's merit is what it saves over what it puts at risk:

    merit = saved share of the cost / (share that stays lost x accuracy lost + allowed drop)

What share stays lost when all training is done is what the children trained so far have shown.
The allowed drop in the denominator keeps many harmless removals at once ahead of a single one.
"""

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from prune_mi.costs.objective import Objective
from prune_mi.search.candidate import Screened, Trained

_S = TypeVar("_S", bound=Screened)

_RELATIVE_ERROR = 0.3
_ABSOLUTE_ERROR = 0.003
_HOPEFUL_SHARE = 0.5
_ASSUMED_LOSS = 0.02  # of which all stays, beside what children have shown
_MOST_EQUAL = 0.005  # of accuracy: few images do not make what is worse as good
_LEAST_ERROR = 1e-6
_ROUNDING = 1e-9  # 0.8 - 0.1 is a little over 0.7


def merit(
    candidate: Screened,
    *,
    elite: Trained,
    floor: float,
    allowed: float,
    objective: Objective,
    stays: float = 1.0,
) -> float:
    """The merit of a screened candidate.

    Args:
        candidate: With an accuracy.
        elite: The best accepted model so far.
        floor: The lowest accuracy that may be accepted.
        allowed: The allowed drop, a fraction.
        objective: What is compared by.
        stays: The share of what is lost that stays lost.

    Returns:
        Where nothing is made small, the accuracy itself.
    """
    quality = candidate.quality
    if not objective.makes_smaller:
        return quality
    saved = objective.saved(candidate.cost, elite.cost)
    lost = max(0.0, floor + allowed - quality)
    return saved / (stays * lost + max(allowed, 0.005))


def choose_for_training(
    candidates: Sequence[_S],
    count: int,
    *,
    worth: Callable[[Screened], float],
    elite: Trained,
    floor: float,
    objective: Objective,
    margin: float = 0.0,
) -> tuple[_S, ...]:
    """The candidate of greatest merit, then each time the best of those safer than the last.

    The hedge makes it likely that one child of a generation stays within the allowed drop. One that
    is within it before training needs no hedge: beside it those are trained that save more. Where
    none of these are left, the best of the rest follow.

    Args:
        candidates: Screened.
        count: How many.
        worth: The merit of each.
        elite: The best accepted model so far.
        floor: The lowest accuracy that may be accepted.
        objective: What is compared by.
        margin: What acceptance is expected to leave unused of the allowed drop.
    """
    left = [each for each in candidates if improves(each, elite, objective)]
    left.sort(key=worth, reverse=True)
    chosen: list[_S] = []
    while left and len(chosen) < count:
        safe = [each for each in chosen if each.quality - margin >= floor]
        useful = [each for each in left if all(improves(each, one, objective) for one in safe)]
        safer = [each for each in useful if chosen and each.quality > chosen[-1].quality]
        best = (safer or useful or left)[0]
        chosen.append(best)
        left.remove(best)
    return tuple(chosen)


def with_hope(candidates: Sequence[_S], *, chance: float) -> tuple[list[_S], list[_S]]:
    """Screened candidates that training may still bring near the others, and the hopeless.

    Hopeless is what has kept less than half of what the best has kept above chance. (Children of
    ResNet-8 at 0.14 to 0.33 of 0.88 came to 0.43 to 0.51; one at 0.63 came to 0.86.)

    Args:
        candidates: With accuracies.
        chance: The accuracy that guessing gets.
    """
    kept = [each.quality - chance for each in candidates]
    best = max(kept, default=0.0)
    if best <= 0:  # nothing tells one from the other
        return list(candidates), []
    least = _HOPEFUL_SHARE * best
    pairs = list(zip(candidates, kept, strict=True))
    return [each for each, k in pairs if k >= least], [each for each, k in pairs if k < least]


def chance_of_success(lost: float, allowed: float) -> float:
    """The chance that a model expected to lose `lost` ends within `allowed`.

    Predictions from learning curves are off by about a third of what they predict, and accuracies
    on some thousand images by a few thousandths: a normal error of that size is assumed.
    """
    spread = _RELATIVE_ERROR * max(lost, 0.0) + _ABSOLUTE_ERROR
    return 0.5 * (1 + math.erf((allowed - lost) / (spread * math.sqrt(2))))


def by_expected_saving(
    candidates: Sequence[Trained],
    chance: Callable[[Trained], float],
    *,
    elite: Trained,
    objective: Objective,
) -> list[Trained]:
    """Orders trained candidates by what they save of the elite's cost times their chance.

    Where that is next to nothing, the more accurate comes first; where nothing is made small,
    always.
    """
    if not objective.makes_smaller:
        return sorted(candidates, key=lambda each: each.quality, reverse=True)

    def key(candidate: Trained) -> tuple[float, float]:
        saved = objective.saved(candidate.cost, elite.cost)
        return -round(saved * chance(candidate), 4), -candidate.quality

    return sorted(candidates, key=key)


def share_that_stays(pairs: Sequence[tuple[float, float]]) -> float:
    """The share of what children lose untrained that they are expected to lose in the end.

    Args:
        pairs: What each trained child had lost untrained, and is expected to lose in the end.
            Before there are any, all is taken to stay.
    """
    before = sum(max(0.0, lost) for lost, _ in pairs)
    after = sum(max(0.0, lost) for _, lost in pairs)
    return min(1.0, (_ASSUMED_LOSS + after) / (_ASSUMED_LOSS + before))


def hedged(
    candidates: Sequence[Trained],
    count: int,
    chance: Callable[[Trained], float],
    *,
    elite: Trained,
    objective: Objective,
) -> tuple[Trained, ...]:
    """The candidates of which the best that succeeds is expected to save most.

    A second one much like the first adds little to it: it saves as much, and succeeds or fails with
    it. What saves more with less of a chance adds more, and so does what is safer, beside a bold
    one. Successes are taken to be independent, candidates are taken one after the other.

    Args:
        candidates: Trained; those that have succeeded already have a chance of 1, and are not
            taken.
        count: How many at most.
        chance: That one succeeds.
        elite: The best accepted model so far.
        objective: What is compared by; something is made small.
    """
    saved = {each.name: objective.saved(each.cost, elite.cost) for each in candidates}
    chances = {each.name: chance(each) for each in candidates}

    def expected_best(names: Sequence[str]) -> float:
        found, none_before = 0.0, 1.0
        for name in sorted(names, key=lambda name: -saved[name]):
            found += none_before * chances[name] * saved[name]
            none_before *= 1 - chances[name]
        return found

    certain = [each.name for each in candidates if chances[each.name] == 1.0]
    left = [each for each in candidates if each.name not in certain]
    chosen: list[Trained] = []

    def key(candidate: Trained) -> tuple[float, float]:
        names = [*certain, *(each.name for each in chosen), candidate.name]
        return round(expected_best(names), 4), candidate.quality

    while left and len(chosen) < count:
        chosen.append(max(left, key=key))
        left.remove(chosen[-1])
    return tuple(chosen)


def improves(candidate: Screened, elite: Screened, objective: Objective) -> bool:
    """Whether a candidate costs less than the elite, where that is asked for."""
    return objective.improves(candidate.cost, elite.cost)


def acceptable(candidate: Trained, *, elite: Trained, floor: float, objective: Objective) -> bool:
    """Whether a trained candidate may replace the elite.

    It must cost less and stay above the floor by its margin; where nothing is made small, as in the
    paper, it must be more accurate than the elite. Where there are targets it must be under all of
    them, and before the elite by the objective.
    """
    if not objective.makes_smaller:
        return candidate.quality > elite.quality
    if objective.targets:
        before, own = (objective.key(each.cost, each.quality) for each in (elite, candidate))
        return is_fit(candidate, floor=floor, objective=objective) and own < before
    return is_fit(candidate, floor=floor, objective=objective) and improves(
        candidate, elite, objective
    )


def is_fit(candidate: Trained, *, floor: float, objective: Objective) -> bool:
    """Whether a trained candidate is under all targets and, by its margin, above the floor."""
    above = candidate.quality - candidate.margin >= floor - _ROUNDING
    return above and objective.is_feasible(candidate.cost)


def best_of(
    candidates: Sequence[Trained], objective: Objective, *, num_validation: int | None = None
) -> Trained:
    """The first by the objective.

    Where nothing is made small, and it is said on how many images accuracies are measured: of those
    within half a standard error of the most accurate, and half a point, the one with the fewest
    weights.
    """
    best = min(candidates, key=lambda each: objective.key(each.cost, each.quality))
    if objective.makes_smaller or num_validation is None:
        return best
    error = standard_error(best.quality, num_validation)
    close = best.quality - min(error / 2, _MOST_EQUAL)
    equal = [each for each in candidates if each is best or each.quality > close]
    return min(equal, key=lambda each: (each.cost.num_params, -each.quality))


def standard_error(quality: float, num_images: int) -> float:
    """That of an accuracy on so many images, a fraction, and above 0 where all or none are right.

    Source: Agresti & Coull (1998): two more that are right, two more that are wrong.
    """
    num = num_images + 4
    share = (quality * num_images + 2) / num
    return math.sqrt(share * (1 - share) / num)


def error_of(model: Trained) -> float:
    """The standard error of a model's quality on its validation images, above 0.

    Of scores that are not just right or wrong their spread says it; such a quality may be below 0.
    """
    scores = model.scores
    if scores.dtype == bool:
        return standard_error(model.quality, len(scores))
    return max(float(np.std(scores)) / math.sqrt(len(scores)), _LEAST_ERROR)


class RunnersUp:
    """The most accurate candidates of a whole search; of equal structures the more accurate.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._by_structure: dict[str, Trained] = {}

    def add(self, candidate: Trained) -> None:
        """Takes note of a candidate with an accuracy."""
        digest = candidate.graph.structural_hash()
        known = self._by_structure.get(digest)
        if known is None or candidate.quality > known.quality:
            self._by_structure[digest] = candidate
        if len(self._by_structure) > self._count:
            worst = min(self._by_structure, key=lambda each: self._by_structure[each].quality)
            del self._by_structure[worst]

    def best(self) -> tuple[Trained, ...]:
        """The kept ones, the most accurate first."""
        kept = self._by_structure.values()
        return tuple(sorted(kept, key=lambda each: each.quality, reverse=True))
