"""A residual block behind a tensor x that is never negative: relu(x + f(x)) = x, with f(x) = 0.

f is conv, BN, ReLU, conv, BN; the last batch norm has gamma 0 and beta 0, so that f is 0 whatever x
is and relu(x) = x for x >= 0: exact in inference as in training. The convolutions are 3x3 and drawn
with a variance of 2 / fan in, so that the block learns as one that has been there from the start:
the gradient of the last gamma is not 0, and once it has moved, neither is that of the kernels. A
convolution inserted as the identity has to leave the identity first.

Source: He, Zhang, Ren, Sun (2016), Deep Residual Learning; the same (2015), Delving Deep into
Rectifiers, for the variance; Goyal et al. (2017), Accurate, Large Minibatch SGD, section 5.1, for
the gamma of 0.
"""

import math

import numpy as np

from prune_mi.graph.chain import Chain
from prune_mi.graph.edit import fresh_name, insert_calls
from prune_mi.graph.end_layers import stock_layer
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.new_layers import new_batch_norm, new_conv, new_relu
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Edit
from prune_mi.morphisms.insertion import InsertionBehind, num_channels, rectified_images
from prune_mi.morphisms.widen import MAX_WIDTH

_SIZE = 3


class InsertBlock(InsertionBehind):
    """Puts a residual block behind a channels-last image tensor that is never negative."""

    name = "insert-block"

    def tensors(self, graph: LayerGraph) -> list[TensorRef] | NotApplicable:
        """See `InsertionBehind`."""
        images = rectified_images(graph)
        if isinstance(images, NotApplicable):
            return images
        narrow = [ref for ref in images if num_channels(graph, ref) <= MAX_WIDTH]
        return narrow or NotApplicable(f"all rectified images have more than {MAX_WIDTH} channels")

    def edit(self, graph: LayerGraph, rng: np.random.Generator, *, ref: TensorRef) -> Edit:
        """See `InsertionBehind`."""
        channels, shape = num_channels(graph, ref), graph.spec(ref).shape
        chain = Chain((), (), ref, shape)
        for layer in (
            new_conv(fresh_name(graph, "block_conv1"), _he_kernel(channels, rng)),
            new_batch_norm(fresh_name(graph, "block_bn1"), channels),
            new_relu(fresh_name(graph, "block_relu")),
            new_conv(fresh_name(graph, "block_conv2"), _he_kernel(channels, rng)),
            new_batch_norm(fresh_name(graph, "block_bn2"), channels, gamma=0.0),
        ):
            chain = chain.then(layer, shape)
        chain = chain.then(stock_layer("Add", fresh_name(graph, "block_add")), shape, before=(ref,))
        chain = chain.then(new_relu(fresh_name(graph, "block_out")), shape)
        grown = insert_calls(graph, ref, chain.layers, chain.calls)
        return Edit(grown, "residual branch that starts at zero (gamma 0)")


def _he_kernel(channels: int, rng: np.random.Generator) -> np.ndarray:
    """float32 `(3, 3, channels, channels)` of variance 2 / fan in."""
    deviation = math.sqrt(2 / (_SIZE * _SIZE * channels))
    drawn = rng.standard_normal((_SIZE, _SIZE, channels, channels), dtype=np.float32)
    return drawn * np.float32(deviation)
