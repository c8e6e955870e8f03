"""Conv + BN + ReLU, or conv + ReLU, behind a tensor x that is never negative.

    relu(bn(conv(x))) = x,  relu(conv(x)) = x

The convolution is the identity (`insertion.dirac_kernel`), so is a batch norm of mean 0, variance
1 - epsilon, gamma 1 and beta 0, and relu(x) = x for x >= 0. This is exact in inference. In training
the batch norm takes the batch's own mean and variance, and is the identity only where beta and
gamma are these: `repair.settle` sets them before the first training. Without a batch norm the
convolution has a bias of 0, and this is exact in training too.

Source: Elsken, Metzen, Hutter (2017), Simple and Efficient Architecture Search (NASH). Sizes from
3 to 5, and no batch norm: Namekawa & Tezuka, DEIM Forum 2019, A3-4, whose convolutions are drawn at
random.
"""

import numpy as np

from prune_mi.graph.edit import insert_after
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Edit
from prune_mi.morphisms.insertion import (
    InsertionBehind,
    identity_conv,
    num_channels,
    rectified_images,
)

SIZES = (3, 4, 5)


class InsertConv(InsertionBehind):
    """Puts conv + BN + ReLU behind a channels-last image tensor that is never negative."""

    name = "insert-conv"
    has_norm = True  # behind the convolution

    def tensors(self, graph: LayerGraph) -> list[TensorRef] | NotApplicable:
        """See `InsertionBehind`."""
        return rectified_images(graph)

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
