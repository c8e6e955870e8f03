"""Costs found by their names, which are those of their files."""

from functools import cache
from importlib import import_module
from typing import get_args

from prune_mi.config.values import CostName
from prune_mi.costs.kind import CostKind
from prune_mi.errors import ConfigError


@cache
def cost_kind(name: str) -> CostKind:
    """The cost of a name that `config.values.CostName` lists.

    `weight-bytes` is the `COST` of `kinds/weight_bytes.py`.

    Raises:
        ConfigError: If there is none of that name.
    """
    known = get_args(CostName)
    if name not in known:
        raise ConfigError(f"unknown cost {name!r}; expected one of {', '.join(known)}")
    found: CostKind = import_module(f"prune_mi.costs.kinds.{name.replace('-', '_')}").COST
    return found


@cache
def counted_kinds() -> tuple[CostKind, ...]:
    """All costs that follow from a graph alone."""
    every = (cost_kind(name) for name in get_args(CostName))
    return tuple(each for each in every if each.is_counted)
