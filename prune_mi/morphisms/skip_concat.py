"""A shortcut by concatenation: b becomes [b, a], whose readers' kernels get rows of 0 for a.

Outputs stay as they are, in inference as in training: layers that keep channels apart get neutral
weights for the new ones (a batch norm's scale 1 and offset 0, a depthwise kernel of 1 at its
centre), kernels read them with 0, whose gradient is not 0. Where a is larger than b it is averaged
first. No tensor gets more than 512 channels so, and no network becomes more than four times as
large.

Source: Elsken, Metzen, Hutter (2017), Simple and Efficient Architecture Search (NASH); Huang et al.
(2017), Densely Connected Convolutional Networks, for the join.
"""

import numpy as np

from prune_mi.graph.channel_flow import Unsliceable
from prune_mi.graph.channel_map import ChannelMap
from prune_mi.graph.edit import fresh_name, insert_calls
from prune_mi.graph.end_layers import stock_layer
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.place import place_of
from prune_mi.graph.widening import grow_readers
from prune_mi.morphisms.morphism import MorphContext, Morphed, NoSite
from prune_mi.morphisms.site import draw_site
from prune_mi.morphisms.skip_sites import NO_SKIP_SITE, SkipSite, resized_start, skip_sites
from prune_mi.morphisms.widen import MAX_WIDTH, is_too_large
from prune_mi.records import MorphRecord


class SkipConcat:
    """Puts an earlier tensor's channels behind a later one's."""

    name = "skip-concat"
    keeps_function = True

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        known = skip_sites(graph)
        if not known:
            return NoSite(NO_SKIP_SITE)
        sites = [
            each
            for each in known
            if _width(graph, each.start) + _width(graph, each.end) <= MAX_WIDTH
        ]
        reason = f"{known[0].end.node!r} would have more than {MAX_WIDTH} channels"
        while sites:
            site = draw_site(
                graph, sites, context, rng, kind=self.name, tensor=lambda each: each.end
            )
            outcome = _joined(graph, site, rng, kind=self.name)
            if isinstance(outcome, Morphed):
                return outcome
            reason = outcome.reason
            sites = [each for each in sites if each.end != site.end]
        return NoSite(f"nothing can be concatenated: {reason}")


def _joined(
    graph: LayerGraph, site: SkipSite, rng: np.random.Generator, *, kind: str
) -> Morphed | NoSite:
    shape = graph.spec(site.end).shape
    chain = resized_start(graph, site)
    name = fresh_name(graph, "skip_concat")
    more = ChannelMap.extended(len(shape) - 1, _width(graph, site.end), _width(graph, site.start))
    chain = chain.then(stock_layer("Concatenate", name, axis=-1), shape, before=(site.end,))
    inserted = insert_calls(graph, site.end, chain.layers, chain.calls)
    grown = grow_readers(inserted, {TensorRef(name): more}, rng=rng)
    if isinstance(grown, Unsliceable):
        return NoSite(grown.reason)
    if is_too_large(grown, graph):
        return NoSite(f"a shortcut to {site.end.node!r} would make the network too large")
    layers = tuple(layer.name for layer in chain.layers)
    reason = f"shortcut from {site.start.node}"
    return Morphed(
        grown, MorphRecord(kind, site.end.node, layers, reason, place_of(graph, site.end))
    )


def _width(graph: LayerGraph, ref: TensorRef) -> int:
    return graph.spec(ref).shape[-1] or 0
