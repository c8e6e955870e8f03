"""Drawing one site of several: evenly, or as a policy that has learned of places weighs them."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.place import place_of
from prune_mi.morphisms.morphism import MorphContext

_Site = TypeVar("_Site")


def draw_site(
    graph: LayerGraph,
    sites: Sequence[_Site],
    context: MorphContext,
    rng: np.random.Generator,
    *,
    kind: str,
    tensor: Callable[[_Site], TensorRef],
) -> _Site:
    """Draws a site.

    Args:
        graph: Where the sites are.
        sites: At least one.
        context: Its `place_weight` says how much more often one place is drawn than another.
        rng: Source of the draw.
        kind: Name of the morphism in the catalog.
        tensor: The tensor whose place is the site's.
    """
    if context.place_weight is None:
        return sites[int(rng.integers(len(sites)))]
    places = [place_of(graph, tensor(each)) for each in sites]
    weights = np.array([context.place_weight(kind, place) for place in places])
    if not weights.sum() > 0:
        return sites[int(rng.integers(len(sites)))]
    return sites[int(rng.choice(len(sites), p=weights / weights.sum()))]
