"""What a morphism is: it lists the sites where it may go, and each site makes its edit.

A morphism that has nowhere to go says why, and so does a site whose edit turns out not to fit. One
that breaks raises.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from prune_mi.costs.objective import Objective
from prune_mi.errors import counted
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Site
from prune_mi.records import Effect, MorphRecord, Place

_MEASURES = {"bit": " bits", "accuracy": " (accuracy)", "share": " (share)"}


@dataclass(frozen=True, slots=True)
class SiteScore:
    """What the change at a site loses; as a string `score 2.498 ± 0.118 bits`, for the user.

    Attributes:
        site: Its name.
        score, score_spread: What would go adds by the criterion, and the standard error of that.
        expected_loss: Accuracy that the change is expected to cost before training, a fraction;
            None where no child has shown that yet.
        measure: Of the score: bit, accuracy, share or score.
    """

    site: str
    score: float
    score_spread: float
    expected_loss: float | None = None
    measure: str = "bit"

    def __str__(self) -> str:
        measure = _MEASURES.get(self.measure, "")
        return f"score {self.score:z.3f} ± {self.score_spread:.3f}{measure}"


@dataclass(frozen=True, slots=True)
class MorphContext:
    """What a morphism may know beside the graph.

    Attributes:
        ranking: The parent's units, least information first; units gone since are passed over.
        objective: Deletions must save some of what it makes small.
        greed: Probability that a draw by rank takes the first of what is left, and else goes on to
            the next in the same way.
        place_weight: By a morphism's name and a place, how much more often than others a site there
            is drawn, at least 0; None draws evenly.
    """

    ranking: Sequence[SiteScore]
    objective: Objective
    greed: float = 0.5
    place_weight: Callable[[str, Place], float] | None = None


@dataclass(frozen=True, slots=True)
class Morphed:
    """A changed graph and what was done."""

    graph: LayerGraph
    record: MorphRecord


class Morphism(ABC):
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
    keeps_function: bool = False
    by_rank: bool = False

    @abstractmethod
    def sites(self, graph: LayerGraph, context: MorphContext) -> Sequence[Site] | NotApplicable:
        """Where the change can be made, in order of the graph or by rank; or why nowhere."""


def chosen_evenly(sites: Sequence[Site], noun: str, none: str) -> list[Site] | NotApplicable:
    """Sites of which one is drawn, and the reason told with it; or why there are none."""
    reason = f"chosen at random from {counted(len(sites), noun)}"
    return [replace(site, reason=reason) for site in sites] or NotApplicable(none)
