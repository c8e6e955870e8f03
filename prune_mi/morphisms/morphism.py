"""What a morphism is: find where it may go, then apply it there.

A morphism that has nowhere to go says why; one that cannot be applied where it said it could is
broken and raises.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from prune_mi.graph.ir import LayerGraph
from prune_mi.records import MorphRecord, Place

_UNITS = {"bit": " bits", "accuracy": " (accuracy)", "share": " (share)"}


@dataclass(frozen=True, slots=True)
class RankedName:
    """A unit's name and what its removal loses.

    Attributes:
        score, score_spread: What the unit adds by the criterion, and the standard error of that.
        expected_loss: Accuracy that its removal is expected to cost before training, a fraction;
            None where no child has shown that yet.
        measure: Of the score: bit, accuracy, share or score.
    """

    unit: str
    score: float
    score_spread: float
    expected_loss: float | None = None
    measure: str = "bit"

    @property
    def told(self) -> str:
        """`score 2.498 ± 0.118 bits`, for the user."""
        unit = _UNITS.get(self.measure, "")
        return f"score {self.score:z.3f} ± {self.score_spread:.3f}{unit}"


@dataclass(frozen=True, slots=True)
class MorphContext:
    """What a morphism may know beside the graph.

    Attributes:
        ranking: The parent's units, least information first; units gone since are passed over.
        objective: Deletions must save some of this cost.
        greed: Probability that a draw by rank takes the first of what is left, and else goes on to
            the next in the same way.
        place_weight: By a morphism's name and a place, how much more often than others a site there
            is drawn, at least 0; None draws evenly.
    """

    ranking: Sequence[RankedName]
    objective: str
    greed: float = 0.5
    place_weight: Callable[[str, Place], float] | None = None


@dataclass(frozen=True, slots=True)
class Morphed:
    """A changed graph and what was done."""

    graph: LayerGraph
    record: MorphRecord


@dataclass(frozen=True, slots=True)
class NoSite:
    """Nowhere to apply a morphism, and why."""

    reason: str


def counted(count: int, noun: str) -> str:
    """`1 unit`, `2 units`: a number and its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


class Morphism(Protocol):
    """One kind of change.

    Attributes:
        name: In the catalog.
        keeps_function: Whether the network answers as before, in inference: then nothing is to be
            repaired.
    """

    name: str
    keeps_function: bool

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """Applies the change at a site drawn by `rng`; the graph given is never touched."""
