"""What a criterion is: it is asked how little the change at each of some sites would be missed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from prune_mi.config import RankingSettings
from prune_mi.data import InputScaling
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.site import Site
from prune_mi.tasks.judge import Judge

Measure = Literal["bit", "accuracy", "share", "score"]
"""Of gains: bits of information, a fraction of accuracy, a share in [0, 1], or a score whose size
means nothing beyond its order."""

NUM_DRAWS = 400
_LEVEL = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class RankingRequest:
    """How little would the change at each of some sites be missed?

    Attributes:
        graph: A network with one output.
        sites: Of the graph, at least one; what would go at each, such as a unit.
        images: Raw pixels `(n, ...)`, stratified by group.
        truth: In the form of the task, `(n, ...)`.
        groups: int `(n,)`, which samples are alike: classes themselves, or what `data.strata` says.
        scaling: The model's input scaling.
        judge: Judges the network's answers.
        settings: Sizes of the estimators.
        seed: Of everything drawn; the same for all sites.
    """

    graph: LayerGraph
    sites: Sequence[Site]
    images: np.ndarray
    truth: np.ndarray
    groups: np.ndarray
    scaling: InputScaling
    judge: Judge
    settings: RankingSettings
    seed: int

    @property
    def num_groups(self) -> int:
        """How many groups there are: the model's classes, or those that samples fall into."""
        if self.judge.task.loss == "classes":
            return self.judge.head.size
        return int(self.groups.max()) + 1


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What a criterion says of each site, in the order of the request.

    Attributes:
        gains: float64 `(num_sites,)`; what would go at the site of the smallest is missed least.
        draws: float64 `(num_sites, num_draws)`: the gains as other samples, or other seeds, would
            have given them; a column is one such draw for all sites.
        information: float64 `(num_sites,)`, bits in the tensor behind each site; None where the
            criterion does not look at tensors by themselves.
        information_draws: The same for other samples, as `draws`.
    """

    gains: np.ndarray
    draws: np.ndarray
    information: np.ndarray | None = None
    information_draws: np.ndarray | None = None

    @classmethod
    def of_weightings(cls, gains: np.ndarray) -> "Scores":
        """Of gains `(num_sites, 1 + num_draws)`: of all samples alike, then as drawn."""
        return cls(gains[:, 0], gains[:, 1:])


@dataclass(frozen=True, slots=True)
class Criterion:
    """One way to score sites; its file calls it `CRITERION`.

    Attributes:
        score: Scores the sites of a request.
        measure: What the gains are in.
        needs_same_shape: Whether what would go must yield the shape that it is fed. So it is where
            networks without it are run beside the whole one.
    """

    score: Callable[[RankingRequest], Scores]
    measure: Measure
    needs_same_shape: bool = False


def even_and_drawn(num_samples: int, *, seed: int) -> np.ndarray:
    """Weightings of the samples: all alike, then as often as each is drawn (paired bootstrap).

    All units are measured on the same images, so that what they have in common cancels between
    them. (Efron & Tibshirani, 1993, An Introduction to the Bootstrap, sections 6 and 13.)

    Returns:
        float64 `(1 + NUM_DRAWS, num_samples)`, rows summing to 1.
    """
    rng = np.random.default_rng(seed)
    even = np.full(num_samples, 1 / num_samples)
    return np.vstack([even, rng.multinomial(num_samples, even, size=NUM_DRAWS) / num_samples])


def interval(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lower and upper end of each unit's central 95 % interval, `(num_units,)` each."""
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=1)
    return low, high


def probability_among_least(draws: np.ndarray, count: int) -> np.ndarray:
    """The share of draws in which each unit is among the `count` of smallest gain."""
    order = np.argsort(np.argsort(draws, axis=0, kind="stable"), axis=0)
    return np.asarray((order < count).mean(axis=1))
