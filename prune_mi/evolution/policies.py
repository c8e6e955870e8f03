"""Who draws the children of a search, and when it stops: from the settings."""

from prune_mi.config import SearchSettings
from prune_mi.errors import ConfigError
from prune_mi.morphisms.mixes import MIXES, human_place_weight, resolve_mix
from prune_mi.search.policy import Choice, Exp3, FixedPolicy, Policy, Reinforce
from prune_mi.search.schedule import MorphSchedule
from prune_mi.search.termination import StoppingRules

_LEARNED_FROM = "growth"  # the mix that a learning policy begins with


def make_policy(settings: SearchSettings) -> Policy:
    """The policy that the settings name.

    Raises:
        ConfigError: If a mix or a morphism is unknown.
    """
    mix = settings.mix
    if mix == "adaptive":
        return Reinforce(resolve_mix(_LEARNED_FROM))
    if mix == "bandit":
        return Exp3(resolve_mix(_LEARNED_FROM))
    if isinstance(mix, str) and mix not in MIXES:
        known = ", ".join((*MIXES, "adaptive", "bandit"))
        raise ConfigError(f"unknown mix {mix!r}; expected one of {known}")
    if mix == "human":
        return FixedPolicy(Choice(resolve_mix(mix), human_place_weight))
    return FixedPolicy(Choice(resolve_mix(mix)))


def make_schedule(settings: SearchSettings) -> MorphSchedule:
    """How many morphisms the children of each generation take.

    Raises:
        ConfigError: If the settings contradict each other.
    """
    least = 1 if settings.morph_decay != "none" else settings.morphs
    return MorphSchedule(
        settings.morphs,
        settings.morphs_final or least,
        settings.morph_decay,
        settings.generations,
    )


def stopping_rules(settings: SearchSettings) -> StoppingRules:
    """The rules of a search; the first that holds names the reason."""
    return StoppingRules(
        settings.generations,
        settings.patience,
        settings.target_accuracy,
        settings.same_structure,
        nothing_left="no change is left that would give a new network",
    )
