"""A candidate: a graph on its way through screening and training."""

from dataclasses import dataclass

import numpy as np

from prune_mi.graph.ir import LayerGraph
from prune_mi.records import Cost, MorphRecord


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One model of the search.

    Attributes:
        name: `reference`, or `g2c3` for child 3 of generation 2.
        graph: Structure and current weights.
        cost: Its cost.
        parent: Name of the model that `morphs` were applied to.
        morphs: What was done to the parent.
        lineage: Everything done since the reference.
        accuracy: Latest validation accuracy, screened or trained; None before either.
        screened_accuracy: Validation accuracy before any training of its own.
        images_trained: Images that it and its ancestors trained on since the reference.
        own_images: Those of its own training.
        seconds: Spent on repairing, scoring and training it.
        correct: bool `(n,)`, for each validation image whether it is right; None before training.
        margin: What acceptance leaves unused of the allowed drop, a fraction.
    """

    name: str
    graph: LayerGraph
    cost: Cost
    parent: str
    morphs: tuple[MorphRecord, ...]
    lineage: tuple[MorphRecord, ...]
    accuracy: float | None = None
    screened_accuracy: float | None = None
    images_trained: int = 0
    own_images: int = 0
    seconds: float = 0.0
    correct: np.ndarray | None = None
    margin: float = 0.0
