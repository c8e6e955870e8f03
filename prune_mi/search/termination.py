"""When the search stops: the reason as a value whose text the report shows.

Any one rule is enough, and the first that holds names the reason.
"""

from dataclasses import dataclass


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


@dataclass(frozen=True, slots=True)
class StoppingRules:
    """How far a search may go. It also stops where nothing is left to propose, and without time.

    Attributes:
        generations: Generations at most, or None.
        patience: Generations in a row without an accepted child, or None.
        target: The validation accuracy asked for, a fraction, or None.
        same_structure: Generations that the best model's structure may stay the same, or None.
            Unlike `patience` it holds also where the same structure was accepted again with better
            weights.
        nothing_left: Says of what none is left.
    """

    generations: int | None
    patience: int | None
    target: float | None = None
    same_structure: int | None = None
    nothing_left: str = "no removal is left that would be new and save cost"

    def reason(self, state: SearchState) -> str | None:
        """Why to stop now, or None."""
        if state.proposals == 0:
            return self.nothing_left
        if self.generations is not None and state.generation >= self.generations:
            one = self.generations == 1
            made = "the one generation was" if one else f"all {self.generations} generations were"
            return f"{made} made"
        if self.patience is not None and state.flat_generations >= self.patience:
            some = "a generation" if self.patience == 1 else f"{self.patience} generations in a row"
            return f"{some} accepted no child"
        if not state.has_time:
            return "the rest of the budget is kept for the final training"
        if self.target is not None and state.elite_accuracy >= self.target:
            reached = f"the accuracy {state.elite_accuracy:.4f} has reached"
            return f"{reached} the target {self.target:.4f}"
        if self.same_structure is not None and state.structure_age >= self.same_structure:
            one = self.same_structure == 1
            age = "a generation" if one else f"{self.same_structure} generations"
            return f"the best structure stayed the same for {age}"
        return None
