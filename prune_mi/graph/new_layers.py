"""Layers that edits add and seeds have: float32, channels last, their weights given."""

from dataclasses import replace
from typing import Any

import numpy as np

from prune_mi.graph.edit import read_only
from prune_mi.graph.end_layers import stock_layer
from prune_mi.graph.ir import LayerDef

EPSILON = 1e-3
_IDENTITY = {"gamma": 1.0, "beta": 0.0, "moving_mean": 0.0, "moving_variance": 1.0 - EPSILON}


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


def new_dense(
    name: str,
    kernel: np.ndarray,
    bias: np.ndarray | None = None,
    *,
    activation: str = "linear",
) -> LayerDef:
    """A Dense; the kernel is float32 `(values, units)`."""
    config = {"units": kernel.shape[-1], "use_bias": bias is not None, "activation": activation}
    return _with_kernel(stock_layer("Dense", name, **config), kernel, bias)


def new_batch_norm(
    name: str,
    channels: int,
    *,
    gamma: float = 1.0,
    variance: float = 1.0,
    momentum: float = 0.99,
) -> LayerDef:
    """A batch norm over the last axis; where nothing else is said, as Keras makes one."""
    values = {"gamma": gamma, "beta": 0.0, "moving_mean": 0.0, "moving_variance": variance}
    weights = {name: np.full(channels, value, np.float32) for name, value in values.items()}
    norm = stock_layer("BatchNormalization", name, epsilon=EPSILON, momentum=momentum)
    return _with_weights(norm, weights)


def identity_norm(name: str, channels: int) -> LayerDef:
    """A batch norm over the last axis that is the identity in inference; see `repair.settle`.

    Its gamma is 1, its beta and moving mean are 0, its moving variance is 1 - epsilon.
    """
    return new_batch_norm(name, channels, variance=1.0 - EPSILON)


def is_identity_norm(layer: LayerDef) -> bool:
    """Whether a layer is an `identity_norm`, also of other channels, and has not been trained."""
    if layer.class_name != "BatchNormalization" or len(layer.weights) != len(_IDENTITY):
        return False
    return layer.config.get("epsilon") == EPSILON and all(
        bool(np.all(weight == np.float32(_IDENTITY.get(name, np.nan))))
        for weight, name in zip(layer.weights, layer.weight_names, strict=True)
    )


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
