"""How many morphisms a child takes, generation by generation: many at first, few at the end.

With u = (g - 1) / (G - 1) running from 0 to 1 over the generations g = 1..G, a linear decay takes
first + (final - first) u and an exponential one first (final / first)^u, rounded. Fewer morphisms
as the search goes on is what the DEIM paper (Namekawa & Tezuka 2019) asks for next.
"""

import math
from dataclasses import dataclass
from typing import Literal

from prune_mi.errors import ConfigError

Decay = Literal["none", "linear", "exponential"]


@dataclass(frozen=True, slots=True)
class MorphSchedule:
    """Morphisms a child in each generation.

    Attributes:
        first: In the first generation, at least 1.
        final: In the last, between 1 and `first`; of no account without a decay.
        decay: How the number falls between the two; `none` stays at `first`.
        generations: The last generation, at least 1.

    Raises:
        ConfigError: If a number is out of its range.
    """

    first: int
    final: int
    decay: Decay
    generations: int

    def __post_init__(self) -> None:
        if self.first < 1 or self.generations < 1:
            raise ConfigError(
                f"received {self.first} changes a child over {self.generations} generations; "
                "expected at least 1 of each"
            )
        if self.decay != "none" and not 1 <= self.final <= self.first:
            raise ConfigError(
                f"the number of changes a child cannot fall from {self.first} to {self.final}; "
                f"expected a last number from 1 to {self.first}"
            )

    def morphs(self, generation: int) -> int:
        """Morphisms a child in a generation, counted from 1; after the last one as in the last."""
        if self.decay == "none" or self.generations == 1:
            return self.first
        part = min(max(generation - 1, 0) / (self.generations - 1), 1.0)
        if self.decay == "linear":
            exact = self.first + (self.final - self.first) * part
        else:
            exact = self.first * (self.final / self.first) ** part
        return math.floor(exact + 0.5)
