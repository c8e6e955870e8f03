"""All morphisms by name, and drawing from them: a morphism of a mix, and one of its sites.

A draw of a site is even, or goes as a policy that has learned of places weighs them, or by rank: of
those that are left the k-th with probability (1 - p)^k p, p being the greed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module

import numpy as np

from prune_mi.errors import counted
from prune_mi.graph.analysis.layer_counts import location_of
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Edit, Site
from prune_mi.morphisms.morphism import MorphContext, Morphed, Morphism
from prune_mi.records import MorphRecord

Allows = Callable[[LayerGraph], bool]
"""Says of a graph whether a child may have it."""

_FILES = (
    "removals",
    "narrow",
    "insert_stage",
    "insert_identity",
    "insert_separable",
    "widen",
    "skip",
)
CATALOG: Mapping[str, Morphism] = {
    morphism.name: morphism
    for file in _FILES
    for morphism in import_module(f"prune_mi.morphisms.{file}").MORPHISMS
}
"""What each file calls `MORPHISMS`."""


def apply(
    morphism: Morphism, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
) -> Morphed | NotApplicable:
    """Applies a morphism at a site drawn by `rng`; the graph given is never touched."""
    found = morphism.sites(graph, context)
    if isinstance(found, NotApplicable):
        return found
    sites, reasons = list(found), dict[TensorRef, str]()
    for site in drawn(morphism, graph, sites, context, rng):
        edit = site.edit(graph, rng)
        if isinstance(edit, Edit):
            return recorded(morphism, graph, site, edit)
        reasons[site.after] = edit.reason
    first = reasons[sites[0].after]
    return NotApplicable(f"none of {counted(len(sites), 'place')} will do: {first}")


def drawn(
    morphism: Morphism,
    graph: LayerGraph,
    sites: Sequence[Site],
    context: MorphContext,
    rng: np.random.Generator,
) -> Iterator[Site]:
    """The sites of a morphism one after the other, until one will do.

    Where one did not do, no other one of the same tensor comes. Each is drawn when it is asked for,
    so that draws of what is tried at one come before the next.
    """
    weigh = context.place_weight or (lambda kind, place: 0.0)
    left = list(sites)
    while left:
        if morphism.by_rank:
            choice = min(int(rng.geometric(context.greed)) - 1, len(left) - 1)
        else:
            weights = np.array(
                [weigh(morphism.name, location_of(graph, each.after)) for each in left]
            )
            total = weights.sum()
            if total > 0:
                choice = int(rng.choice(len(left), p=weights / total))
            else:
                choice = int(rng.integers(len(left)))
        site = left[choice]
        yield site
        left = [each for each in left if each.after != site.after]


def recorded(morphism: Morphism, graph: LayerGraph, site: Site, edit: Edit) -> Morphed:
    """A changed graph, and the record of what was done to the one before."""
    gone = tuple(name for name in graph.layers if name not in edit.graph.layers)
    came = tuple(name for name in edit.graph.layers if name not in graph.layers)
    record = MorphRecord(
        kind=morphism.name,
        target=site.name,
        layers=edit.layers or (gone if morphism.effect == "removes" else came),
        reason=edit.reason or site.reason,
        place=location_of(graph, site.after),
        effect=morphism.effect,
    )
    return Morphed(edit.graph, record)


def morph(
    graph: LayerGraph,
    *,
    num_morphs: int,
    mix: Mapping[str, float],
    context: MorphContext,
    rng: np.random.Generator,
    allows: Allows = lambda graph: True,
    enough: Allows = lambda graph: False,
) -> tuple[LayerGraph, tuple[MorphRecord, ...]]:
    """Applies up to `num_morphs` morphisms drawn from a mix.

    One that has nowhere to go, or leads to a graph that is not allowed, is drawn again without it:
    an addition from among the additions, a removal from among the removals, so that the mix keeps
    its share of both. Where none of these is left, the others take their place.

    Args:
        graph: The parent's.
        num_morphs: How many at most.
        mix: Probabilities of morphisms.
        context: What they may know.
        rng: Source of all draws.
        allows: Which graphs it may come by.
        enough: Which graphs need no further change.

    Returns:
        The changed graph and what was done; no records where nothing could be.
    """
    records: list[MorphRecord] = []
    for _ in range(num_morphs):
        if enough(graph):
            break
        left = among = {name: weight for name, weight in mix.items() if weight > 0}
        while left:
            weights = np.array(list(among.values()))
            name = str(rng.choice(list(among), p=weights / weights.sum()))
            outcome = apply(CATALOG[name], graph, context, rng)
            if isinstance(outcome, Morphed) and allows(outcome.graph):
                graph = outcome.graph
                records.append(outcome.record)
                break
            left = {each: weight for each, weight in left.items() if each != name}
            alike = [each for each in left if _removes(each) == _removes(name)]
            among = {each: left[each] for each in alike or left}
        else:
            break
    return graph, tuple(records)


def _removes(name: str) -> bool:
    return CATALOG[name].effect in ("removes", "narrows")
