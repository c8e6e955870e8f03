"""Conv + ReLU behind a tensor x that is never negative: relu(conv(x)) = x.

The convolution is the identity (`identity_conv`) and its bias is 0. With no batch norm between
them, this is exact in training too.

Source: Namekawa & Tezuka, DEIM Forum 2019, A3-4, whose convolutions are drawn at random; that the
new one starts as the identity is from Elsken, Metzen, Hutter (2017).
"""

import numpy as np

from prune_mi.graph.edit import fresh_name
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.new_layers import new_conv, new_relu
from prune_mi.morphisms.identity_conv import dirac_kernel, draw_size
from prune_mi.morphisms.insertion import inserted, num_channels, rectified_images
from prune_mi.morphisms.morphism import MorphContext, Morphed, NoSite
from prune_mi.morphisms.site import draw_site


class InsertConvRelu:
    """Puts conv + ReLU behind a channels-last image tensor that is never negative."""

    name = "insert-conv-relu"
    keeps_function = True

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        sites = rectified_images(graph)
        if isinstance(sites, NoSite):
            return sites
        ref = draw_site(graph, sites, context, rng, kind=self.name, tensor=lambda each: each)
        size, channels = draw_size(rng), num_channels(graph, ref)
        bias = np.zeros(channels, np.float32)
        layers = (
            new_conv(fresh_name(graph, "inserted_conv"), dirac_kernel(size, channels), bias),
            new_relu(fresh_name(graph, "inserted_relu")),
        )
        return inserted(graph, ref, layers, self.name, f"{size}x{size} identity")
