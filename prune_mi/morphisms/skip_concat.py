"""A shortcut by concatenation: b becomes [b, a], whose readers' kernels get rows of 0 for a.

Outputs stay as they are, in inference as in training: layers that keep channels apart get neutral
weights for the new ones (a batch norm's scale 1 and offset 0, a depthwise kernel of 1 at its
centre), kernels read them with 0, whose gradient is not 0. Where a is larger than b it is averaged
first. No tensor gets more than 512 channels so, and no network becomes more than four times as
large.

Source: Elsken, Metzen, Hutter (2017), Simple and Efficient Architecture Search (NASH); Huang et al.
(2017), Densely Connected Convolutional Networks, for the join.
"""

from functools import partial

import numpy as np

from prune_mi.graph.channel_map import ChannelMap
from prune_mi.graph.edit import fresh_name, insert_calls
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.new_layers import stock_layer
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.widening import grow_readers
from prune_mi.morphisms.insertion import Insertion
from prune_mi.morphisms.morphism import Edit, MorphContext, Site
from prune_mi.morphisms.skip_sites import NO_SKIP_SITE, SkipSite, resized_start, skip_sites
from prune_mi.morphisms.widen import MAX_WIDTH, is_too_large


class SkipConcat(Insertion):
    """Puts an earlier tensor's channels behind a later one's."""

    name = "skip-concat"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        known = skip_sites(graph)
        if not known:
            return NotApplicable(NO_SKIP_SITE)
        found = [
            each
            for each in known
            if _width(graph, each.start) + _width(graph, each.end) <= MAX_WIDTH
        ]
        if not found:
            return NotApplicable(
                f"nothing can be concatenated: {known[0].end.node!r} would have more than "
                f"{MAX_WIDTH} channels"
            )
        return [Site(each.end.node, each.end, partial(_edit, graph, each)) for each in found]


def _edit(graph: LayerGraph, skip: SkipSite, rng: np.random.Generator) -> Edit | NotApplicable:
    shape = graph.spec(skip.end).shape
    chain = resized_start(graph, skip)
    name = fresh_name(graph, "skip_concat")
    more = ChannelMap.extended(len(shape) - 1, _width(graph, skip.end), _width(graph, skip.start))
    chain = chain.then(stock_layer("Concatenate", name, axis=-1), shape, before=(skip.end,))
    longer = insert_calls(graph, skip.end, chain.layers, chain.calls)
    grown = grow_readers(longer, {TensorRef(name): more}, rng=rng)
    if isinstance(grown, NotApplicable):
        return grown
    if is_too_large(grown, graph):
        return NotApplicable(f"a shortcut to {skip.end.node!r} would make the network too large")
    return Edit(grown, f"shortcut from {skip.start.node}")


def _width(graph: LayerGraph, ref: TensorRef) -> int:
    return graph.spec(ref).shape[-1] or 0
