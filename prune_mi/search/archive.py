"""Every trained network worth having: none costs as little, or less, and is as good, or better.

The search follows one aim. What it trains on the way serves others: the archive keeps the frontier
between costs and quality, so that another point of it can be had without another search.
"""

from collections.abc import Iterable

from prune_mi.costs.dominance import nondominated, values_of
from prune_mi.search.candidate import Trained


class Archive:
    """The non-dominated of what it was given; see `costs.dominance`.

    Args:
        start: What the search starts from; it is a point, too.
    """

    def __init__(self, start: Trained) -> None:
        self._kept: dict[str, Trained] = {start.name: start}

    def add(self, candidates: Iterable[Trained]) -> None:
        """Takes note of trained networks; one that was trained on takes its own place."""
        for each in candidates:
            self._kept.pop(each.name, None)
            self._kept[each.name] = each
        points = nondominated(
            list(self._kept.values()), lambda each: values_of(each.cost, each.quality)
        )
        self._kept = {each.name: each for each in points}

    def points(self, also: Iterable[Trained] = ()) -> tuple[Trained, ...]:
        """The kept ones, the most accurate first, of equals the cheapest.

        Args:
            also: Listed even where others dominate them.
        """
        listed = {**{each.name: each for each in also}, **self._kept}
        return tuple(sorted(listed.values(), key=lambda each: (-each.quality, each.cost.macs)))
