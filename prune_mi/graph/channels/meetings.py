"""Which channel numbers have met, and which must stay.

Numbers that meet are only noted, pair by pair. When someone asks what has become of numbers, all
pairs (a, b) noted since go at once into a forest of parents p (union-find) with the roots r:

    p[max(r[a], r[b])] <- min(r[a], r[b])    for all pairs with r[a] != r[b],

until there are none. So the root of a tree is its lowest number.

Source: Shiloach & Vishkin (1982), An O(log n) parallel connectivity algorithm.
"""

import numpy as np


class Meetings:
    """Numbers given out so far, and what has been said of them.

    Args:
        parents: int, what numbers from 0 on have become before, each itself or a lower one.
    """

    def __init__(self, parents: np.ndarray | None = None) -> None:
        self._parents = np.arange(0) if parents is None else parents.copy()
        self._count = len(self._parents)
        self._met: list[np.ndarray] = []
        self._pinned: dict[int, str] = {}

    def fresh(self, count: int) -> np.ndarray:
        """New numbers."""
        self._count += count
        return np.arange(self._count - count, self._count)

    def unite(self, ones: np.ndarray, others: np.ndarray) -> None:
        """Numbers that are one, place by place; one alone on an axis meets all there."""
        if ones is not others:
            self._met.append(np.stack(np.broadcast_arrays(ones, others)).reshape(2, -1))

    def pin(self, numbers: np.ndarray, reason: str) -> None:
        """Numbers that must stay; of those that are one by now, the first reason counts."""
        for root in set(self.roots(numbers).tolist()):
            self._pinned.setdefault(root, reason)

    def reasons(self) -> dict[int, str]:
        """Why numbers must stay, by their roots; the last reason where they met after it."""
        roots = self.roots(np.array(list(self._pinned), dtype=int))
        return dict(zip(roots.tolist(), self._pinned.values(), strict=True))

    def all_roots(self) -> np.ndarray:
        """What each number has become, int `(num_numbers,)`."""
        return self.roots(np.arange(self._count))

    def roots(self, numbers: np.ndarray) -> np.ndarray:
        """What these have become: the lowest number that each has met."""
        self._parents = np.append(self._parents, np.arange(len(self._parents), self._count))
        if self._met:
            pairs = np.concatenate(self._met, axis=1)
            self._met.clear()
            while pairs.size:
                ends = self._climbed(pairs)
                pairs = ends[:, ends[0] != ends[1]]
                self._parents[pairs.max(axis=0)] = pairs.min(axis=0)
        return self._climbed(numbers)

    def _climbed(self, numbers: np.ndarray) -> np.ndarray:
        """The roots of these, whose ways up are half as long after each step."""
        while True:
            above: np.ndarray = self._parents[numbers]
            further = self._parents[above]
            if np.array_equal(above, further):
                return above
            self._parents[numbers] = further
