"""A pooling behind an image, a residual block or the beginning of a stage behind a rectified one.

A pooling: max of 2x2 at stride 2, y = max of four x. The function changes. Where the image is
constant over each window it does not, padding apart, for layers that treat all places alike:
everything behind follows the new size (`graph.spatial.resizing`), a join whose other inputs stay
large gets a pooling for each of these, and a dense layer behind a flattening gets the sums of the
kernel's rows that fall together. 'Same' padding makes ceil(n / 2) of n: never less than 1, and
there is no site where one pixel is all there is, or where a pooling further on would be left with
one.

A block, behind an image x that is never negative: relu(x + f(x)) = x, with f(x) = 0. f is conv, BN,
ReLU, conv, BN; the last batch norm has gamma 0 and beta 0, so that f is 0 whatever x is and relu(x)
= x for x >= 0: exact in inference as in training. The convolutions are 3x3 and drawn with a
variance of 2 / fan in, so that the block learns as one that has been there from the start: the
gradient of the last gamma is not 0, and once it has moved, neither is that of the kernels. A
convolution inserted as the identity has to leave the identity first.

A stage: half the size, twice the channels. Such a pooling, then conv + BN + ReLU that is the
identity (`insert_identity`), then that convolution, and what must have its width, made twice as
wide (`widen`). What a later stage loses in places it gains in features, as networks made by hand
have it: a layer of its width costs as many multiply-accumulates as one in front of it. Only the
pooling changes the function.

Source: He, Zhang, Ren, Sun (2016), Deep Residual Learning; the same (2015), Delving Deep into
Rectifiers, for the variance; Goyal et al. (2017), Accurate, Large Minibatch SGD, section 5.1, for
the gamma of 0; for stages also Simonyan & Zisserman (2015), VGG. The pooling: Namekawa & Tezuka,
DEIM Forum 2019, A3-4.
"""

import math
from dataclasses import replace

import numpy as np

from prune_mi.graph.channels.width_groups import width_groups
from prune_mi.graph.edit import fresh_name, insert_after, insert_calls
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.new_layers import (
    Chain,
    new_batch_norm,
    new_conv,
    new_pooling,
    stock_layer,
)
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Edit
from prune_mi.graph.spatial.resizing import resized
from prune_mi.morphisms.insert_identity import identity_conv
from prune_mi.morphisms.insertion import InsertionBehind, InsertionBehindImage, num_channels
from prune_mi.morphisms.widen import MAX_WIDTH, widened

_SIZE, _TIMES = 3, 2
_LEAST_SIZE = 8  # of the larger image: on fewer pixels more features only cost weights


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
        smaller = pooled(graph, ref)
        if isinstance(smaller, NotApplicable):
            return smaller
        size = "x".join(str(axis) for axis in graph.spec(ref).shape[1:-1])
        return Edit(smaller[0], f"halves the size {size}")


class InsertBlock(InsertionBehindImage):
    """Puts a residual block behind a channels-last image tensor that is never negative."""

    name = "insert-block"
    none_fits = f"all rectified images have more than {MAX_WIDTH} channels"

    def fits(self, graph: LayerGraph, ref: TensorRef) -> bool:
        """Whether it has no more channels than anything may get."""
        return num_channels(graph, ref) <= MAX_WIDTH

    def edit(self, graph: LayerGraph, rng: np.random.Generator, *, ref: TensorRef) -> Edit:
        channels, shape = num_channels(graph, ref), graph.spec(ref).shape
        chain = Chain((), (), ref, shape)
        for layer in (
            new_conv(fresh_name(graph, "block_conv1"), _he_kernel(channels, rng)),
            new_batch_norm(fresh_name(graph, "block_bn1"), channels),
            stock_layer("ReLU", fresh_name(graph, "block_relu")),
            new_conv(fresh_name(graph, "block_conv2"), _he_kernel(channels, rng)),
            new_batch_norm(fresh_name(graph, "block_bn2"), channels, gamma=0.0),
        ):
            chain = chain.then(layer, shape)
        chain = chain.then(stock_layer("Add", fresh_name(graph, "block_add")), shape, before=(ref,))
        chain = chain.then(stock_layer("ReLU", fresh_name(graph, "block_out")), shape)
        grown = insert_calls(graph, ref, chain.layers, chain.calls)
        return Edit(grown, "residual branch that starts at zero (gamma 0)")


class InsertStage(InsertionBehindImage):
    """Begins a stage behind a channels-last image tensor that is never negative."""

    name = "insert-stage"
    keeps_function = False
    none_fits = (
        "no stage can begin behind any of {num} images: none is known to have "
        f"{_LEAST_SIZE} rows and columns"
    )

    def fits(self, graph: LayerGraph, ref: TensorRef) -> bool:
        """Whether it is large enough."""
        return all((size or 0) >= _LEAST_SIZE for size in graph.spec(ref).shape[1:-1])

    def edit(
        self, graph: LayerGraph, rng: np.random.Generator, *, ref: TensorRef
    ) -> Edit | NotApplicable:
        channels = num_channels(graph, ref)
        smaller = pooled(graph, ref)
        if isinstance(smaller, NotApplicable):
            return smaller
        small, pool = smaller
        layers = identity_conv(small, "stage", size=_SIZE, channels=channels)
        deep, conv = insert_after(small, pool, layers), layers[0].name
        together = next((each for each in width_groups(deep) if conv in each.producers), None)
        if together is None:
            return NotApplicable("what reads it cannot become wider")
        staged = widened(deep, together, times=_TIMES, rng=rng)
        if isinstance(staged, NotApplicable):
            return staged
        return Edit(staged, f"{channels} to {_TIMES * channels} channels at half the size")


MORPHISMS = (InsertBlock(), InsertStage(), InsertPool())


def pooled(graph: LayerGraph, ref: TensorRef) -> tuple[LayerGraph, TensorRef] | NotApplicable:
    """The graph with a pooling behind a tensor, and what that yields; or why it cannot be."""
    spec = graph.spec(ref)
    batch, height, width, channels = spec.shape
    halves = (-(-(size or 1) // 2) for size in (height, width))
    pool = new_pooling(fresh_name(graph, "inserted_pool"), (2, 2))
    small = replace(spec, shape=(batch, *halves, channels))
    grown = insert_after(graph, ref, (pool,), (small,))
    followed = resized(grown, {TensorRef(pool.name): spec.shape})
    return followed if isinstance(followed, NotApplicable) else (followed, TensorRef(pool.name))


def _he_kernel(channels: int, rng: np.random.Generator) -> np.ndarray:
    """float32 `(3, 3, channels, channels)` of variance 2 / fan in."""
    deviation = math.sqrt(2 / (_SIZE * _SIZE * channels))
    drawn = rng.standard_normal((_SIZE, _SIZE, channels, channels), dtype=np.float32)
    return drawn * np.float32(deviation)
