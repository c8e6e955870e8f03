"""Candidates for tests, with what a test does not care about filled in."""

from typing import Any

import numpy as np

from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph
from prune_mi.records import Cost
from prune_mi.search.candidate import Proposed, Screened, Trained
from tests.graph_builder import chain

GRAPH = chain()


def proposed(
    name: str, graph: LayerGraph = GRAPH, *, cost: Cost | None = None, **known: Any
) -> Proposed:
    return Proposed(name=name, graph=graph, **_filled(graph, cost, known))


def screened(
    name: str,
    quality: float,
    graph: LayerGraph = GRAPH,
    *,
    cost: Cost | None = None,
    **known: Any,
) -> Screened:
    known = {"quality": quality, "screened_quality": quality, **known}
    return Screened(name=name, graph=graph, **_filled(graph, cost, known))


def trained(
    name: str,
    quality: float,
    graph: LayerGraph = GRAPH,
    *,
    cost: Cost | None = None,
    **known: Any,
) -> Trained:
    known = {"screened_quality": None, "scores": np.ones(1, bool), "own_images": 100, **known}
    return Trained(name=name, graph=graph, quality=quality, **_filled(graph, cost, known))


def _filled(graph: LayerGraph, cost: Cost | None, known: dict[str, Any]) -> dict[str, Any]:
    filled = {"cost": cost or graph_cost(graph), "parent": "reference", "morphs": (), "lineage": ()}
    return {**filled, **known}
