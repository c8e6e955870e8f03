"""Pareto dominance: what no other is at least as good as in everything.

A point is a tuple of values that are all wanted small, such as costs and an error. It is dominated
by another that is nowhere larger and somewhere smaller.
"""

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from prune_mi.records import Cost

_T = TypeVar("_T")
Values = tuple[float, ...]


def dominates(one: Values, other: Values) -> bool:
    """Whether one point is nowhere larger than another, and somewhere smaller."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def nondominated(items: Sequence[_T], values: Callable[[_T], Values]) -> list[_T]:
    """Those that no other dominates, in their order; of equal points the first alone."""
    found: dict[Values, _T] = {}
    for each in items:
        found.setdefault(values(each), each)
    return [
        each for point, each in found.items() if not any(dominates(other, point) for other in found)
    ]


def spread(
    items: Sequence[_T], count: int, amount: Callable[[_T], float], *, beside: Sequence[float]
) -> list[_T]:
    """So many of some items, spread over an amount.

    Each is the one that is farthest, as a ratio, from those that are there; of equals the first.

    Args:
        items: To choose from; those of an amount that is there already are passed over.
        count: How many; fewer where there are no more.
        amount: Of an item, above 0.
        beside: Amounts that are there to begin with, at least one.
    """
    there, left, chosen = list(beside), list(items), list[_T]()

    def distance(each: _T) -> float:
        return min(abs(math.log(amount(each) / other)) for other in there)

    while left and len(chosen) < count:
        best = max(left, key=distance)
        left.remove(best)
        if distance(best) <= 0:
            break
        chosen.append(best)
        there.append(amount(best))
    return chosen


def values_of(cost: Cost, quality: float) -> Values:
    """The point of a network: every cost of it, and the quality that it lacks."""
    return (*cost.amounts.values(), -quality)
