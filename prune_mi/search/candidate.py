"""A candidate on its way: proposed, screened, trained; each step knows more than the one before."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph
from prune_mi.records import Cost, MorphRecord


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Proposed:
    """A changed network that nobody has looked at yet.

    Attributes:
        name: `reference`, or `g2c3` for child 3 of generation 2.
        graph: Structure and current weights.
        cost: Its cost.
        parent: Name of the model that `morphs` were applied to.
        morphs: What was done to the parent.
        lineage: Everything done since the reference.
        images_trained: Images that it and its ancestors trained on since the reference.
        kept: Of the parent's layers that make fewer channels now, the places of those that stay.
    """

    name: str
    graph: LayerGraph
    cost: Cost
    parent: str
    morphs: tuple[MorphRecord, ...]
    lineage: tuple[MorphRecord, ...]
    images_trained: int = 0
    kept: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def screened(
        self,
        quality: float,
        *,
        graph: LayerGraph | None = None,
        measured: bool = True,
        fresh: bool = False,
        seconds: float = 0.0,
    ) -> "Screened":
        """The candidate ready for training; see `Screened`.

        Args:
            quality: Untrained.
            graph: Repaired; None leaves it as it is.
            measured: Whether the accuracy was measured, or is the parent's.
            fresh: Whether it forgets its weights.
            seconds: That repairing and scoring took.
        """
        known = {**_known(self, Proposed), "graph": graph or self.graph}
        return Screened(
            **known,
            quality=quality,
            screened_quality=quality if measured else None,
            fresh=fresh,
            seconds=seconds,
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Screened(Proposed):
    """A candidate that is ready for training.

    Attributes:
        quality: On validation images; the latest. Before training: repaired and untrained, or the
            parent's where that was not measured.
        screened_quality: That before any training of its own, where it was measured.
        fresh: Whether its training begins with fresh weights.
        seconds: Spent on repairing, scoring and training it.
        own_images: Images of its own training so far.
    """

    quality: float
    screened_quality: float | None
    fresh: bool = False
    seconds: float = 0.0
    own_images: int = 0

    def trained(
        self,
        quality: float,
        scores: np.ndarray,
        *,
        graph: LayerGraph,
        images: int = 0,
        seconds: float = 0.0,
    ) -> "Trained":
        """The candidate after (more) training; see `Trained`.

        Args:
            quality: On all validation images.
            scores: bool `(n,)`, for each of them whether it is right.
            graph: With its trained weights.
            images: That this training saw.
            seconds: That it took, scoring among it.
        """
        known = {**_known(self, Screened), "graph": graph, "quality": quality, "fresh": False}
        known["images_trained"] += images
        known["own_images"] += images
        known["seconds"] += seconds
        return Trained(**known, scores=scores)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Trained(Screened):
    """A candidate with weights of its own.

    Attributes:
        scores: bool `(n,)`, for each validation image whether it is right.
        margin: What acceptance leaves unused of the allowed drop, a fraction.
    """

    scores: np.ndarray
    margin: float = 0.0


def reference(graph: LayerGraph, quality: float, scores: np.ndarray) -> Trained:
    """A model as it was given, a search's first parent."""
    return untrained(graph).trained(quality, scores, graph=graph)


def untrained(seed: LayerGraph) -> Screened:
    """A seed before its first training, right on nothing that is known."""
    cost = graph_cost(seed)
    start = Proposed(name="reference", graph=seed, cost=cost, parent="", morphs=(), lineage=())
    return start.screened(0.0, measured=False)


def _known(candidate: Proposed, kind: type[Proposed]) -> dict[str, Any]:
    return {each.name: getattr(candidate, each.name) for each in fields(kind)}
