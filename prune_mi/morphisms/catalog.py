"""All morphisms by name, and drawing from them."""

from collections.abc import Callable, Mapping

import numpy as np

from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.location import location_of
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.morphisms.insert_batch_norm import InsertBatchNorm
from prune_mi.morphisms.insert_block import InsertBlock
from prune_mi.morphisms.insert_conv import InsertConv, InsertConvRelu
from prune_mi.morphisms.insert_dense import InsertDense
from prune_mi.morphisms.insert_dropout import InsertDropout
from prune_mi.morphisms.insert_pool import InsertPool
from prune_mi.morphisms.insert_stage import InsertStage
from prune_mi.morphisms.morphism import Edit, MorphContext, Morphed, Morphism, Site, counted
from prune_mi.morphisms.remove_layer import RemoveLayer
from prune_mi.morphisms.remove_pool import RemovePool
from prune_mi.morphisms.remove_skip import RemoveSkip
from prune_mi.morphisms.remove_unit import RemoveAtRandom, RemoveByRank, RemoveDropout
from prune_mi.morphisms.site import drawn
from prune_mi.morphisms.skip_add import SkipAdd
from prune_mi.morphisms.skip_concat import SkipConcat
from prune_mi.morphisms.widen import WidenConv, WidenDense
from prune_mi.records import MorphRecord

Allows = Callable[[LayerGraph], bool]
"""Says of a graph whether a child may have it."""

CATALOG: Mapping[str, Morphism] = {
    morphism.name: morphism
    for morphism in (
        RemoveByRank(),
        RemoveAtRandom(),
        RemoveDropout(),
        RemoveLayer(),
        RemovePool(),
        InsertBlock(),
        InsertStage(),
        InsertConv(),
        InsertConvRelu(),
        InsertBatchNorm(),
        InsertDropout(),
        InsertDense(),
        InsertPool(),
        WidenConv(),
        WidenDense(),
        SkipAdd(),
        SkipConcat(),
        RemoveSkip(),
    )
}


def apply(
    morphism: Morphism, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
) -> Morphed | NotApplicable:
    """Applies a morphism at a site drawn by `rng`; the graph given is never touched."""
    found = morphism.sites(graph, context)
    if isinstance(found, NotApplicable):
        return found
    sites, reasons = list(found), dict[TensorRef, str]()
    for site in drawn(morphism, graph, sites, context, rng):
        edit = site.edit(rng)
        if isinstance(edit, Edit):
            return recorded(morphism, graph, site, edit)
        reasons[site.tensor] = edit.reason
    first = reasons[sites[0].tensor]
    return NotApplicable(f"none of {counted(len(sites), 'place')} will do: {first}")


def recorded(morphism: Morphism, graph: LayerGraph, site: Site, edit: Edit) -> Morphed:
    """A changed graph, and the record of what was done to the one before."""
    gone = tuple(name for name in graph.layers if name not in edit.graph.layers)
    came = tuple(name for name in edit.graph.layers if name not in graph.layers)
    record = MorphRecord(
        kind=morphism.name,
        target=site.target,
        layers=edit.layers or (gone if morphism.effect == "removes" else came),
        reason=edit.told,
        place=location_of(graph, site.tensor),
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
) -> tuple[LayerGraph, tuple[MorphRecord, ...]]:
    """Applies up to `num_morphs` morphisms drawn from a mix.

    One that has nowhere to go, or leads to a graph that is not allowed, is drawn again without it:
    an addition from among the additions, a removal from among the removals, so that the mix keeps
    its share of both. Where none of these is left, the others take their place.

    Returns:
        The changed graph and what was done; no records where nothing could be.
    """
    records: list[MorphRecord] = []
    for _ in range(num_morphs):
        left = {name: weight for name, weight in mix.items() if weight > 0}
        drawn_from = left
        while left:
            names = list(drawn_from)
            weights = np.array(list(drawn_from.values()))
            name = str(rng.choice(names, p=weights / weights.sum()))
            outcome = apply(CATALOG[name], graph, context, rng)
            if isinstance(outcome, Morphed) and allows(outcome.graph):
                graph = outcome.graph
                records.append(outcome.record)
                break
            left = {each: weight for each, weight in left.items() if each != name}
            removes = CATALOG[name].effect == "removes"
            alike = {
                each: left[each] for each in left if (CATALOG[each].effect == "removes") == removes
            }
            drawn_from = alike or left
        else:
            break
    return graph, tuple(records)
