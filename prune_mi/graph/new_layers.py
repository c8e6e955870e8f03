"""Layers that edits add: float32, channels last, their weights given."""

from dataclasses import replace
from typing import Any

import numpy as np

from prune_mi.graph.edit import read_only
from prune_mi.graph.end_layers import stock_layer
from prune_mi.graph.ir import LayerDef

EPSILON = 1e-3


def new_conv(name: str, kernel: np.ndarray, bias: np.ndarray | None = None) -> LayerDef:
    """A convolution of stride 1 and 'same' padding, without an activation.

    Args:
        name: Borne by no other layer.
        kernel: float32 `(*sizes, channels, filters)`, one size a spatial axis, of which there are 1
            to 3.
        bias: float32 `(filters,)`, or None for a layer without one.
    """
    sizes = list(kernel.shape[:-2])
    layer = stock_layer(
        f"Conv{len(sizes)}D",
        name,
        filters=kernel.shape[-1],
        kernel_size=sizes,
        strides=[1] * len(sizes),
        padding="same",
        data_format="channels_last",
        use_bias=bias is not None,
    )
    return _with_kernel(layer, kernel, bias)


def new_dense(name: str, kernel: np.ndarray, bias: np.ndarray | None = None) -> LayerDef:
    """A Dense without an activation; the kernel is float32 `(values, units)`."""
    layer = stock_layer("Dense", name, units=kernel.shape[-1], use_bias=bias is not None)
    return _with_kernel(layer, kernel, bias)


def new_batch_norm(name: str, channels: int, *, gamma: float = 1.0) -> LayerDef:
    """A batch norm over the last axis that multiplies by gamma in inference: by 1, the identity.

    Its beta and moving mean are 0, its moving variance is 1 - epsilon.
    """
    ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    weights = {
        "gamma": ones * np.float32(gamma),
        "beta": zeros,
        "moving_mean": zeros,
        "moving_variance": ones - np.float32(EPSILON),
    }
    return _with_weights(stock_layer("BatchNormalization", name, epsilon=EPSILON), weights)


def new_relu(name: str) -> LayerDef:
    """A plain ReLU."""
    return stock_layer("ReLU", name)


def new_dropout(name: str, rate: float) -> LayerDef:
    """A dropout; the rate is in [0, 1)."""
    return stock_layer("Dropout", name, rate=rate)


def new_pooling(name: str, strides: tuple[int, ...]) -> LayerDef:
    """Max pooling over windows that do not overlap, with 'same' padding.

    Args:
        name: Borne by no other layer.
        strides: Sizes of the window, one a spatial axis, of which there are 1 to 3: n values become
            ceil(n / stride).
    """
    return stock_layer(
        f"MaxPooling{len(strides)}D",
        name,
        pool_size=list(strides),
        strides=list(strides),
        padding="same",
        data_format="channels_last",
    )


def _with_kernel(layer: LayerDef, kernel: np.ndarray, bias: np.ndarray | None) -> LayerDef:
    weights = {"kernel": kernel} if bias is None else {"kernel": kernel, "bias": bias}
    return _with_weights(layer, weights)


def _with_weights(layer: LayerDef, weights: dict[str, Any]) -> LayerDef:
    arrays = tuple(read_only(array) for array in weights.values())
    return replace(layer, weights=arrays, weight_names=tuple(weights))
