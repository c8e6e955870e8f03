"""Mixes: how often each morphism is drawn.

`deletion-heavy`, `deletion-by-rank` and `deletion-at-random` shrink a trained network. `uniform` is
the even draw of the DEIM paper (Namekawa & Tezuka 2019): first whether to add or to remove, then
what. Additions are drawn evenly; what is removed is any one layer. `nash` is the paper's own
version of NASH, which only adds; `nash2017` draws as Elsken, Metzen & Hutter (2017): deeper, wider
or a skip, which is a sum or a concatenation. `growth` grows, and takes back what turned out to add
little.

`human` adds what people who design networks add, and behind what. `human_counts.json` holds the
layers of the architectures in keras.applications, counted by `examples/count_human_layers.py` (see
`graph.analysis.layer_counts`). Every architecture counts alike, however many layers it has. A
morphism is drawn as often as what it adds stands in them:

    insert-conv        convolutions with a batch norm behind them
    insert-conv-relu   the other convolutions
    insert-batch-norm  batch norms that are not behind a kernel
    insert-pool        pooling, that of whole images left out
    insert-dropout, insert-dense, skip-add, skip-concat    their layers

and at a place as often as the first layer that it adds follows what stands there,

    P(kind | behind) = sum_a n_a(behind, kind) / N_a  /  sum_a n_a(behind) / N_a

with n_a the successions in architecture a, N_a in all. Learning morph probabilities from the layer
frequencies of networks made by people is what the DEIM paper (Namekawa & Tezuka 2019) asks for.
"""

import json
import math
from collections.abc import Mapping
from functools import cache
from importlib import resources

import numpy as np

from prune_mi.errors import ConfigError
from prune_mi.graph.analysis.layer_counts import LayerCounts
from prune_mi.morphisms.catalog import CATALOG
from prune_mi.records import Place

_ADDED = {
    "insert-conv": "conv",
    "insert-conv-relu": "conv",
    "insert-batch-norm": "batch-norm",
    "insert-pool": "pooling",
    "insert-dropout": "dropout",
    "insert-dense": "dense",
    "skip-add": "add",
    "skip-concat": "concatenate",
}


@cache
def human_counts() -> Mapping[str, LayerCounts]:
    """The counts that prune-mi ships, by architecture."""
    file = resources.files("prune_mi.morphisms") / "human_counts.json"
    found = json.loads(file.read_text(encoding="utf-8"))["architectures"]
    return {name: LayerCounts(**counts) for name, counts in found.items()}


def human_mix(counts: Mapping[str, LayerCounts]) -> dict[str, float]:
    """How often each morphism is drawn, summing to 1."""
    shares = np.mean([_shares(each) for each in counts.values()], axis=0)
    return dict(zip(_ADDED, (shares / shares.sum()).tolist(), strict=True))


def human_place_weight(kind: str, place: Place) -> float:
    """How often people put what a morphism adds behind what stands at a place; see `MorphContext`.

    Args:
        kind: Name of the morphism; one that adds nothing that was counted weighs all places alike.
        place: Its third of the network is of no account.

    Returns:
        A fraction.
    """
    if kind not in _ADDED:
        return 1.0
    return _followers(place.behind).get(_ADDED[kind], 0.0)


def _shares(counts: LayerCounts) -> list[float]:
    """What each of `_ADDED` adds, as a share of an architecture's layers."""
    found = {name: counts.frequencies.get(kind, 0) for name, kind in _ADDED.items()}
    normed = min(counts.successions.get("kernel", {}).get("batch-norm", 0), found["insert-conv"])
    found["insert-conv"] = normed
    found["insert-conv-relu"] -= normed
    found["insert-batch-norm"] -= normed
    total = sum(counts.frequencies.values())
    return [each / total for each in found.values()]


@cache
def _followers(behind: str) -> Mapping[str, float]:
    """What follows such a tensor, as fractions; nothing where no architecture has one."""
    found: dict[str, float] = {}
    for counts in human_counts().values():
        everything = sum(sum(each.values()) for each in counts.successions.values())
        for kind, number in counts.successions.get(behind, {}).items():
            found[kind] = found.get(kind, 0.0) + number / everything
    total = sum(found.values())
    return {kind: number / total for kind, number in found.items()}


MIXES: Mapping[str, Mapping[str, float]] = {
    "deletion-heavy": {
        "remove-by-rank": 0.45,
        "narrow": 0.45,
        "remove-at-random": 0.04,
        "remove-dropout": 0.02,
        "insert-batch-norm": 0.02,
        "insert-dropout": 0.01,
        "insert-conv": 0.01,
    },
    "plans": {"remove-by-rank": 0.5, "narrow": 0.5},
    "narrowing": {"narrow": 1.0},
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
