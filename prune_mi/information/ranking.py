"""Ranking: the units whose removal loses the least information about the class.

A criterion (`information/criteria`) says what each unit adds, and how that would vary with other
samples. Of units with equal gains the one that saves most multiply-accumulates goes first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prune_mi.graph.unit import Unit
from prune_mi.information.bootstrap import interval, probability_among_least
from prune_mi.information.criteria.catalog import CRITERIA
from prune_mi.information.question import Answer, Question


@dataclass(frozen=True, slots=True)
class Information:
    """Bits that a tensor tells about the class, and their 95 % confidence interval."""

    bits: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RankedUnit:
    """A unit with its score.

    Attributes:
        score: What the unit adds, in the measure of the criterion; may be negative.
        score_spread: Standard error of the score.
        score_low, score_high: Its 95 % confidence interval.
        information: In the tensor behind the unit; None where the criterion does not say.
        probability_least: That it is among the k units of lowest score.
    """

    unit: Unit
    score: float
    score_spread: float
    score_low: float
    score_high: float
    information: Information | None
    probability_least: float


def rank_units(question: Question, *, least: int = 5) -> tuple[RankedUnit, ...]:
    """Ranks units by the criterion that the question's settings name, lowest score first.

    Args:
        question: What the criterion is asked.
        least: The k of `RankedUnit.probability_least`.
    """
    units = question.units
    if not units:
        return ()
    answer = CRITERIA[question.settings.criterion](question)
    low, high = interval(answer.draws)
    among = probability_among_least(answer.draws, least)
    informed = _information(answer)
    ranked = []
    for place in least_first(units, answer.gains):
        ranked.append(
            RankedUnit(
                unit=units[place],
                score=float(answer.gains[place]),
                score_spread=float(np.std(answer.draws[place])),
                score_low=float(low[place]),
                score_high=float(high[place]),
                information=informed[place],
                probability_least=float(among[place]),
            )
        )
    return tuple(ranked)


def least_first(units: Sequence[Unit], gains: Sequence[float] | np.ndarray) -> list[int]:
    """The places of units, least gain first; of equal gains, the one that saves most."""
    return sorted(range(len(units)), key=lambda place: (gains[place], -units[place].macs))


def _information(answer: Answer) -> list[Information | None]:
    if answer.information is None or answer.information_draws is None:
        return [None] * len(answer.gains)
    low, high = interval(answer.information_draws)
    return [
        Information(float(bits), float(least), float(most))
        for bits, least, most in zip(answer.information, low, high, strict=True)
    ]
