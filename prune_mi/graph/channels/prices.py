"""What channels cost: how each cost of a graph goes with the number of channels of its groups.

An axis of a weight has as many places as its groups have channels, some of them several times
over. So a weight's size is a product over axes of sums over groups,

    size(k) = product over axes a of (n_a - sum over groups g of h_ag k_g),

k_g being the channels gone from group g. The parameters of a graph are the sum of these, its
multiply-accumulates the sum over kernels, each times the output positions of its calls. h comes
from one channel taken out of each group by itself; where a group's channels are made by different
layers, as those of a concatenation that is added to something are, it is the mean over them, and
what the sums say is near rather than exact. Other costs are taken to go with the channels of
each group in a straight line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prune_mi.costs.catalog import counted_kinds
from prune_mi.graph.channels.narrowing import narrow
from prune_mi.graph.channels.resizing import SHAPES_ONLY
from prune_mi.graph.channels.width_groups import Widths, widths
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph, once_a_graph
from prune_mi.graph.not_applicable import NotApplicable

_BY_PRODUCTS = ("params", "macs")


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """What a graph costs by how many channels of each group are gone.

    Attributes:
        widths: Its groups.
        open: bool `(num_groups,)`, whether a group can lose channels.
        sizes: float `(num_weights, num_axes)`, axes that no group touches among them.
        hits: float `(num_groups, num_weights, num_axes)`.
        factors: By cost, float `(num_weights,)`: what one value of a weight counts.
        whole: By cost, what the graph costs.
        slopes: By cost that is no sum of products, float `(num_groups,)`.
    """

    widths: Widths
    open: np.ndarray
    sizes: np.ndarray
    hits: np.ndarray
    factors: dict[str, np.ndarray]
    whole: dict[str, float]
    slopes: dict[str, np.ndarray]


class Left:
    """What is left of a graph's costs as channels go; `gone` says how many of each group have.

    A step changes the weights alone that its group's channels are in.

    Args:
        prices: Of the graph.
        costs: Those that are asked for, by name.
    """

    def __init__(self, prices: Prices, costs: Sequence[str]) -> None:
        self._prices, self._costs = prices, costs
        self.gone = np.zeros(len(prices.open), dtype=int)
        self._rows = [np.flatnonzero(each) for each in np.asarray(prices.hits.any(axis=2))]
        self._sizes = prices.sizes.copy()
        self._products = self._sizes.prod(axis=1)
        self._fixed = {
            cost: prices.whole[cost] - float(factors @ self._products)
            for cost, factors in prices.factors.items()
        }
        # With one more channel gone, each group's by itself.
        self._less = (self._sizes[None] - prices.hits).prod(axis=2)

    def take(self, place: int, count: int) -> None:
        """Takes so many channels of the group at a place; gives them back where `count` is less."""
        rows, hits = self._rows[place], self._prices.hits
        self.gone[place] += count
        self._sizes[rows] = self._prices.sizes[rows] - np.tensordot(self.gone, hits[:, rows], 1)
        self._products[rows] = self._sizes[rows].prod(axis=1)
        self._less[:, rows] = (self._sizes[None, rows] - hits[:, rows]).prod(axis=2)

    def amounts(self) -> np.ndarray:
        """What is left, `(num_costs,)`."""
        return np.array([self._amount(cost) for cost in self._costs])

    def savings(self) -> np.ndarray:
        """What one more channel of each group takes off each cost, `(num_groups, num_costs)`."""
        saved = self._products[None] - self._less
        own = self._prices
        found = [
            saved @ own.factors[cost] if cost in own.factors else own.slopes[cost]
            for cost in self._costs
        ]
        return np.stack(found, axis=1)

    def _amount(self, cost: str) -> float:
        own = self._prices
        if cost in own.factors:
            return self._fixed[cost] + float(own.factors[cost] @ self._products)
        return own.whole[cost] - float(own.slopes[cost] @ self.gone)


@once_a_graph
def prices(graph: LayerGraph) -> Prices:
    """The prices of a graph's channels."""
    known = widths(graph)
    whole = graph_cost(graph).amounts
    rows = [
        (name, place)
        for name, layer in graph.layers.items()
        for place, weight in enumerate(layer.weights)
    ]
    weights = [graph.layers[name].weights[place] for name, place in rows]
    num_axes = max((weight.ndim for weight in weights), default=1)
    sizes = np.ones((len(rows), num_axes))
    for row, weight in enumerate(weights):
        sizes[row, : weight.ndim] = weight.shape
    num_groups = len(known.groups)
    hits = np.zeros((num_groups, len(rows), num_axes))
    is_open = np.zeros(num_groups, dtype=bool)
    others = [kind for kind in counted_kinds() if kind.name not in _BY_PRODUCTS]
    slopes = {kind.name: np.zeros(num_groups) for kind in others}
    made = _made(known)
    for place, group in enumerate(known.groups):
        if group.reason is not None or group.num_channels < 2:
            continue
        first = int(known.starts[place])
        for channel, share in _kinds(made, range(first, first + group.num_channels)):
            narrowed = narrow(graph, {group.name: [channel - first]}, resize=SHAPES_ONLY)
            if isinstance(narrowed, NotApplicable):
                continue
            for row, (name, index) in enumerate(rows):
                layer = narrowed.graph.layers[name]
                if layer is not graph.layers[name]:
                    left = layer.weights[index].shape
                    hits[place, row, : len(left)] += share * np.subtract(weights[row].shape, left)
            for kind in others:
                saved = whole[kind.name] - kind.count(narrowed.graph)
                slopes[kind.name][place] += share * saved
        is_open[place] = hits[place].any()
    touched = hits.any(axis=(0, 2))
    per_value = np.array([_macs_a_value(graph, *row) for row in rows])
    factors = {"params": np.ones(len(rows))[touched], "macs": per_value[touched]}
    amounts = {name: float(amount) for name, amount in whole.items()}
    return Prices(known, is_open, sizes[touched], hits[:, touched], factors, amounts, slopes)


def _made(known: Widths) -> np.ndarray:
    """In how many places of each layer a channel is made, `(num_layers, num_channels)`."""
    places = [np.bincount(each, minlength=known.num_channels) for each in known.made.values()]
    return np.stack(places) if places else np.zeros((0, known.num_channels), dtype=int)


def _kinds(made: np.ndarray, channels: range) -> list[tuple[int, float]]:
    """A channel of each kind, in as many places of the same layers, and the share of its kind."""
    table = made[:, channels.start : channels.stop]
    _, firsts, counts = np.unique(table, axis=1, return_index=True, return_counts=True)
    shares = counts / len(channels)
    return [(channels[first], share) for first, share in zip(firsts, shares, strict=True)]


def _macs_a_value(graph: LayerGraph, name: str, place: int) -> float:
    """How often a value of a weight is multiplied with; 0 of what is no kernel."""
    from prune_mi.costs.kinds.macs import node_macs

    layer = graph.layers[name]
    kernels = [weight.size for own, weight in layer.named_weights if own.endswith("kernel")]
    if not layer.weight_names[place].endswith("kernel"):
        return 0.0
    return sum(node_macs(graph, node) for node in graph.calls[name]) / max(sum(kernels), 1)
