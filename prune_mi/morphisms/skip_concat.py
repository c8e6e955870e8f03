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

from prune_mi.graph.channel_map import ChannelMap
from prune_mi.graph.edit import fresh_name, insert_calls
from prune_mi.graph.end_layers import stock_layer
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Edit, Site
from prune_mi.graph.widening import grow_readers
from prune_mi.morphisms.insertion import Insertion, num_channels
from prune_mi.morphisms.morphism import MorphContext
from prune_mi.morphisms.skip_sites import resized_start, skip_sites
from prune_mi.morphisms.widen import MAX_WIDTH, is_too_large


class SkipConcat(Insertion):
    """Puts an earlier tensor's channels behind a later one's."""

    name = "skip-concat"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        known = skip_sites(graph, _edit)
        if isinstance(known, NotApplicable):
            return known
        return [
            each
            for each in known
            if num_channels(graph, each.before) + num_channels(graph, each.after) <= MAX_WIDTH
        ] or NotApplicable(
            f"nothing can be concatenated: {known[0].name!r} would have more than {MAX_WIDTH} "
            "channels"
        )


def _edit(
    graph: LayerGraph, rng: np.random.Generator, *, start: TensorRef, end: TensorRef
) -> Edit | NotApplicable:
    shape = graph.spec(end).shape
    chain = resized_start(graph, start, end)
    name = fresh_name(graph, "skip_concat")
    channels = num_channels(graph, end), num_channels(graph, start)
    more = ChannelMap.extended(len(shape) - 1, *channels)
    chain = chain.then(stock_layer("Concatenate", name, axis=-1), shape, before=(end,))
    longer = insert_calls(graph, end, chain.layers, chain.calls)
    grown = grow_readers(longer, {TensorRef(name): more}, rng=rng)
    if isinstance(grown, NotApplicable):
        return grown
    if is_too_large(grown, graph):
        return NotApplicable(f"a shortcut to {end.node!r} would make the network too large")
    return Edit(grown, f"shortcut from {start.node}")
