"""What people who design networks add, and behind what: the mix `human`.

`human_counts.json` holds the layers of the architectures in keras.applications, counted by
`examples/count_human_layers.py` (see `graph.analysis.layer_counts`). Every architecture counts
alike, however many layers it has. A morphism is drawn as often as what it adds stands in them:

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
from collections.abc import Mapping
from functools import cache
from importlib import resources

import numpy as np

from prune_mi.graph.analysis.layer_counts import LayerCounts
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
