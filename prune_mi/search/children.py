"""Children of one parent after the other: drawn, told apart, named."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph
from prune_mi.morphisms.catalog import Allows, morph
from prune_mi.morphisms.morphism import MorphContext
from prune_mi.records import MorphRecord
from prune_mi.search.candidate import Proposed, Trained

Draw = Callable[[], tuple[Mapping[str, float], MorphContext]]
"""The mix and the context that the next child is drawn with."""

DRAWS_A_CHILD = 25


class Children:
    """Makes children, generation after generation, no network twice.

    Args:
        reference: The first parent of all.
        rng: Source of all draws.

    Attributes:
        generation: Counts from 1.
    """

    def __init__(self, reference: Trained, rng: np.random.Generator) -> None:
        self._rng = rng
        self._known = {_identity(reference.graph)}
        self._made = 0
        self.generation = 0

    def begin_generation(self) -> None:
        """Children that follow are of another generation."""
        self.generation += 1
        self._made = 0

    def is_new(self, graph: LayerGraph) -> bool:
        """Whether a network was never taken."""
        return _identity(graph) not in self._known

    def take(self, graph: LayerGraph) -> bool:
        """Takes a network where it is new, and says whether it is."""
        identity = _identity(graph)
        is_new = identity not in self._known
        self._known.add(identity)
        return is_new

    def child(
        self,
        parent: Trained,
        graph: LayerGraph,
        records: tuple[MorphRecord, ...],
        *,
        kept: Mapping[str, tuple[int, ...]] | None = None,
    ) -> Proposed:
        """The next child of the generation.

        Args:
            parent: What it is made from.
            graph: Its network.
            records: What distinguishes it.
            kept: Of layers that make fewer channels, the places of those that stay.
        """
        self._made += 1
        return Proposed(
            name=f"g{self.generation}c{self._made}",
            graph=graph,
            cost=graph_cost(graph),
            parent=parent.name,
            morphs=records,
            lineage=(*parent.lineage, *records),
            images_trained=parent.images_trained,
            kept=kept or {},
        )

    def draw(
        self,
        parent: Trained,
        sizes: Sequence[int],
        draw: Draw,
        allows: Allows = lambda graph: True,
    ) -> tuple[Proposed, ...]:
        """One child for each number of morphs; fewer where no new ones are left to find.

        Args:
            parent: What they are made from.
            sizes: The numbers.
            draw: Says how the next one is drawn.
            allows: Which graphs a child may have on its way.
        """
        children: list[Proposed] = []
        for attempt in range(DRAWS_A_CHILD * len(sizes)):
            if len(children) == len(sizes):
                break
            mix, context = draw()
            graph, records = morph(
                parent.graph,
                num_morphs=sizes[(len(children) + attempt // len(sizes)) % len(sizes)],
                mix=mix,
                context=context,
                rng=self._rng,
                allows=allows,
            )
            if records and self.take(graph):
                children.append(self.child(parent, graph, records))
        return tuple(children)


def spread_sizes(num_children: int, most: int) -> list[int]:
    """How many morphs each child takes: m with a share proportional to 1 / m, evenly spread."""
    sizes = np.arange(1, most + 1)
    cumulative = np.cumsum(1 / sizes) / np.sum(1 / sizes)
    places = (np.arange(num_children) + 0.5) / num_children
    return [int(sizes[np.searchsorted(cumulative, place)]) for place in places]


def even_sizes(num_children: int, most: int) -> list[int]:
    """How many morphs each of a second wave takes: evenly spread between one and the most."""
    return [math.ceil(most * (each + 1) / (num_children + 1)) for each in range(num_children)]


def _identity(graph: LayerGraph) -> tuple[str, frozenset[str]]:
    """What makes a network new: its structure, and which of the original's layers it keeps.

    Two removals of equal blocks leave equal structures, but not equal weights.
    """
    return graph.structural_hash(), frozenset(graph.layers)
