"""What a criterion is asked, and what it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from prune_mi.config import RankingSettings
from prune_mi.data import InputScaling
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.unit import Unit


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """How little would each of some units be missed?

    Attributes:
        graph: A classifier with one output.
        units: Removable units of the graph, at least one.
        images: Raw pixels `(n, ...)`, stratified by class.
        labels: int `(n,)`.
        scaling: The model's input scaling.
        num_classes: Number of classes, the first columns of the network's output.
        from_logits: Whether the network yields logits.
        settings: Sizes of the estimators.
        seed: Of everything drawn; the same for all units.
    """

    graph: LayerGraph
    units: Sequence[Unit]
    images: np.ndarray
    labels: np.ndarray
    scaling: InputScaling
    num_classes: int
    from_logits: bool
    settings: RankingSettings
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a criterion says of each unit, in the order of the question.

    Attributes:
        gains: float64 `(num_units,)`; the unit of the smallest is missed least.
        draws: float64 `(num_units, num_draws)`: the gains as other samples, or other seeds, would
            have given them; a column is one such draw for all units.
        information: float64 `(num_units,)`, bits in the tensor behind each unit; None where the
            criterion does not look at tensors by themselves.
        information_draws: The same for other samples, as `draws`.
    """

    gains: np.ndarray
    draws: np.ndarray
    information: np.ndarray | None = None
    information_draws: np.ndarray | None = None


Criterion = Callable[[Question], Answer]
