"""The network that a search from nothing starts from, as small as one can be.

For images: input, rescaling, convolution 3x3 and ReLU (with a batch norm between them where that is
asked for), then what makes a vector of the maps, perhaps a hidden dense layer, and a dense layer
with a softmax. For vectors: input, rescaling, dense and ReLU, dense with a softmax.

The rescaling brings raw values to what weights are drawn for, so that a model that is saved takes
pixels as they are stored. It is the model's own and no step of its work: it is protected. What
makes a vector, and the layer of the classes, cannot go for their shapes. The ReLU can: a search
that is never to fall below its seed keeps it by counting layers.

The head decides what a search can make of the seed. Flattened maps are the paper's (Namekawa &
Tezuka, DEIM Forum 2019, A3-4, after Elsken, Metzen & Hutter 2017): most of the weights are in the
first dense layer, and pooling shrinks it. Pooled maps cost nothing behind them and can be deepened
at will.

Weights are drawn as Keras does where nothing is said: Glorot & Bengio (2010), uniform within
+-sqrt(6 / (fan in + fan out)); biases are 0.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from prune_mi.errors import ConfigError
from prune_mi.graph.edit import validate_graph
from prune_mi.graph.ir import LayerDef, LayerGraph, TensorRef
from prune_mi.graph.new_layers import (
    Chain,
    new_batch_norm,
    new_conv,
    new_dense,
    stock_layer,
)

Head = Literal["flatten", "gap"]
Affine = float | tuple[float, ...]
"""One number, or one for each channel or feature."""

_KERNEL = 3
# With few steps, the default of 0.99 would leave much of the initial statistics.
_NORM_MOMENTUM = 0.9
RESCALING = "rescaling"


@dataclass(frozen=True, slots=True)
class Rescaling:
    """What the seed does to raw values x first: scale x + offset."""

    scale: Affine = 1 / 255
    offset: Affine = 0.0


def seed_graph(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    rng: np.random.Generator,
    width: int = 16,
    head: Head = "flatten",
    hidden: int | None = None,
    batch_norm: bool = False,
    rescaling: Rescaling | None = None,
) -> LayerGraph:
    """Makes the smallest network for images or vectors, with weights drawn anew.

    Args:
        input_shape: Of one sample: (height, width, channels) or (features,).
        num_classes: Columns of the softmax, at least 2.
        rng: Draws the weights.
        width: Filters of the convolution, or units of the first dense layer of vectors.
        head: How images become a vector: all values, or the mean of each map.
        hidden: Units of a dense layer in front of the last one, which has a ReLU in it; None for
            none.
        batch_norm: Whether one stands in front of the first ReLU.
        rescaling: Of the raw values; None takes bytes to 0..1.

    Raises:
        ConfigError: If a size is not positive, there are fewer than 2 classes, the head has
            another name, or the shape is neither an image's nor a vector's.
    """
    _require(input_shape, num_classes, width, head, hidden)
    by = rescaling or Rescaling()
    scaling = stock_layer("Rescaling", RESCALING, scale=_plain(by.scale), offset=_plain(by.offset))
    chain = Chain.from_input("input", *input_shape).then(scaling, (None, *input_shape))
    *size, features = input_shape
    if size:
        kernel = _glorot((_KERNEL, _KERNEL, features, width), rng)
        first = new_conv("conv", kernel, np.zeros(width, np.float32))
    else:
        first = _dense("features", features, width, rng)
    chain, features = chain.then(first, (None, *size, width)), width
    if batch_norm:
        norm = new_batch_norm("norm", width, momentum=_NORM_MOMENTUM)
        chain = chain.then(norm, chain.shape)
    chain = chain.then(stock_layer("ReLU", "relu"), chain.shape)
    if size and head == "flatten":
        features = math.prod(size) * width
        chain = chain.then(stock_layer("Flatten", "flatten"), (None, features))
    elif size:
        chain = chain.then(stock_layer("GlobalAveragePooling2D", "pool"), (None, width))
    if hidden is not None:
        layer = _dense("hidden", features, hidden, rng, activation="relu")
        chain, features = chain.then(layer, (None, hidden)), hidden
    classes = _dense("classes", features, num_classes, rng, activation="softmax")
    chain = chain.then(classes, (None, num_classes))
    return validate_graph(
        LayerGraph(
            name="seed",
            layers={layer.name: layer for layer in chain.layers},
            nodes=chain.calls,
            inputs=(TensorRef("input"),),
            outputs=(chain.tensor,),
            input_structure=0,
            output_structure=0,
            protected=frozenset({RESCALING}),
        )
    )


def _dense(
    name: str, features: int, units: int, rng: np.random.Generator, *, activation: str = "linear"
) -> LayerDef:
    kernel = _glorot((features, units), rng)
    return new_dense(name, kernel, np.zeros(units, np.float32), activation=activation)


def _glorot(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """A kernel `(*sizes, channels, filters)`, float32."""
    limit = np.sqrt(6 / (math.prod(shape[:-2]) * (shape[-2] + shape[-1])))
    return rng.uniform(-limit, limit, shape).astype(np.float32)


def _require(
    input_shape: tuple[int, ...], num_classes: int, width: int, head: str, hidden: int | None
) -> None:
    if len(input_shape) not in (1, 3) or min(input_shape) < 1:
        raise ConfigError(
            f"the seed's input has the shape {input_shape}; expected (height, width, channels) or "
            "(features,), all positive"
        )
    if num_classes < 2:
        raise ConfigError(f"the seed has {num_classes} classes; expected at least 2")
    if width < 1 or (hidden is not None and hidden < 1):
        raise ConfigError(
            f"the seed's width is {width} and its hidden layer's {hidden}; expected positive "
            "numbers"
        )
    if head not in ("flatten", "gap"):
        raise ConfigError(f"the seed's head is {head!r}; expected 'flatten' or 'gap'")


def _plain(value: Affine) -> float | list[float]:
    """As JSON has it, and so the file of a saved model."""
    return list(value) if isinstance(value, tuple) else value
