"""The most accurate models of a whole search, each of another structure."""

from prune_mi.search.candidate import Candidate


class RunnersUp:
    """Keeps the few most accurate candidates; of equal structures the more accurate.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._by_structure: dict[str, Candidate] = {}

    def add(self, candidate: Candidate) -> None:
        """Takes note of a candidate with an accuracy."""
        digest = candidate.graph.structural_hash()
        known = self._by_structure.get(digest)
        if known is None or _accuracy(candidate) > _accuracy(known):
            self._by_structure[digest] = candidate
        if len(self._by_structure) > self._count:
            worst = min(self._by_structure, key=lambda each: _accuracy(self._by_structure[each]))
            del self._by_structure[worst]

    def best(self) -> tuple[Candidate, ...]:
        """The kept ones, the most accurate first."""
        return tuple(sorted(self._by_structure.values(), key=_accuracy, reverse=True))


def _accuracy(candidate: Candidate) -> float:
    return candidate.accuracy or 0.0
