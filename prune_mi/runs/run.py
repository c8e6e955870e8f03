"""What a run has in hand from its opening to its end."""

from dataclasses import dataclass

from prune_mi.execution.pool import WorkerPool
from prune_mi.runs.folder import RunFolder
from prune_mi.runs.notes import NoteTaker
from prune_mi.search.budget import Budget


@dataclass(frozen=True, slots=True)
class Run:
    """A run under way.

    Attributes:
        folder: Where its files lie.
        pool: Where models are asked and trained.
        budget: Its clock.
        notes: Hears of everything, and keeps what was said.
    """

    folder: RunFolder
    pool: WorkerPool
    budget: Budget
    notes: NoteTaker
