"""Which channels go so that a network costs no more than is asked, and loses least: a knapsack.

Greedy: again and again the channels go whose loss is the smallest for what they save,

    loss_c m_g / sum over costs of min(saved, still too much) / most,

m_g being what group g's losses are multiplied by. What channels save changes as others go, as the
groups meet in weights (`graph.channels.prices`). At the end channels come back that turned out not
to be needed, the greatest loss first. (Greedy by the ratio is within one item of the best of the
relaxed knapsack: Dantzig, 1957, Discrete-variable extremum problems.)
"""

from collections.abc import Mapping

import numpy as np

from prune_mi.graph.channels.narrowing import Gone, least_channels
from prune_mi.graph.channels.prices import Prices

_STEPS_A_GROUP = 64


def chosen_channels(
    prices: Prices,
    losses: np.ndarray,
    aim: Mapping[str, float],
    *,
    multiples: int = 1,
    weights: np.ndarray | None = None,
) -> Gone | None:
    """The channels that go.

    Args:
        prices: Of the graph.
        losses: float `(num_channels,)`, what is lost with each.
        aim: What costs may be at most, by name.
        multiples: The number of channels that stay of a layer is a multiple of this, unless it was
            none before. Heads of attention may be any number.
        weights: float `(num_groups,)`, what losses of a group are multiplied by; None: 1.

    Returns:
        The channels by group, the least missed first; None where all that may go would not do.
    """
    return _Knapsack(prices, losses, aim, multiples, weights).filled()


class _Knapsack:
    def __init__(
        self,
        prices: Prices,
        losses: np.ndarray,
        aim: Mapping[str, float],
        multiples: int,
        weights: np.ndarray | None,
    ) -> None:
        self._prices = prices
        self._costs, self._most = list(aim), np.array(list(aim.values()), dtype=float)
        known = prices.widths
        num_groups = len(known.groups)
        self._multiples = [known.multiples(place, multiples) for place in range(num_groups)]
        factor = np.ones(num_groups) if weights is None else weights
        self._orders, self._losses = [], []
        for place in range(num_groups):
            own = losses[known.of_group(place)]
            order = np.argsort(own, kind="stable")
            self._orders.append(order)
            self._losses.append(own[order] * factor[place])
        self._sizes = np.diff(known.starts)
        self._gone = np.zeros(num_groups, dtype=int)

    def filled(self) -> Gone | None:
        steps: list[tuple[float, int, int]] = []  # loss, group, channels
        while (over := self._over(self._gone)).any():
            best = self._next(over)
            if best is None:
                return None
            steps.append(best)
            self._gone[best[1]] += best[2]
        self._take_back(steps)
        known = self._prices.widths
        return {
            known.groups[place].name: self._orders[place][:count].tolist()
            for place, count in enumerate(self._gone)
            if count
        }

    def _next(self, over: np.ndarray) -> tuple[float, int, int] | None:
        """The cheapest step: its loss, its group, and how many channels."""
        single = self._prices.savings(self._gone, self._costs)
        found, least = None, np.inf
        for place in np.flatnonzero(self._prices.open):
            count = self._step(int(place))
            start = self._gone[place]
            if not count:
                continue
            worth = float((np.minimum(single[place] * count, over) / self._most).sum())
            loss = float(self._losses[place][start : start + count].sum())
            if worth > 0 and loss / worth < least:
                found, least = (loss, int(place), count), loss / worth
        return found

    def _step(self, place: int) -> int:
        """How many channels go next from a group; 0 where no more may."""
        size, left = self._sizes[place], self._sizes[place] - self._gone[place]
        count = max(1, size // _STEPS_A_GROUP)
        multiples = self._multiples[place]
        if multiples > 1:
            count = int(left % multiples) or multiples
        least = least_channels(int(size), multiples=multiples)
        return count if left - count >= least else 0

    def _over(self, gone: np.ndarray) -> np.ndarray:
        """What is still too much of each cost."""
        over = self._prices.amounts(gone, self._costs) - self._most
        return np.asarray(np.maximum(over, 0.0))

    def _take_back(self, steps: list[tuple[float, int, int]]) -> None:
        """Lets channels stay that need not go: of each group the last that went, dearest first."""
        blocked: set[int] = set()
        for _, place, count in sorted(steps, reverse=True):
            if place in blocked:
                continue
            fewer = self._gone.copy()
            fewer[place] -= count
            if self._over(fewer).any():
                blocked.add(place)
            else:
                self._gone = fewer
