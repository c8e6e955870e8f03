"""Tensors where something may be put, and drawing one site of several.

A draw is even, or goes as a policy that has learned of places weighs them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.place import place_of
from prune_mi.morphisms.morphism import MorphContext

_Site = TypeVar("_Site")


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


def draw_sites(
    graph: LayerGraph,
    sites: Sequence[_Site],
    context: MorphContext,
    rng: np.random.Generator,
    *,
    kind: str,
    tensor: Callable[[_Site], TensorRef],
) -> Iterator[_Site]:
    """Draws sites one after the other, each once, as `draw_site` does of those that are left.

    Each is drawn when it is asked for, so that draws of what is tried at one come before the next.
    """
    left = list(sites)
    while left:
        site = draw_site(graph, left, context, rng, kind=kind, tensor=tensor)
        yield site
        left.remove(site)
