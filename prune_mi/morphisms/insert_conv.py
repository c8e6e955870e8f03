"""Conv + BN + ReLU, or conv + ReLU, behind a tensor x that is never negative.

    relu(bn(conv(x))) = x,  relu(conv(x)) = x

The convolution is the identity (`identity_conv`), so is a batch norm of mean 0, variance
1 - epsilon, gamma 1 and beta 0, and relu(x) = x for x >= 0. This is exact in inference. In training
the batch norm takes the batch's own mean and variance, and is the identity only where beta and
gamma are these: `repair.settle` sets them before the first training. Without a batch norm the
convolution has a bias of 0, and this is exact in training too.

Source: Elsken, Metzen, Hutter (2017), Simple and Efficient Architecture Search (NASH). Without the
batch norm: Namekawa & Tezuka, DEIM Forum 2019, A3-4, whose convolutions are drawn at random.
"""

import numpy as np

from prune_mi.graph.edit import fresh_name
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.new_layers import identity_norm, new_conv, new_relu
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.morphisms.identity_conv import dirac_kernel, draw_size
from prune_mi.morphisms.insertion import (
    Insertion,
    inserted,
    num_channels,
    rectified_images,
    sites_behind,
)
from prune_mi.morphisms.morphism import Edit, MorphContext, Site


class InsertConv(Insertion):
    """Puts conv + BN + ReLU behind a channels-last image tensor that is never negative."""

    name = "insert-conv"
    has_norm = True  # behind the convolution

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        images = rectified_images(graph)
        if isinstance(images, NotApplicable):
            return images
        return sites_behind(graph, images, self._edit)

    def _edit(self, graph: LayerGraph, ref: TensorRef, rng: np.random.Generator) -> Edit:
        size, channels = draw_size(rng), num_channels(graph, ref)
        norm = identity_norm(fresh_name(graph, "inserted_bn"), channels)
        bias = None if self.has_norm else np.zeros(channels, np.float32)
        layers = (
            new_conv(fresh_name(graph, "inserted_conv"), dirac_kernel(size, channels), bias),
            *([norm] if self.has_norm else []),
            new_relu(fresh_name(graph, "inserted_relu")),
        )
        return inserted(graph, ref, layers, f"{size}x{size} kernel, starts as the identity")


class InsertConvRelu(InsertConv):
    """Puts conv + ReLU behind such a tensor."""

    name = "insert-conv-relu"
    has_norm = False
