"""Who says how often each morphism is drawn, and where: a mix that stays, or one that learns.

Before a child is made a policy is asked for its choice; when the child is trained it is told what
was done and what it was worth. Policies are pure: all draws are made with the choice by `morph`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

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
