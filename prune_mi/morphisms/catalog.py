"""All morphisms by name, and mixes: how often each is drawn."""

import math
from collections.abc import Mapping

import numpy as np

from prune_mi.errors import ConfigError
from prune_mi.graph.ir import LayerGraph
from prune_mi.morphisms.insert_batch_norm import InsertBatchNorm
from prune_mi.morphisms.insert_conv import InsertConv
from prune_mi.morphisms.insert_conv_relu import InsertConvRelu
from prune_mi.morphisms.insert_dense import InsertDense
from prune_mi.morphisms.insert_dropout import InsertDropout
from prune_mi.morphisms.insert_pool import InsertPool
from prune_mi.morphisms.morphism import MorphContext, Morphed, Morphism
from prune_mi.morphisms.remove_pool import RemovePool
from prune_mi.morphisms.remove_unit import RemoveAtRandom, RemoveByRank, RemoveDropout
from prune_mi.records import MorphRecord

CATALOG: Mapping[str, Morphism] = {
    morphism.name: morphism
    for morphism in (
        RemoveByRank(),
        RemoveAtRandom(),
        RemoveDropout(),
        RemovePool(),
        InsertConv(),
        InsertConvRelu(),
        InsertBatchNorm(),
        InsertDropout(),
        InsertDense(),
        InsertPool(),
    )
}

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
    "uniform": dict.fromkeys(CATALOG, 1.0),
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
        raise ConfigError(f"unknown morphism {unknown[0]!r}; expected one of {', '.join(CATALOG)}")
    total = sum(mix.values())
    if not all(math.isfinite(weight) and weight >= 0 for weight in mix.values()) or total <= 0:
        raise ConfigError(
            f"the mix {dict(mix)} cannot be drawn from; expected weights of at least 0, one of "
            "them positive"
        )
    return {name: weight / total for name, weight in mix.items()}


def morph(
    graph: LayerGraph,
    *,
    num_morphs: int,
    mix: Mapping[str, float],
    context: MorphContext,
    rng: np.random.Generator,
) -> tuple[LayerGraph, tuple[MorphRecord, ...]]:
    """Applies up to `num_morphs` morphisms drawn from a mix.

    A morphism that has nowhere to go is drawn again without it, until none is left.

    Returns:
        The changed graph and what was done; no records where nothing could be.
    """
    records: list[MorphRecord] = []
    for _ in range(num_morphs):
        left = {name: weight for name, weight in mix.items() if weight > 0}
        while left:
            names = list(left)
            weights = np.array(list(left.values()))
            name = str(rng.choice(names, p=weights / weights.sum()))
            outcome = CATALOG[name].apply(graph, context, rng)
            if isinstance(outcome, Morphed):
                graph = outcome.graph
                records.append(outcome.record)
                break
            del left[name]
        else:
            break
    return graph, tuple(records)
