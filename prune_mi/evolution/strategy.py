"""What the loop leaves to a strategy: what is proposed, who is trained how long, what is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from prune_mi.evolution.limits import AllowedDrop
from prune_mi.evolution.recipe import TrainingSpeed
from prune_mi.execution.tasks import FailedEvaluation
from prune_mi.preparation.profile import Profile
from prune_mi.records import GenerationRecord, Reason, TrainedChild, events
from prune_mi.search.candidate import Proposed, Screened, Trained
from prune_mi.search.climber import HillClimber
from prune_mi.search.racing import Rung


@dataclass(frozen=True, slots=True)
class LineUp:
    """Who is trained in a generation, in which rungs, and who is not, with the reason."""

    field: Sequence[Screened]
    rungs: Sequence[Rung]
    left_out: Sequence[tuple[Screened, Reason]] = ()


@dataclass(frozen=True, slots=True)
class Raced:
    """Candidates after a generation's trainings.

    Attributes:
        eligible: Those that may become the best.
        others: Those that fell behind.
        failures: Those that could not be evaluated.
    """

    eligible: Sequence[Trained]
    others: Sequence[Trained] = ()
    failures: Sequence[FailedEvaluation] = ()


@dataclass(frozen=True, slots=True)
class Evolved:
    """Where a search ended.

    Attributes:
        elite: The best accepted model; the reference where none was.
        profile: The baseline's, with the augmentation that has been found meanwhile.
        speed: Of the trainings, or None where none was made.
        images: That all trainings saw.
        training_s: Seconds that their steps took.
        promising: Of pruning: a trained, cheaper model that is not accepted yet but may be after
            the final training, or None.
        allowed: Of pruning: what may be lost, as it was judged by in the end.
        trained: Of pruning: what each trained child is right on.
        frontier: Of pruning: networks that no other dominates, the most accurate first.
        bias: Of pruning with a confidence: how much smaller drops look for having been chosen.
        runners_up: Of growing: the most accurate models of different structure, the best first.
        trials, adoptions: Of growing: children that a deletion was tried on, and those whose
            slimmer version was better.
    """

    elite: Trained
    profile: Profile
    speed: TrainingSpeed | None = None
    images: int = 0
    training_s: float = 0.0
    promising: Trained | None = None
    allowed: AllowedDrop | None = None
    trained: tuple[TrainedChild, ...] = ()
    frontier: tuple[Trained, ...] = ()
    bias: float = 0.0
    runners_up: tuple[Trained, ...] = ()
    trials: int = 0
    adoptions: int = 0


class Strategy(Protocol):
    """Pruning a given model, or growing one; its `climber` keeps the best."""

    climber: HillClimber

    def limited(self) -> events.Limited | None:
        """Where a run goes on with another limit: judges anew, and says what is the best model."""

    def reason_to_stop(self, last: GenerationRecord | None) -> str | None:
        """Why there is no further generation behind the last one, or None."""

    def begin(self, parent: Trained) -> None:
        """Begins a generation: takes its time, ranks what has to be ranked."""

    def propose(self, parent: Trained, seen: Sequence[Screened]) -> Sequence[Proposed]:
        """Children of the parent, in waves, each with what was seen of the waves before it.

        An empty wave is the last.
        """

    def repair(
        self, children: Sequence[Proposed], parent: Trained
    ) -> tuple[list[Screened], list[FailedEvaluation]]:
        """Children with the weights that their training begins with, and what these are worth."""

    def line_up(self, ready: Sequence[Screened], parent: Trained) -> LineUp:
        """Who of them is trained."""

    def advance(self, trained: Sequence[Trained], rung: Rung) -> Sequence[Trained]:
        """Who of those that are trained so far is trained in the next rung."""

    def judge(self, trained: Sequence[Trained]) -> list[Trained]:
        """Trained children with what their acceptance asks for."""

    def finish(self, trained: Sequence[Trained], last: Sequence[str]) -> Raced:
        """Who may become the best; `last` names those that the last rung has trained."""

    def verdict(self, child: Trained) -> events.Accepted | events.Refused:
        """What became of a trained child, the best being known."""

    def learn(self, parent: Trained, accepted: Trained | None, trained: Sequence[Trained]) -> None:
        """Learns from a generation."""

    def wanted(self) -> Sequence[str]:
        """Names of candidates whose weights may still be needed."""

    def evolved(self) -> Evolved:
        """Where the search ended."""
