"""Conv + BN + ReLU, or conv + ReLU, behind a tensor x that is never negative.

    relu(bn(conv(x))) = x,  relu(conv(x)) = x

The convolution is the identity (`dirac_kernel`), so is a batch norm of mean 0, variance
1 - epsilon, gamma 1 and beta 0, and relu(x) = x for x >= 0. This is exact in inference. In training
the batch norm takes the batch's own mean and variance, and is the identity only where beta and
gamma are these: `repair.settle` sets them before the first training. Without a batch norm the
convolution has a bias of 0, and this is exact in training too.

Source: Elsken, Metzen, Hutter (2017), Simple and Efficient Architecture Search (NASH). Sizes from
3 to 5, and no batch norm: Namekawa & Tezuka, DEIM Forum 2019, A3-4, whose convolutions are drawn at
random.
"""

import numpy as np

from prune_mi.graph.edit import fresh_name, insert_after
from prune_mi.graph.ir import LayerDef, LayerGraph, TensorRef
from prune_mi.graph.new_layers import identity_norm, new_conv, new_relu
from prune_mi.graph.site import Edit
from prune_mi.morphisms.insertion import InsertionBehindImage, num_channels

SIZES = (3, 4, 5)


class InsertConv(InsertionBehindImage):
    """Puts conv + BN + ReLU behind a channels-last image tensor that is never negative."""

    name = "insert-conv"
    has_norm = True  # behind the convolution

    def edit(self, graph: LayerGraph, rng: np.random.Generator, *, ref: TensorRef) -> Edit:
        """See `InsertionBehind`."""
        size, channels = int(rng.choice(SIZES)), num_channels(graph, ref)
        layers = identity_conv(graph, "inserted", size=size, channels=channels, norm=self.has_norm)
        grown = insert_after(graph, ref, layers)
        return Edit(grown, f"{size}x{size} kernel, starts as the identity")


class InsertConvRelu(InsertConv):
    """Puts conv + ReLU behind such a tensor."""

    name = "insert-conv-relu"
    has_norm = False


def identity_conv(
    graph: LayerGraph, stem: str, *, size: int, channels: int, norm: bool = True
) -> tuple[LayerDef, ...]:
    """Conv + BN + ReLU that yield what they are fed if that is never negative.

    Args:
        graph: Where they are to go.
        stem: Their names begin with it.
        size: Rows and columns of the kernel.
        channels: Of what they are fed.
        norm: Whether there is a batch norm; without one the convolution has a bias of 0.
    """
    bias = None if norm else np.zeros(channels, np.float32)
    conv = new_conv(fresh_name(graph, f"{stem}_conv"), dirac_kernel(size, channels), bias)
    relu = new_relu(fresh_name(graph, f"{stem}_relu"))
    norms = (identity_norm(fresh_name(graph, f"{stem}_bn"), channels),) if norm else ()
    return (conv, *norms, relu)


def dirac_kernel(size: int, channels: int) -> np.ndarray:
    """The kernel of a convolution that is the identity, to grow another one from.

    With K[p, p, i, i] = 1, 'same' padding and stride 1, conv(x) = x. The place p is that of the
    output position itself: 'same' padding puts (k - 1) // 2 values before it and the rest behind
    it, so p = (k - 1) // 2: the centre for an odd k, the place before the middle for an even one.

    Source: Elsken, Metzen, Hutter (2017), Simple and Efficient Architecture Search (NASH).

    Returns:
        float32 `(size, size, channels, channels)`.
    """
    kernel = np.zeros((size, size, channels, channels), np.float32)
    kernel[(size - 1) // 2, (size - 1) // 2] = np.eye(channels, dtype=np.float32)
    return kernel
