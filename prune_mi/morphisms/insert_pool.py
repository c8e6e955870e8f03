"""Max pooling, 2x2 at stride 2, behind an image: y = max of four x.

The function changes. Where the image is constant over each window it does not, padding apart, for
layers that treat all places alike: everything behind follows the new size
(`graph.spatial.resizing`), a join whose other inputs stay large gets a pooling for each of these,
and a dense layer behind a flattening gets the sums of the kernel's rows that fall together. 'Same'
padding makes ceil(n / 2) of n: never less than 1, and there is no site where one pixel is all there
is, or where a pooling further on would be left with one.

Source: Namekawa & Tezuka, DEIM Forum 2019, A3-4.
"""

from dataclasses import replace

import numpy as np

from prune_mi.graph.edit import fresh_name, insert_after
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.new_layers import new_pooling
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Edit
from prune_mi.graph.spatial.resizing import resized
from prune_mi.morphisms.insertion import InsertionBehind

_STRIDES = (2, 2)


class InsertPool(InsertionBehind):
    """Puts a max pooling behind a channels-last image tensor of more than one pixel."""

    name = "insert-pool"
    keeps_function = False
    rank = 4
    none = none_fits = "no channels-last image tensor of known size and more than one pixel"

    def fits(self, graph: LayerGraph, ref: TensorRef) -> bool:
        """Whether its size is known, and it has more than one pixel."""
        sizes = graph.spec(ref).shape[1:-1]
        return None not in sizes and any(size != 1 for size in sizes)

    def edit(
        self, graph: LayerGraph, rng: np.random.Generator, *, ref: TensorRef
    ) -> Edit | NotApplicable:
        """See `InsertionBehind`."""
        smaller = pooled(graph, ref)
        if isinstance(smaller, NotApplicable):
            return smaller
        size = "x".join(str(axis) for axis in graph.spec(ref).shape[1:-1])
        return Edit(smaller[0], f"halves the size {size}")


def pooled(graph: LayerGraph, ref: TensorRef) -> tuple[LayerGraph, TensorRef] | NotApplicable:
    """The graph with a pooling behind a tensor, and what that yields; or why it cannot be."""
    spec = graph.spec(ref)
    batch, height, width, channels = spec.shape
    halves = (-(-(size or 1) // 2) for size in (height, width))
    pool = new_pooling(fresh_name(graph, "inserted_pool"), _STRIDES)
    small = replace(spec, shape=(batch, *halves, channels))
    grown = insert_after(graph, ref, (pool,), (small,))
    followed = resized(grown, {TensorRef(pool.name): spec.shape})
    return followed if isinstance(followed, NotApplicable) else (followed, TensorRef(pool.name))
