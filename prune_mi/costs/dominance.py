"""Pareto dominance: what no other is at least as good as in everything.

A point is a tuple of values that are all wanted small, such as costs and an error. It is dominated
by another that is nowhere larger and somewhere smaller.
"""

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


def values_of(cost: Cost, quality: float) -> Values:
    """The point of a network: every cost of it, and the quality that it lacks."""
    return (*cost.amounts.values(), -quality)
