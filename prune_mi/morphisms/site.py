"""Tensors where something may be put, and drawing one site of several.

A draw is even, or goes as a policy that has learned of places weighs them, or by rank: of those
that are left the k-th with probability (1 - p)^k p, p being the greed.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.location import location_of
from prune_mi.morphisms.morphism import MorphContext, Morphism, Site


def inner_tensors(graph: LayerGraph, *, rank: int | None = None) -> list[TensorRef]:
    """Tensors of single precision inside the graph that are read, with known channels.

    Args:
        graph: The graph; its ends, and what feeds outputs that are not judged, are left out.
        rank: Axes that they must have, the batch included; None for any number.
    """
    found = []
    for node in graph.nodes:
        if node.layer in graph.kept:
            continue  # an end, or what feeds an output that is not judged
        for index, spec in enumerate(node.outputs):
            ref = TensorRef(node.name, index)
            inside = ref in graph.consumers and ref not in graph.inputs and ref not in graph.outputs
            fits = len(spec.shape) > 1 if rank is None else len(spec.shape) == rank
            if inside and fits and spec.dtype == "float32" and spec.shape[-1] is not None:
                found.append(ref)
    return found


def has_channels_last(graph: LayerGraph) -> bool:
    """Whether no layer has channels first."""
    formats = (layer.config.get("data_format") for layer in graph.layers.values())
    return "channels_first" not in formats


def drawn(
    morphism: Morphism,
    graph: LayerGraph,
    sites: Sequence[Site],
    context: MorphContext,
    rng: np.random.Generator,
) -> Iterator[Site]:
    """Sites one after the other, until one will do.

    Where one did not do, no other one of the same tensor comes. Each is drawn when it is asked for,
    so that draws of what is tried at one come before the next.

    Args:
        morphism: Whose sites they are.
        graph: Where they are.
        sites: In order.
        context: Its `place_weight` says how much more often one place is drawn than another, and
            its `greed` how often the first of those by rank is.
        rng: Source of the draws.
    """
    left = list(sites)
    while left:
        if morphism.by_rank:
            site = left[min(int(rng.geometric(context.greed)) - 1, len(left) - 1)]
        else:
            site = _drawn_evenly(morphism.name, graph, left, context, rng)
        yield site
        left = [each for each in left if each.tensor != site.tensor]


def _drawn_evenly(
    kind: str,
    graph: LayerGraph,
    sites: Sequence[Site],
    context: MorphContext,
    rng: np.random.Generator,
) -> Site:
    if context.place_weight is None:
        return sites[int(rng.integers(len(sites)))]
    places = [location_of(graph, each.tensor) for each in sites]
    weights = np.array([context.place_weight(kind, place) for place in places])
    if not weights.sum() > 0:
        return sites[int(rng.integers(len(sites)))]
    return sites[int(rng.choice(len(sites), p=weights / weights.sum()))]
