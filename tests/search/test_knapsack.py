"""Channels are chosen so that costs come under what is asked, and what loses least goes."""

import itertools

import numpy as np
import pytest
from graph_builder import (
    chain,
    dense_block,
    identity_residual,
    mixed_group,
    residual_tower,
    squeeze_excite,
)

from prune_mi.graph.channels.going_order import least_channels
from prune_mi.graph.channels.narrowing import Narrowed, narrow
from prune_mi.graph.channels.prices import prices
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph
from prune_mi.search.knapsack import chosen_channels

GRAPHS = {
    "chain": chain,
    "residual": identity_residual,
    "tower": lambda: residual_tower(3),
    "dense_block": dense_block,
    "squeeze_excite": squeeze_excite,
}


def _narrowed(graph: LayerGraph, gone: dict[str, list[int]]) -> LayerGraph:
    found = narrow(graph, gone)
    assert isinstance(found, Narrowed)
    return found.graph


@pytest.mark.parametrize("share", [0.9, 0.6, 0.35])
@pytest.mark.parametrize("name", GRAPHS)
def test_both_targets_are_met_and_nothing_goes_in_vain(name: str, share: float) -> None:
    graph = GRAPHS[name]()
    priced = prices(graph)
    losses = np.random.default_rng(0).random(priced.widths.num_channels)
    whole = graph_cost(graph)
    aim = {"macs": share * whole.macs, "params": share * whole.num_params}
    gone = chosen_channels(priced, losses, aim)
    if gone is None:  # what must stay costs more than that
        most = {
            group.name: list(range(group.num_channels - least_channels(group.num_channels)))
            for group in priced.widths.groups
            if group.reason is None
        }
        left = graph_cost(_narrowed(graph, {each: own for each, own in most.items() if own}))
        assert left.macs > aim["macs"] or left.num_params > aim["params"]
        return
    cost = graph_cost(_narrowed(graph, gone))
    assert cost.macs <= aim["macs"] and cost.num_params <= aim["params"]
    for group in gone:  # of each group, one more channel would be too much
        fewer = {name: places for name, places in gone.items() if name != group}
        place = [each.name for each in priced.widths.groups].index(group)
        own = losses[priced.widths.starts[place] :]
        dearest = max(gone[group], key=lambda channel: own[channel])
        rest = [each for each in gone[group] if each != dearest]
        more = graph_cost(_narrowed(graph, {**fewer, **({group: rest} if rest else {})}))
        assert more.macs > aim["macs"] or more.num_params > aim["params"]


def test_what_loses_least_goes_first_and_a_factor_spares_a_group() -> None:
    graph = identity_residual()
    priced = prices(graph)
    losses = np.arange(priced.widths.num_channels, dtype=float) + 1
    aim = {"macs": 0.8 * graph_cost(graph).macs}
    gone = chosen_channels(priced, losses, aim)
    assert gone is not None
    for places in gone.values():
        assert list(places) == list(range(len(places)))
    first = next(iter(gone))
    weights = np.array([1e6 if each.name == first else 1 for each in priced.widths.groups])
    spared = chosen_channels(priced, losses, aim, weights=weights)
    assert spared is not None and len(spared.get(first, ())) < len(gone[first])


def test_numbers_that_stay_are_multiples() -> None:
    graph = residual_tower(3)
    priced = prices(graph)
    losses = np.random.default_rng(1).random(priced.widths.num_channels)
    sizes = {each.name: each.num_channels for each in priced.widths.groups}
    for share, multiples in itertools.product((0.8, 0.5), (2, 4)):
        gone = chosen_channels(
            priced, losses, {"macs": share * graph_cost(graph).macs}, multiples=multiples
        )
        if multiples == 4:  # the narrowest have four
            assert gone is None or all(sizes[name] > 4 for name in gone)
            continue
        assert gone
        assert all((sizes[name] - len(places)) % multiples == 0 for name, places in gone.items())


def test_costs_that_are_no_products_are_priced_too() -> None:
    graph = chain()
    priced = prices(graph)
    whole = graph_cost(graph).amounts["activations"]
    losses = np.ones(priced.widths.num_channels)
    gone = chosen_channels(priced, losses, {"activations": 0.7 * whole})
    assert gone is not None
    assert graph_cost(_narrowed(graph, dict(gone))).amounts["activations"] <= 0.7 * whole


@pytest.mark.parametrize("seed", range(8))
def test_no_choice_leaves_a_layer_without_channels(seed: int) -> None:
    graph = mixed_group()
    priced = prices(graph)
    losses = np.random.default_rng(seed).random(priced.widths.num_channels)
    losses[priced.widths.made[f"conv_{2 + seed % 4}"]] /= 100
    for share in (0.8, 0.5, 0.3):
        gone = chosen_channels(priced, losses, {"params": share * graph_cost(graph).num_params})
        assert gone is not None
        left = _narrowed(graph, dict(gone))
        assert all(weight.size for layer in left.layers.values() for weight in layer.weights)
