"""Max pooling, 2x2 at stride 2, behind an image: y = max of four x.

The function changes. Where the image is constant over each window it does not, padding apart, for
layers that treat all places alike: everything behind follows the new size (`graph.resizing`), a
join whose other inputs stay large gets a pooling for each of these, and a dense layer behind a
flattening gets the sums of the kernel's rows that fall together. 'Same' padding makes ceil(n / 2)
of n: never less than 1, and there is no site where one pixel is all there is, or where a pooling
further on would be left with one.

Source: Namekawa & Tezuka, DEIM Forum 2019, A3-4.
"""

from dataclasses import replace

import numpy as np

from prune_mi.graph.edit import fresh_name, insert_after
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.new_layers import new_pooling
from prune_mi.graph.place import place_of
from prune_mi.graph.resizing import resized
from prune_mi.graph.sizes import Unsized
from prune_mi.morphisms.morphism import MorphContext, Morphed, NoSite
from prune_mi.morphisms.site import draw_sites, has_channels_last, inner_tensors
from prune_mi.records import MorphRecord

_STRIDES = (2, 2)


class InsertPool:
    """Puts a max pooling behind a channels-last image tensor of more than one pixel."""

    name = "insert-pool"
    keeps_function = False

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        images = inner_tensors(graph, rank=4) if has_channels_last(graph) else []
        sites = [ref for ref in images if _can_shrink(graph, ref)]
        if not sites:
            return NoSite("no channels-last image tensor of known size and more than one pixel")
        reasons: dict[TensorRef, str] = {}
        for ref in draw_sites(graph, sites, context, rng, kind=self.name, tensor=lambda each: each):
            smaller = pooled(graph, ref)
            if not isinstance(smaller, Unsized):
                came = tuple(name for name in smaller[0].layers if name not in graph.layers)
                size = "x".join(str(axis) for axis in graph.spec(ref).shape[1:-1])
                record = MorphRecord(
                    self.name, ref.node, came, f"halves the size {size}", place_of(graph, ref)
                )
                return Morphed(smaller[0], record)
            reasons[ref] = smaller.reason
        return NoSite(f"none of {len(sites)} images can be pooled: {reasons[sites[0]]}")


def _can_shrink(graph: LayerGraph, ref: TensorRef) -> bool:
    sizes = graph.spec(ref).shape[1:-1]
    return None not in sizes and any(size != 1 for size in sizes)


def pooled(graph: LayerGraph, ref: TensorRef) -> tuple[LayerGraph, TensorRef] | Unsized:
    """The graph with a pooling behind a tensor, and what that yields; or why it cannot be."""
    spec = graph.spec(ref)
    batch, height, width, channels = spec.shape
    halves = (-(-(size or 1) // 2) for size in (height, width))
    pool = new_pooling(fresh_name(graph, "inserted_pool"), _STRIDES)
    small = replace(spec, shape=(batch, *halves, channels))
    grown = insert_after(graph, ref, (pool,), (small,))
    followed = resized(grown, {TensorRef(pool.name): spec.shape})
    return followed if isinstance(followed, Unsized) else (followed, TensorRef(pool.name))
