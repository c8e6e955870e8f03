"""Graphs after one morphism, drawn from a seed."""

import numpy as np

from prune_mi.costs.objective import named_objective
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.morphisms.catalog import CATALOG, apply
from prune_mi.morphisms.morphism import MorphContext, Morphed

CONTEXT = MorphContext(ranking=(), objective=named_objective("accuracy"))
NO_SKIP_SITE = (
    "no two channels-last tensors of known size inside the graph have a layer with a kernel "
    "between them"
)


def outcome_of(kind: str, graph: LayerGraph, seed: int = 0) -> Morphed | NotApplicable:
    return apply(CATALOG[kind], graph, CONTEXT, np.random.default_rng(seed))


def morphed(kind: str, graph: LayerGraph, seed: int = 0) -> Morphed:
    outcome = outcome_of(kind, graph, seed)
    assert isinstance(outcome, Morphed)
    return outcome
