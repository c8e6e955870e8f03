"""What search and final training have come to."""

from dataclasses import dataclass

from prune_mi.records import Statistics
from prune_mi.search.candidate import Candidate
from prune_mi.stages.finish import Finalists
from prune_mi.stages.generations import SearchOutcome
from prune_mi.stages.limits import AllowedDrop
from prune_mi.stages.statistics import AS_SAVED


@dataclass(frozen=True, slots=True)
class Made:
    """A run's models.

    Attributes:
        start: What the search started from: the original, perhaps with other statistics.
        statistics: The batch-norm statistics that were compared for that.
        outcome: Where the search ended.
        finalists: The result and the control.
        allowed: What may be lost, as it was judged by.
    """

    start: Candidate
    statistics: Statistics
    outcome: SearchOutcome
    finalists: Finalists
    allowed: AllowedDrop


def nothing_made(original: Candidate, allowed: AllowedDrop) -> Made:
    """Where there is nothing to search for."""
    reason = "almost nothing of the model can go"
    return Made(
        start=original,
        statistics=Statistics(AS_SAVED, ()),
        outcome=SearchOutcome(original, None, (), reason, None, ()),
        finalists=Finalists(original, None, 0),
        allowed=allowed,
    )
