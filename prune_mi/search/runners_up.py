"""The most accurate models of a whole search, each of another structure."""

from prune_mi.search.candidate import Trained


class RunnersUp:
    """Keeps the few most accurate candidates; of equal structures the more accurate.

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
        if known is None or candidate.accuracy > known.accuracy:
            self._by_structure[digest] = candidate
        if len(self._by_structure) > self._count:
            worst = min(self._by_structure, key=lambda each: self._by_structure[each].accuracy)
            del self._by_structure[worst]

    def best(self) -> tuple[Trained, ...]:
        """The kept ones, the most accurate first."""
        kept = self._by_structure.values()
        return tuple(sorted(kept, key=lambda each: each.accuracy, reverse=True))
