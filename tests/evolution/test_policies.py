"""Who draws a search's children, and when it stops, by the settings."""

from dataclasses import replace
from typing import Any

import pytest

from prune_mi.config import SearchSettings, make_search_settings
from prune_mi.errors import ConfigError
from prune_mi.evolution.policies import make_policy, stopping_rules
from prune_mi.graph.analysis.layer_counts import BEHIND_KINDS
from prune_mi.morphisms.mixes import MIXES, resolve_mix
from prune_mi.records import Place
from prune_mi.search.policy import Exp3, FixedPolicy, Reinforce
from prune_mi.search.termination import SearchState

UNDER_WAY = SearchState(1, 0, 5, True, elite_accuracy=0.5, structure_age=0)


def _settings(**values: Any) -> SearchSettings:
    return make_search_settings({"data": "digits", **values})


@pytest.mark.parametrize("mix", MIXES)
def test_a_mix_is_drawn_as_it_stands(mix: str) -> None:
    policy = make_policy(_settings(mix=mix))
    assert isinstance(policy, FixedPolicy)
    assert policy.choose().mix == resolve_mix(mix)


def test_human_weighs_places_too() -> None:
    weigh = make_policy(_settings(mix="human")).choose().place_weight
    assert weigh is not None
    weights = {behind: weigh("insert-batch-norm", Place(1, behind)) for behind in BEHIND_KINDS}
    assert max(weights, key=lambda behind: weights[behind]) == "kernel"


@pytest.mark.parametrize(("mix", "kind"), [("adaptive", Reinforce), ("bandit", Exp3)])
def test_what_learns_begins_with_the_default_methods_mix(mix: str, kind: type) -> None:
    policy = make_policy(_settings(mix=mix))
    assert isinstance(policy, kind)
    assert set(policy.choose().mix) == set(MIXES["growth"])


def test_an_unknown_mix_is_named() -> None:
    with pytest.raises(ConfigError, match="unknown mix 'luck'; expected one of"):
        make_policy(_settings(mix="luck"))


@pytest.mark.parametrize(
    ("settings", "state", "reason"),
    [
        ({}, {}, None),
        ({"generations": 2}, {"generation": 2}, "all 2 generations were made"),
        ({"patience": 2}, {"flat_generations": 2}, "2 generations in a row accepted no child"),
        ({}, {"proposals": 0}, "no change is left that would give a new network"),
        ({}, {"has_time": False}, "the rest of the budget is kept for the final training"),
        ({"target_accuracy": 0.5}, {}, "the accuracy 0.5000 has reached the target 0.5000"),
        ({"target_accuracy": 0.6}, {}, None),
        (
            {"same_structure": 3},
            {"structure_age": 3},
            "the best structure stayed the same for 3 generations",
        ),
        ({}, {"structure_age": 30}, None),
    ],
)
def test_every_rule_is_taken_from_the_settings(
    settings: dict[str, Any], state: dict[str, Any], reason: str | None
) -> None:
    rule = stopping_rules(_settings(**settings))
    assert rule.reason(replace(UNDER_WAY, **state)) == reason
