"""Layers that begin as the identity: the network answers as before, in inference.

Behind a tensor x that is never negative, where relu(x) = x, stand

    relu(bn(conv(x))) = x,  relu(conv(x)) = x,  relu(I x + 0) = x,

the last for a vector, and behind any tensor bn(x) = x. The convolution is the identity
(`dirac_kernel`). So is a batch norm of mean 0, variance 1 - epsilon, gamma 1 and beta 0. In
training it takes the batch's own mean and variance, and is the identity only where beta and gamma
are these: `repair.recalibrate` sets them before the first training. Without a batch norm, with a
bias of 0, all is exact in training too.

Behind other vectors a dense layer without an activation would be exact as well, but it adds nothing
that the next one does not have: there is no site. Its kernel has as many weights as the vector has
values, squared, so that wide vectors, such as a flattened image, are left alone.

Source: Elsken, Metzen, Hutter (2017), Simple and Efficient Architecture Search (NASH). A batch norm
by itself, sizes of the kernel from 3 to 5 and a convolution without batch norm: Namekawa & Tezuka,
DEIM Forum 2019, A3-4, whose convolutions are drawn at random; from there also dropout behind any
tensor, in inference the identity, of a rate from 0 to 0.5, drawn evenly.
"""

import numpy as np

from prune_mi.graph.edit import fresh_name, insert_after
from prune_mi.graph.ir import LayerDef, LayerGraph, TensorRef
from prune_mi.graph.new_layers import identity_norm, new_conv, new_dense, stock_layer
from prune_mi.graph.site import Edit
from prune_mi.morphisms.insertion import InsertionBehind, InsertionBehindImage, num_channels

SIZES = (3, 4, 5)
MAX_WIDTH = 1024  # of a dense layer: a kernel of 4 MiB
_MAX_RATE = 0.5


class InsertConv(InsertionBehindImage):
    """Puts conv + BN + ReLU behind a channels-last image tensor that is never negative."""

    name = "insert-conv"
    has_norm = True  # behind the convolution

    def edit(self, graph: LayerGraph, rng: np.random.Generator, *, ref: TensorRef) -> Edit:
        size, channels = int(rng.choice(SIZES)), num_channels(graph, ref)
        layers = identity_conv(graph, "inserted", size=size, channels=channels, norm=self.has_norm)
        grown = insert_after(graph, ref, layers)
        return Edit(grown, f"{size}x{size} kernel, starts as the identity")


class InsertConvRelu(InsertConv):
    """Puts conv + ReLU behind such a tensor."""

    name = "insert-conv-relu"
    has_norm = False


class InsertDense(InsertionBehind):
    """Puts dense + ReLU behind a vector that is never negative."""

    name = "insert-dense"
    rank = 2
    channels_last = False
    rectified = True
    none = "no rectified vector to stay non-negative behind"
    none_fits = f"all rectified vectors have more than {MAX_WIDTH} values"

    def fits(self, graph: LayerGraph, ref: TensorRef) -> bool:
        """Whether its kernel would not be too large."""
        return num_channels(graph, ref) <= MAX_WIDTH

    def edit(self, graph: LayerGraph, rng: np.random.Generator, *, ref: TensorRef) -> Edit:
        width = num_channels(graph, ref)
        kernel, bias = np.eye(width, dtype=np.float32), np.zeros(width, np.float32)
        layers = (
            new_dense(fresh_name(graph, "inserted_dense"), kernel, bias),
            stock_layer("ReLU", fresh_name(graph, "inserted_relu")),
        )
        return Edit(insert_after(graph, ref, layers), f"{width} units, starts as the identity")


class InsertBatchNorm(InsertionBehind):
    """Puts a batch norm behind any tensor with channels last."""

    name = "insert-batch-norm"
    none = "no channels-last tensor inside the graph"

    def edit(self, graph: LayerGraph, rng: np.random.Generator, *, ref: TensorRef) -> Edit:
        norm = identity_norm(fresh_name(graph, "inserted_bn"), num_channels(graph, ref))
        return Edit(insert_after(graph, ref, (norm,)), "starts as the identity")


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
    relu = stock_layer("ReLU", fresh_name(graph, f"{stem}_relu"))
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


class InsertDropout(InsertionBehind):
    """Puts a dropout of random rate, 0 to 0.5, behind any tensor."""

    name = "insert-dropout"
    channels_last = False
    none = "no tensor inside the graph"

    def edit(self, graph: LayerGraph, rng: np.random.Generator, *, ref: TensorRef) -> Edit:
        rate = round(float(rng.uniform(0, _MAX_RATE)), 3)
        layer = stock_layer("Dropout", fresh_name(graph, "inserted_dropout"), rate=rate)
        return Edit(insert_after(graph, ref, (layer,)), f"rate {rate}")


MORPHISMS = (InsertConv(), InsertConvRelu(), InsertBatchNorm(), InsertDropout(), InsertDense())
