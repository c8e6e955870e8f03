"""What a morphism is: it lists the sites where it may go, and each site makes its edit.

A morphism that has nowhere to go says why, and so does a site whose edit turns out not to fit. One
that breaks raises.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.records import Effect, MorphRecord, Place

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
class Edit:
    """A changed graph.

    Attributes:
        graph: What it is now.
        told: Why, or how, for the user.
        layers: Those that it is about; None: those that went, or else came.
    """

    graph: LayerGraph
    told: str
    layers: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """Where a change can be made.

    Attributes:
        target: The unit, layer or tensor that the change is told by.
        tensor: The tensor whose place in the network is the site's.
        edit: Makes the change, whose draws come from the generator; or says why it cannot be made.
        saves: What it saves of each cost, by the cost's name; empty where that is not known.
    """

    target: str
    tensor: TensorRef
    edit: Callable[[np.random.Generator], Edit | NotApplicable]
    saves: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Morphed:
    """A changed graph and what was done."""

    graph: LayerGraph
    record: MorphRecord


def counted(count: int, noun: str) -> str:
    """`1 unit`, `2 units`: a number and its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


class Morphism(Protocol):
    """One kind of change.

    Attributes:
        name: In the catalog.
        effect: What it does to layers.
        keeps_function: Whether the network answers as before, in inference: then nothing is to be
            repaired.
        by_rank: Whether the first of its sites is drawn most often, and not each alike.
    """

    name: str
    effect: Effect
    keeps_function: bool
    by_rank: bool

    def sites(self, graph: LayerGraph, context: MorphContext) -> Iterable[Site] | NotApplicable:
        """Where the change can be made, in order of the graph or by rank; or why nowhere."""


class Removal:
    """What removals have in common; see `Morphism`."""

    effect: Effect = "removes"
    keeps_function = False
    by_rank = False
