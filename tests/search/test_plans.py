"""A plan takes units and channels so that a network costs what is asked."""

import numpy as np
import pytest
from graph_builder import mixed_group, residual_tower

from prune_mi.costs.objective import named_objective
from prune_mi.graph.channels.width_groups import widths
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.units.discovery import removable_units
from prune_mi.morphisms.morphism import SiteScore
from prune_mi.records import MorphRecord
from prune_mi.search.group_losses import (
    channel_losses,
    channels_of,
    deepened,
    group_gains,
    groups_of_layers,
    shares_of,
)
from prune_mi.search.plans import NARROW, Planner

TOWER = residual_tower(4)
MACS = named_objective("macs")
CHANNELS = {name: [0.1] * len(numbers) for name, numbers in widths(TOWER).made.items()}
UNITS = [SiteScore(unit.name, 0.5, 0.1) for unit in removable_units(TOWER) if unit.macs]
HALF = {"macs": graph_cost(TOWER).macs / 2}


def _planner(**changes: object) -> Planner:
    given = {"parent": TOWER, "units": UNITS, "channels": CHANNELS, "objective": MACS}
    return Planner(**{**given, **changes})  # type: ignore[arg-type]


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("num_units", [0, 1])
def test_so_many_units_go_and_channels_do_the_rest(num_units: int) -> None:
    plan = _planner().plan(HALF, rng=_rng(), spread=0.3, num_units=num_units)
    assert plan is not None
    assert graph_cost(plan.graph).macs <= HALF["macs"]
    assert sum(each.is_removal for each in plan.records) == num_units
    narrowed = [each for each in plan.records if each.effect == "narrows"]
    assert narrowed and all(each.kind == NARROW and 0 < each.share <= 1 for each in narrowed)
    for name, places in plan.kept.items():
        assert plan.graph.layers[name].weights[0].shape[-1] == len(places)


def test_units_alone_and_channels_alone() -> None:
    units = _planner(channels={}).plan(HALF, rng=_rng(), spread=0.0)
    assert units is not None and all(each.is_removal for each in units.records)
    channels = _planner(units=()).plan(HALF, rng=_rng(), spread=0.0)
    assert channels is not None and all(each.effect == "narrows" for each in channels.records)
    assert _planner(units=(), channels={}).plan(HALF, rng=_rng(), spread=0.0) is None


def test_what_screening_has_shown_decides_between_units_and_channels() -> None:
    gains = group_gains(TOWER, CHANNELS)
    cheap_units = {**{each.site: 0.001 for each in UNITS}, **dict.fromkeys(gains, 0.5)}
    plan = _planner().informed(cheap_units, gains, 0.5).plan(HALF, rng=_rng(), spread=0.0)
    assert plan is not None and sum(each.is_removal for each in plan.records) > 0
    dear_units = {**{each.site: 0.9 for each in UNITS}, **dict.fromkeys(gains, 0.001)}
    plan = _planner().informed(dear_units, gains, 0.001).plan(HALF, rng=_rng(), spread=0.0)
    assert plan is not None and not any(each.is_removal for each in plan.records)


def test_impossible_aims_have_no_plan() -> None:
    assert _planner(units=()).plan({"macs": 1.0}, rng=_rng(), spread=0.0) is None


def test_where_channels_were_seen_to_cost_nothing_they_go_and_units_stay() -> None:
    gains = group_gains(TOWER, CHANNELS)
    shown = {**{each.site: 0.05 for each in UNITS}, **dict.fromkeys(gains, 0.0)}
    plan = _planner().informed(shown, gains, 0.0).plan(HALF, rng=_rng(), spread=0.0)
    assert plan is not None and not any(each.is_removal for each in plan.records)


def test_a_layer_that_nothing_is_known_of_keeps_its_channels() -> None:
    unknown = next(group for group in widths(TOWER).groups if group.reason is None)
    known = {name: each for name, each in CHANNELS.items() if name not in unknown.producers}
    for seed in range(4):
        plan = _planner(units=(), channels=known).plan(
            {"macs": 0.8 * graph_cost(TOWER).macs}, rng=np.random.default_rng(seed), spread=0.5
        )
        assert plan is not None
        assert all(each.target != f"{unknown.name}/channels" for each in plan.records)


def test_a_group_that_lost_its_first_layer_is_still_the_same_one() -> None:
    shared = next(group for group in widths(TOWER).groups if len(group.producers) > 1)
    renamed = MorphRecord(
        NARROW, f"{shared.producers[1]}/channels", (), "", effect="narrows", share=0.4
    )
    new = MorphRecord(NARROW, "inserted/channels", (), "", effect="narrows", share=0.9)
    found = shares_of([renamed, new], TOWER)
    assert found == {f"{shared.name}/channels": pytest.approx(0.4**1.5)}


def test_what_plans_expect_channels_to_cost_is_what_screening_takes_them_to_have_cost() -> None:
    gains = group_gains(TOWER, CHANNELS)
    plan = _planner(units=()).plan(HALF, rng=_rng(), spread=0.0)
    assert plan is not None and plan.records
    shares = shares_of(plan.records, TOWER)
    expected = sum(share * gains[name] for name, share in shares.items())
    assert plan.expected_loss == pytest.approx(expected)


def test_the_first_channels_of_a_group_cost_least_and_all_of_them_what_they_add() -> None:
    losses, known = channel_losses(TOWER, CHANNELS), widths(TOWER)
    assert losses is not None
    found = deepened(losses, known)
    for place in range(len(known.groups)):
        own, deep = losses[known.of_group(place)], found[known.of_group(place)]
        order = np.argsort(own, kind="stable")
        assert np.all(np.diff(deep[order]) >= -1e-12)
        assert deep.sum() == pytest.approx(own.sum())


def test_what_goes_of_a_group_counts_by_what_it_added_before_units_had_gone() -> None:
    gains = group_gains(TOWER, CHANNELS)
    plan = _planner().plan(HALF, rng=_rng(), spread=0.0, num_units=2)
    assert plan is not None
    groups = groups_of_layers(TOWER)
    lost = dict[str, float]()
    for each in plan.records:
        if each.effect == "narrows":
            name = channels_of(groups[each.layers[0]])
            lost[name] = lost.get(name, 0.0) + each.share * gains[name]
    for name, amount in lost.items():  # each channel adds a tenth
        group = next(own for own in widths(TOWER).groups if channels_of(own.name) == name)
        went = {
            maker: len(CHANNELS[maker]) - len(plan.kept[maker])
            for maker in group.producers
            if maker in plan.kept
        }
        assert amount == pytest.approx(0.1 * max(went.values()))


@pytest.mark.parametrize("seed", range(6))
def test_a_plan_is_within_its_aim_where_prices_are_only_near(seed: int) -> None:
    graph = mixed_group()
    rng = np.random.default_rng(seed)
    channels = {name: rng.random(len(own)) for name, own in widths(graph).made.items()}
    planner = Planner(graph, (), channels, named_objective("params"))
    for share in (0.8, 0.6, 0.4):
        aim = {"params": share * graph_cost(graph).num_params}
        plan = planner.plan(aim, rng=rng, spread=0.4)
        assert plan is None or graph_cost(plan.graph).num_params <= aim["params"]
