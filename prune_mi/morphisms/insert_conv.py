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
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.new_layers import identity_norm, new_conv, new_relu
from prune_mi.morphisms.identity_conv import dirac_kernel, draw_size
from prune_mi.morphisms.insertion import inserted, num_channels, rectified_images
from prune_mi.morphisms.morphism import MorphContext, Morphed, NoSite
from prune_mi.morphisms.site import draw_site


class InsertConv:
    """Puts conv + BN + ReLU behind a channels-last image tensor that is never negative."""

    name = "insert-conv"
    keeps_function = True
    has_norm = True  # behind the convolution

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        sites = rectified_images(graph)
        if isinstance(sites, NoSite):
            return sites
        ref = draw_site(graph, sites, context, rng, kind=self.name, tensor=lambda each: each)
        size, channels = draw_size(rng), num_channels(graph, ref)
        norm = identity_norm(fresh_name(graph, "inserted_bn"), channels)
        bias = None if self.has_norm else np.zeros(channels, np.float32)
        layers = (
            new_conv(fresh_name(graph, "inserted_conv"), dirac_kernel(size, channels), bias),
            *([norm] if self.has_norm else []),
            new_relu(fresh_name(graph, "inserted_relu")),
        )
        reason = f"{size}x{size} kernel, starts as the identity"
        return inserted(graph, ref, layers, self.name, reason)


class InsertConvRelu(InsertConv):
    """Puts conv + ReLU behind such a tensor."""

    name = "insert-conv-relu"
    has_norm = False
