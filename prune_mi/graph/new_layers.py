"""New layers, and calls of them: float32, channels last.

What edits read of kernels and batch norms is spelled out in their settings, as Keras itself does in
a model's configuration; what is not said of other layers is Keras's default.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from prune_mi.graph.edit import read_only
from prune_mi.graph.ir import LayerDef, Node, Shape, TensorRef, TensorSpec

FLOAT = "float32"
EPSILON = 1e-3
_IDENTITY = {"gamma": 1.0, "beta": 0.0, "moving_mean": 0.0, "moving_variance": 1.0 - EPSILON}


@dataclass(frozen=True, slots=True)
class Chain:
    """Calls of new float32 layers, one behind the other.

    Attributes:
        layers: What is called, in order.
        calls: Their calls.
        tensor: What the last of them yields; the start where there are none.
        shape: Of that tensor.
    """

    layers: tuple[LayerDef, ...]
    calls: tuple[Node, ...]
    tensor: TensorRef
    shape: Shape

    @classmethod
    def from_input(cls, name: str, *shape: int) -> "Chain":
        """An input layer of float32 samples."""
        layer = stock_layer("InputLayer", name, batch_shape=[None, *shape])
        call = Node(name, name, (), {}, (float_spec(*shape),))
        return cls((layer,), (call,), TensorRef(name), (None, *shape))

    def then(self, layer: LayerDef, shape: Shape, *, before: tuple[TensorRef, ...] = ()) -> "Chain":
        """The chain with one more call; of a join, `before` are the tensors it reads first."""
        args = ([*before, self.tensor],) if before else (self.tensor,)
        spec = float_spec(*shape[1:])
        call = Node(layer.name, layer.name, args, {}, (spec,))
        return Chain((*self.layers, layer), (*self.calls, call), TensorRef(layer.name), spec.shape)


def float_spec(*shape: int | None) -> TensorSpec:
    """A float32 tensor; the batch axis goes before `shape`."""
    return TensorSpec((None, *shape), FLOAT)


def stock_layer(class_name: str, name: str, **config: Any) -> LayerDef:
    """A float32 layer of Keras without weights."""
    serialized = {
        "module": "keras.layers",
        "class_name": class_name,
        "config": {"name": name, "dtype": FLOAT, **config},
        "registered_name": None,
    }
    return LayerDef(name, class_name, serialized)


def cast_layer(name: str, dtype: str) -> LayerDef:
    """`keras.ops.cast`: to a layer of another type Keras adds one under a name of its own."""
    serialized = {
        "module": "keras.src.ops.core",  # where a traced cast is found too
        "class_name": "Cast",
        "config": {"name": name, "dtype": dtype},
        "registered_name": "Cast",
    }
    return LayerDef(name, "Cast", serialized)


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
        strides=[1] * len(sizes),
        dilation_rate=[1] * len(sizes),
        groups=1,
        padding="same",
        data_format="channels_last",
        activation="linear",
        use_bias=bias is not None,
        filters=kernel.shape[-1],
        kernel_size=sizes,
    )
    return _with_weights(layer, kernel=kernel, bias=bias)


def new_dense(
    name: str,
    kernel: np.ndarray,
    bias: np.ndarray | None = None,
    *,
    activation: str = "linear",
) -> LayerDef:
    """A Dense; the kernel is float32 `(values, units)`."""
    config = {"activation": activation, "use_bias": bias is not None, "units": kernel.shape[-1]}
    return _with_weights(stock_layer("Dense", name, **config), kernel=kernel, bias=bias)


def new_batch_norm(
    name: str,
    channels: int,
    *,
    gamma: float = 1.0,
    variance: float = 1.0,
    momentum: float = 0.99,
) -> LayerDef:
    """A batch norm over the last axis; where nothing else is said, as Keras makes one."""
    config = {"axis": -1, "momentum": momentum, "epsilon": EPSILON, "center": True, "scale": True}
    values = {"gamma": gamma, "beta": 0.0, "moving_mean": 0.0, "moving_variance": variance}
    weights = {name: np.full(channels, value, np.float32) for name, value in values.items()}
    return _with_weights(stock_layer("BatchNormalization", name, **config), **weights)


def identity_norm(name: str, channels: int) -> LayerDef:
    """A batch norm over the last axis that is the identity in inference; see `repair.recalibrate`.

    Its gamma is 1, its beta and moving mean are 0, its moving variance is 1 - epsilon.
    """
    return new_batch_norm(name, channels, variance=1.0 - EPSILON)


def is_identity_norm(layer: LayerDef) -> bool:
    """Whether a layer is an `identity_norm`, also of other channels, and has not been trained."""
    if layer.class_name != "BatchNormalization" or len(layer.weights) != len(_IDENTITY):
        return False
    return layer.config.get("epsilon") == EPSILON and all(
        bool(np.all(weight == np.float32(_IDENTITY.get(name, np.nan))))
        for name, weight in layer.named_weights
    )


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


def _with_weights(layer: LayerDef, **weights: np.ndarray | None) -> LayerDef:
    held = {name: read_only(weight) for name, weight in weights.items() if weight is not None}
    return replace(layer, weights=tuple(held.values()), weight_names=tuple(held))
