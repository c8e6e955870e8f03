"""Who says how often each morphism is drawn, and where: a mix that stays, or one that learns.

Before a child is made a policy is asked for its choice; when the child is trained it is told what
was done and what it was worth. Policies are pure: all draws are made with the choice by `morph`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from prune_mi.errors import RunError
from prune_mi.records import MorphRecord, Place

PlaceWeight = Callable[[str, Place], float]


@dataclass(frozen=True, slots=True)
class Choice:
    """How the next child is drawn.

    Attributes:
        mix: Probabilities by morphism name, summing to 1.
        place_weight: See `MorphContext`; None draws places evenly.
    """

    mix: Mapping[str, float]
    place_weight: PlaceWeight | None = None


class Policy(Protocol):
    """Chooses how children are drawn, and may learn from what became of them."""

    def choose(self) -> Choice:
        """How the next child is to be drawn."""

    def tell(self, morphs: Sequence[MorphRecord], reward: float) -> None:
        """Learns what a child was worth.

        Args:
            morphs: What distinguishes it from its parent. Kinds that the policy does not choose
                among are passed over.
            reward: Its validation accuracy less the parent's.

        Raises:
            RunError: If the reward is not finite.
        """

    def memory(self) -> dict[str, Any]:
        """All that was learned, as plain data that JSON can hold."""

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Goes on from the `memory` of a policy that was made with the same settings.

        Raises:
            RunError: If it is not such a memory.
        """


class FixedPolicy:
    """The same choice for every child, whatever comes of it."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice

    def choose(self) -> Choice:
        """See `Policy`."""
        return self._choice

    def tell(self, morphs: Sequence[MorphRecord], reward: float) -> None:
        """See `Policy`."""
        require_finite(reward)

    def memory(self) -> dict[str, Any]:
        """See `Policy`."""
        return {}

    def recall(self, memory: Mapping[str, Any]) -> None:
        """See `Policy`."""
        if memory:
            raise RunError(
                f"a fixed mix keeps no state, but received state for {', '.join(memory)}; expected "
                "none"
            )


def require_finite(reward: float) -> None:
    """Refuses a reward that says nothing.

    Raises:
        RunError: If it is not finite.
    """
    if not math.isfinite(reward):
        raise RunError(
            f"the reward of a child is {reward}; expected a difference of two accuracies. Leave "
            "out children whose evaluation failed"
        )
