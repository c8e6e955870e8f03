"""Validated settings: frozen, unknown keys refused with the nearest known one, YAML in and out."""

from prune_mi.config.complaints import Origin
from prune_mi.config.files import (
    dump_settings,
    make_search_settings,
    make_settings,
    read_yaml,
    validated,
)
from prune_mi.config.gates import Gates, gates_of_pairs, make_gates, read_gates
from prune_mi.config.handed_over import HandedOver
from prune_mi.config.search import SearchSettings
from prune_mi.config.settings import (
    OptimizeSettings,
    RankingSettings,
    RunSettings,
    TrainingSettings,
)
from prune_mi.config.values import ChannelCriterion, Objective, TaskName, parse_size

__all__ = [
    "ChannelCriterion",
    "Gates",
    "HandedOver",
    "Objective",
    "OptimizeSettings",
    "Origin",
    "RankingSettings",
    "RunSettings",
    "SearchSettings",
    "TaskName",
    "TrainingSettings",
    "dump_settings",
    "gates_of_pairs",
    "make_gates",
    "make_search_settings",
    "make_settings",
    "parse_size",
    "read_gates",
    "read_yaml",
    "validated",
]
