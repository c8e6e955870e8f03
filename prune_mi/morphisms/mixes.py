"""Mixes: how often each morphism is drawn.

`deletion-heavy`, `deletion-by-rank` and `deletion-at-random` shrink a trained network. `uniform`
is the even draw of the DEIM paper (Namekawa & Tezuka 2019): first whether to add or to remove, then
what. Additions are drawn evenly; what is removed is any one layer. `nash` is the
paper's own version of NASH, which only adds; `nash2017` draws as Elsken, Metzen & Hutter (2017):
deeper, wider or a skip, which is a sum or a concatenation. `human` adds what people add
(`morphisms.human`). `growth` grows, and takes back what turned out to add little.
"""

import math
from collections.abc import Mapping

from prune_mi.errors import ConfigError
from prune_mi.morphisms.catalog import CATALOG
from prune_mi.morphisms.human import human_counts, human_mix

MIXES: Mapping[str, Mapping[str, float]] = {
    "deletion-heavy": {
        "remove-by-rank": 0.8,
        "remove-at-random": 0.12,
        "remove-dropout": 0.03,
        "insert-batch-norm": 0.02,
        "insert-dropout": 0.02,
        "insert-conv": 0.01,
    },
    "deletion-by-rank": {"remove-by-rank": 1.0},
    "deletion-at-random": {"remove-at-random": 1.0},
    "uniform": {
        "remove-layer": 0.5,
        "insert-conv-relu": 0.5 / 4,
        "insert-pool": 0.5 / 4,
        "insert-dropout": 0.5 / 4,
        "insert-batch-norm": 0.5 / 4,
    },
    "nash": {
        "insert-conv-relu": 1 / 6,
        "insert-pool": 1 / 6,
        "insert-dropout": 1 / 6,
        "insert-batch-norm": 1 / 6,
        "insert-dense": 1 / 6,
        "skip-add": 1 / 12,
        "skip-concat": 1 / 12,
    },
    "nash2017": {
        "insert-conv": 1 / 3,
        "widen-conv": 1 / 3,
        "skip-add": 1 / 6,
        "skip-concat": 1 / 6,
    },
    "human": human_mix(human_counts()),
    "growth": {
        "insert-stage": 0.22,
        "insert-block": 0.26,
        "insert-conv": 0.08,
        "widen-conv": 0.14,
        "insert-dense": 0.02,
        "widen-dense": 0.02,
        "skip-add": 0.06,
        "insert-dropout": 0.04,
        "remove-by-rank": 0.16,
    },
}


def resolve_mix(mix: str | Mapping[str, float]) -> dict[str, float]:
    """Probabilities by morphism name, summing to 1.

    Raises:
        ConfigError: If the mix or a morphism is unknown, or no weight is positive.
    """
    if isinstance(mix, str):
        if mix not in MIXES:
            raise ConfigError(f"unknown mix {mix!r}; expected one of {', '.join(MIXES)}")
        mix = MIXES[mix]
    unknown = [name for name in mix if name not in CATALOG]
    if unknown:
        raise ConfigError(f"unknown change {unknown[0]!r}; expected one of {', '.join(CATALOG)}")
    total = sum(mix.values())
    if not all(math.isfinite(weight) and weight >= 0 for weight in mix.values()) or total <= 0:
        raise ConfigError(
            f"no change can be drawn with the mix {dict(mix)}; expected weights of 0 or more, "
            "at least one above 0"
        )
    return {name: weight / total for name, weight in mix.items()}
