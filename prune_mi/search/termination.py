"""When the search stops: the reason as a value whose text the report shows.

A rule looks at what the search has come to and gives its reason to stop, or None. Of several rules
any one is enough.
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SearchState:
    """What a stopping rule may look at after a generation.

    Attributes:
        generation: Generations made.
        flat_generations: Generations in a row, up to now, without an accepted child.
        proposals: Children that the generation proposed.
        has_time: Whether the budget has room for another generation.
        elite_accuracy: Validation accuracy of the best model so far, a fraction.
        structure_age: Generations that the best model's structure has stayed the same.
    """

    generation: int
    flat_generations: int
    proposals: int
    has_time: bool
    elite_accuracy: float
    structure_age: int


class StoppingRule(Protocol):
    """One reason to stop."""

    def reason(self, state: SearchState) -> str | None:
        """Why to stop now, or None."""


@dataclass(frozen=True, slots=True)
class NothingToPropose:
    """No new child was found; `text` says of what none is left."""

    text: str = "no change is left that would give a new network"

    def reason(self, state: SearchState) -> str | None:
        """See `StoppingRule`."""
        return self.text if state.proposals == 0 else None


@dataclass(frozen=True, slots=True)
class MostGenerations:
    """So many generations were made."""

    generations: int

    def reason(self, state: SearchState) -> str | None:
        """See `StoppingRule`."""
        if state.generation < self.generations:
            return None
        if self.generations == 1:
            return "the one generation was made"
        return f"all {self.generations} generations were made"


@dataclass(frozen=True, slots=True)
class NoBetterModel:
    """No child was accepted for so many generations in a row."""

    patience: int

    def reason(self, state: SearchState) -> str | None:
        """See `StoppingRule`."""
        if state.flat_generations < self.patience:
            return None
        return f"{self.patience} generations in a row accepted no child"


@dataclass(frozen=True, slots=True)
class NoTimeLeft:
    """The budget has no room for another generation."""

    def reason(self, state: SearchState) -> str | None:
        """See `StoppingRule`."""
        return None if state.has_time else "the rest of the budget is kept for the final training"


@dataclass(frozen=True, slots=True)
class TargetReached:
    """The best model is as accurate as was asked for; `target` is a fraction."""

    target: float

    def reason(self, state: SearchState) -> str | None:
        """See `StoppingRule`."""
        if state.elite_accuracy < self.target:
            return None
        return f"the accuracy {state.elite_accuracy:.4f} has reached the target {self.target:.4f}"


@dataclass(frozen=True, slots=True)
class SameStructure:
    """The best model's structure has stayed the same for so many generations.

    Unlike `NoBetterModel` it holds also where the same structure was accepted again with better
    weights.
    """

    patience: int

    def reason(self, state: SearchState) -> str | None:
        """See `StoppingRule`."""
        if state.structure_age < self.patience:
            return None
        if self.patience == 1:
            return "the best structure stayed the same for a generation"
        return f"the best structure stayed the same for {self.patience} generations"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Stops where any rule does; the first that holds names the reason. Without rules, never."""

    rules: tuple[StoppingRule, ...]

    def reason(self, state: SearchState) -> str | None:
        """See `StoppingRule`."""
        reasons = (rule.reason(state) for rule in self.rules)
        return next((each for each in reasons if each is not None), None)


@dataclass(frozen=True, slots=True)
class StoppingRules:
    """The rules of `prune-mi optimize`; the first that holds names the reason.

    Attributes:
        generations: Generations at most, or None.
        patience: Generations in a row without an accepted child, or None.
    """

    generations: int | None
    patience: int | None

    def reason(self, state: SearchState) -> str | None:
        """See `StoppingRule`."""
        rules: list[StoppingRule] = [
            NothingToPropose("no removal is left that would be new and save cost")
        ]
        if self.generations is not None:
            rules.append(MostGenerations(self.generations))
        if self.patience is not None:
            rules.append(NoBetterModel(self.patience))
        return AnyOf((*rules, NoTimeLeft())).reason(state)
