"""A shortcut by addition: b becomes b + s(a), with s(a) = 0 until training changes it.

Where a has as many channels as b, s is a batch norm with gamma 0 and beta 0, else a 1x1 convolution
(a dense layer for flat tensors) with kernel 0. Both are 0 whatever a is, so outputs stay as they
are, in inference as in training; and gamma's gradient, the normalised a times that of b, is not 0,
nor is the kernel's. Where a is larger than b it is averaged first.

Source: Elsken, Metzen, Hutter (2017), Simple and Efficient Architecture Search (NASH), whose
(1 - l) b + l a starts at l = 0 too; Goyal et al. (2017), Accurate, Large Minibatch SGD, section
5.1, for the gamma of 0.
"""

import numpy as np

from prune_mi.graph.edit import fresh_name, insert_calls
from prune_mi.graph.end_layers import stock_layer
from prune_mi.graph.ir import LayerDef, LayerGraph
from prune_mi.graph.new_layers import new_batch_norm, new_conv, new_dense
from prune_mi.graph.place import place_of
from prune_mi.morphisms.morphism import MorphContext, Morphed, NoSite
from prune_mi.morphisms.site import draw_site
from prune_mi.morphisms.skip_sites import NO_SKIP_SITE, resized_start, skip_sites
from prune_mi.records import MorphRecord


class SkipAdd:
    """Adds an earlier tensor to a later one."""

    name = "skip-add"
    keeps_function = True

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        sites = skip_sites(graph)
        if not sites:
            return NoSite(NO_SKIP_SITE)
        site = draw_site(graph, sites, context, rng, kind=self.name, tensor=lambda each: each.end)
        shape = graph.spec(site.end).shape
        chain = resized_start(graph, site)
        chain = chain.then(_nought(graph, chain.shape[-1] or 0, shape[-1] or 0, len(shape)), shape)
        add = stock_layer("Add", fresh_name(graph, "skip_add"))
        chain = chain.then(add, shape, before=(site.end,))
        record = MorphRecord(
            self.name,
            site.end.node,
            tuple(layer.name for layer in chain.layers),
            f"shortcut from {site.start.node}",
            place_of(graph, site.end),
        )
        return Morphed(insert_calls(graph, site.end, chain.layers, chain.calls), record)


def _nought(graph: LayerGraph, channels: int, filters: int, rank: int) -> LayerDef:
    """A layer that yields 0 and can learn to yield something else."""
    if channels == filters:
        return new_batch_norm(fresh_name(graph, "skip_scale"), channels, gamma=0.0)
    name = fresh_name(graph, "skip_conv")
    if rank == 2:
        return new_dense(name, np.zeros((channels, filters), np.float32))
    return new_conv(name, np.zeros((*[1] * (rank - 2), channels, filters), np.float32))
