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

from prune_mi.graph.channels.going_order import going_order
from prune_mi.graph.channels.narrowing import Gone
from prune_mi.graph.channels.prices import Left, Prices


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
        multiples: See `going_order`.
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
        factor = np.ones(num_groups) if weights is None else weights
        self._orders, self._losses, self._steps = [], [], []
        for place in range(num_groups):
            own = losses[known.of_group(place)]
            order = going_order(known, place, own, multiples=multiples)
            self._orders.append(order.places)
            self._losses.append(own[order.places] * factor[place])
            self._steps.append(np.diff(order.counts).tolist())
        self._left = Left(prices, self._costs)
        # The next step of each group: how many channels, and what is lost with them.
        self._taken = [0] * num_groups
        self._counts = np.zeros(num_groups, dtype=int)
        self._next_losses = np.full(num_groups, np.inf)
        for place in np.flatnonzero(prices.open).tolist():
            self._set_next(place)

    def filled(self) -> Gone | None:
        steps: list[tuple[float, int]] = []  # loss, group
        while (over := self._over()).any():
            place = self._next(over)
            if place is None:
                return None
            steps.append((float(self._next_losses[place]), place))
            self._left.take(place, int(self._counts[place]))
            self._taken[place] += 1
            self._set_next(place)
        self._take_back(steps)
        known = self._prices.widths
        return {
            known.groups[place].name: self._orders[place][:count].tolist()
            for place, count in enumerate(self._left.gone)
            if count
        }

    def _next(self, over: np.ndarray) -> int | None:
        """The group of the cheapest step."""
        saved = self._left.savings() * self._counts[:, None]
        worth = (np.minimum(saved, over) / self._most).sum(axis=1)
        rates = np.full(len(worth), np.inf)
        np.divide(self._next_losses, worth, out=rates, where=worth > 0)
        place = int(np.argmin(rates)) if len(rates) else None
        return place if place is not None and np.isfinite(rates[place]) else None

    def _set_next(self, place: int) -> None:
        """How many channels go next from a group, 0 where no more may, and what is lost then."""
        steps, taken, start = self._steps[place], self._taken[place], self._left.gone[place]
        count = steps[taken] if taken < len(steps) else 0
        self._counts[place] = count
        lost = self._losses[place][start : start + count].sum() if count else np.inf
        self._next_losses[place] = lost

    def _over(self) -> np.ndarray:
        """What is still too much of each cost."""
        return np.asarray(np.maximum(self._left.amounts() - self._most, 0.0))

    def _take_back(self, steps: list[tuple[float, int]]) -> None:
        """Lets channels stay that need not go: of each group the last that went, dearest first."""
        blocked: set[int] = set()
        for _, place in sorted(steps, reverse=True):
            if place in blocked:
                continue
            count = self._steps[place][self._taken[place] - 1]
            self._left.take(place, -count)
            if self._over().any():
                self._left.take(place, count)
                blocked.add(place)
            else:
                self._taken[place] -= 1
