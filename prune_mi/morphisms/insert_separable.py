"""A separable convolution that begins as the identity: the network answers as before.

Behind a tensor x that is never negative stand

    relu(bn(pointwise(relu(bn(depthwise(x)))))) = x,

one 3x3 filter for each channel, then a 1x1 convolution that mixes them, both the identity
(`insert_identity.dirac_kernel`), with batch norms as there. Of C channels it takes 9 C + C^2
multiplications for each value of the image, a convolution of 3x3 takes 9 C^2: it deepens a network
that is to stay small.

Source: Howard et al. (2017), MobileNets; begun as the identity as in Elsken, Metzen, Hutter (2017).
"""

from dataclasses import replace

import numpy as np

from prune_mi.graph.edit import fresh_name, insert_after, read_only
from prune_mi.graph.ir import LayerDef, LayerGraph, TensorRef
from prune_mi.graph.new_layers import identity_norm, stock_layer
from prune_mi.graph.site import Edit
from prune_mi.morphisms.insert_identity import identity_conv
from prune_mi.morphisms.insertion import InsertionBehindImage, num_channels

_SIZE = 3


class InsertSeparable(InsertionBehindImage):
    """Puts depthwise conv + BN + ReLU + pointwise conv + BN + ReLU behind such a tensor."""

    name = "insert-separable"

    def edit(self, graph: LayerGraph, rng: np.random.Generator, *, ref: TensorRef) -> Edit:
        """See `InsertionBehind`."""
        channels = num_channels(graph, ref)
        layers = (
            _identity_depthwise(fresh_name(graph, "inserted_depthwise"), channels),
            identity_norm(fresh_name(graph, "inserted_depthwise_bn"), channels),
            stock_layer("ReLU", fresh_name(graph, "inserted_depthwise_relu")),
            *identity_conv(graph, "inserted_pointwise", size=1, channels=channels),
        )
        reason = f"{_SIZE}x{_SIZE} and 1x1 kernels, starts as the identity"
        return Edit(insert_after(graph, ref, layers), reason)


MORPHISMS = (InsertSeparable(),)


def _identity_depthwise(name: str, channels: int) -> LayerDef:
    kernel = np.zeros((_SIZE, _SIZE, channels, 1), np.float32)
    kernel[_SIZE // 2, _SIZE // 2] = 1
    layer = stock_layer(
        "DepthwiseConv2D",
        name,
        kernel_size=[_SIZE, _SIZE],
        strides=[1, 1],
        dilation_rate=[1, 1],
        depth_multiplier=1,
        padding="same",
        data_format="channels_last",
        activation="linear",
        use_bias=False,
    )
    return replace(layer, weights=(read_only(kernel),), weight_names=("kernel",))
