"""When the search stops: the reason as a value whose text the report shows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SearchState:
    """What a stopping rule may look at after a generation."""

    generation: int
    flat_generations: int
    proposals: int
    has_time: bool


@dataclass(frozen=True, slots=True)
class StoppingRules:
    """Plain rules; the first that holds names the reason.

    Attributes:
        generations: Generations at most.
        patience: Generations in a row without an accepted child.
    """

    generations: int
    patience: int

    def reason(self, state: SearchState) -> str | None:
        """Why to stop now, or None."""
        if state.proposals == 0:
            return "no unit is left whose removal would be new and would save anything"
        if state.generation >= self.generations:
            if self.generations == 1:
                return "the one generation was made"
            return f"all {self.generations} generations were made"
        if state.flat_generations >= self.patience:
            return f"{self.patience} generations in a row accepted no child"
        if not state.has_time:
            return "the rest of the budget is kept for the final training"
        return None
