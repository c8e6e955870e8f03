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

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from prune_mi.errors import ConfigError
from prune_mi.graph.edit import read_only
from prune_mi.graph.end_layers import stock_layer
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, Shape, TensorRef, TensorSpec
from prune_mi.graph.validate import validate_graph

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
    growing = _Growing(input_shape, rng)
    given = rescaling or Rescaling()
    growing.keep("Rescaling", RESCALING, scale=_plain(given.scale), offset=_plain(given.offset))
    if len(input_shape) == 3:
        growing.conv("conv", width)
    else:
        growing.dense("features", width)
    if batch_norm:
        growing.norm("norm")
    growing.keep("ReLU", "relu")
    if len(input_shape) == 3 and head == "flatten":
        growing.call("Flatten", "flatten", (int(np.prod(growing.shape)),))
    elif len(input_shape) == 3:
        growing.call("GlobalAveragePooling2D", "pool", growing.shape[-1:])
    if hidden is not None:
        growing.dense("hidden", hidden, activation="relu")
    growing.dense("classes", num_classes, activation="softmax")
    return validate_graph(
        LayerGraph(
            name="seed",
            layers=growing.layers,
            nodes=tuple(growing.nodes),
            inputs=(TensorRef("input"),),
            outputs=(TensorRef("classes"),),
            input_structure=0,
            output_structure=0,
            protected=frozenset({RESCALING}),
        )
    )


class _Growing:
    """A chain of layers; each is called on what the one before yields."""

    def __init__(self, input_shape: tuple[int, ...], rng: np.random.Generator) -> None:
        self.layers: dict[str, LayerDef] = {}
        self.nodes: list[Node] = []
        self.shape = input_shape
        self._rng = rng
        self.call("InputLayer", "input", input_shape, batch_shape=[None, *input_shape])

    def call(
        self,
        class_name: str,
        name: str,
        shape: tuple[int, ...],
        weights: dict[str, np.ndarray] | None = None,
        **config: Any,
    ) -> None:
        """Adds a layer that yields samples of this shape."""
        arrays = weights or {}
        frozen = tuple(read_only(array) for array in arrays.values())
        layer = stock_layer(class_name, name, **config)
        self.layers[name] = replace(layer, weights=frozen, weight_names=tuple(arrays))
        before = (TensorRef(self.nodes[-1].name),) if self.nodes else ()
        batch: Shape = (None, *shape)
        self.nodes.append(Node(name, name, before, {}, (TensorSpec(batch, "float32"),)))
        self.shape = shape

    def keep(self, class_name: str, name: str, **config: Any) -> None:
        """Adds a layer without weights that keeps its input's shape."""
        self.call(class_name, name, self.shape, **config)

    def conv(self, name: str, filters: int) -> None:
        """Adds a convolution that keeps height and width."""
        *size, channels = self.shape
        area = _KERNEL * _KERNEL
        kernel = self._glorot(
            (_KERNEL, _KERNEL, channels, filters), area * channels, area * filters
        )
        self.call(
            "Conv2D",
            name,
            (*size, filters),
            {"kernel": kernel, "bias": np.zeros(filters, np.float32)},
            filters=filters,
            kernel_size=[_KERNEL, _KERNEL],
            padding="same",
            data_format="channels_last",
        )

    def dense(self, name: str, units: int, *, activation: str = "linear") -> None:
        """Adds a dense layer."""
        features = self.shape[-1]
        kernel = self._glorot((features, units), features, units)
        weights = {"kernel": kernel, "bias": np.zeros(units, np.float32)}
        self.call("Dense", name, (units,), weights, units=units, activation=activation)

    def norm(self, name: str) -> None:
        """Adds a batch norm over the last axis."""
        ones, zeros = np.ones(self.shape[-1], np.float32), np.zeros(self.shape[-1], np.float32)
        weights = {"gamma": ones, "beta": zeros, "moving_mean": zeros, "moving_variance": ones}
        self.call("BatchNormalization", name, self.shape, weights, momentum=_NORM_MOMENTUM)

    def _glorot(self, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        limit = np.sqrt(6 / (fan_in + fan_out))
        return self._rng.uniform(-limit, limit, shape).astype(np.float32)


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
