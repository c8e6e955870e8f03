"""Targets that no model can meet, or that the model meets as it is, are refused at once."""

import pytest
from graph_builder import residual_tower

from prune_mi.config import make_settings
from prune_mi.costs.objective import objective_of
from prune_mi.errors import ConfigError
from prune_mi.graph.analysis.inspection import smallest_graph
from prune_mi.graph.channels.narrowing import narrowest
from prune_mi.graph.cost import graph_cost
from prune_mi.preparation.can_go import how_much_can_go
from prune_mi.records import SilentObserver

TOWER = residual_tower(3)


def _looked_at(**settings: object) -> None:
    how_much_can_go(TOWER, make_settings({"data": "digits", **settings}), SilentObserver())


def test_below_what_is_possible() -> None:
    least = graph_cost(smallest_graph(TOWER, "macs")).macs
    assert 0 < least < graph_cost(TOWER).macs
    _looked_at(target_macs=float(least))
    with pytest.raises(ConfigError, match=rf"of this model can go; expected at least {least}"):
        _looked_at(target_macs=least - 0.5, mix="deletion-by-rank")


def test_channels_lead_further_than_units() -> None:
    units = smallest_graph(TOWER, "macs")
    least = graph_cost(narrowest(units)).macs
    assert least < graph_cost(units).macs / 2
    _looked_at(target_macs=float(least))
    with pytest.raises(ConfigError, match=rf"of this model can go; expected at least {least}"):
        _looked_at(target_macs=least - 0.5)


@pytest.mark.parametrize("target", [{"target_macs": 1.0}, {"target_params": "1G"}])
def test_what_is_there_already(target: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="it is there already; expected less"):
        _looked_at(**target)


def test_a_share_and_an_amount() -> None:
    cost = graph_cost(TOWER)
    settings = make_settings({"data": "digits", "target_macs": "50%", "target_params": "1k"})
    objective = objective_of(settings, cost)
    assert [each.most for each in objective.targets] == [cost.macs / 2, 1000]
    assert objective.may_lose is None
    assert make_settings({"data": "digits"}).allowed_drop == 0.01
    both = make_settings({"data": "digits", "target_macs": 0.5, "max_accuracy_drop": 0.02})
    assert objective_of(both, cost).may_lose == 0.02


def test_the_most_accurate_model_whatever_it_costs_has_no_target() -> None:
    with pytest.raises(ConfigError, match="`target_macs` asks for a smaller model"):
        make_settings({"data": "digits", "target_macs": 0.5, "objective": "accuracy"})


def test_another_cost_than_that_of_the_target_is_no_objective() -> None:
    with pytest.raises(ConfigError, match="expected `target_params` as well, or no objective"):
        make_settings({"data": "digits", "target_macs": 0.5, "objective": "params"})
    both = {"target_macs": 0.5, "target_params": 0.5, "objective": "params"}
    assert make_settings({"data": "digits", **both}).targets == {"macs": 0.5, "params": 0.5}


@pytest.mark.parametrize("wrong", ["abc", "-1", "6T", 0, "", "150%"])
def test_what_is_no_amount(wrong: object) -> None:
    with pytest.raises(ConfigError, match="target_macs"):
        make_settings({"data": "digits", "target_macs": wrong})
