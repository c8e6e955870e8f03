"""The layers that pack ends together, and what they need to know of these."""

import math
import re
from typing import Any

from prune_mi.errors import ModelError
from prune_mi.graph.ir import LayerDef, LayerGraph, Shape, TensorRef, TensorSpec

FLOAT = "float32"


def size_of(graph: LayerGraph, ref: TensorRef, end: str) -> int:
    """Values of one sample of an input or output.

    Raises:
        ModelError: If its size is unknown, or it holds no numbers.
    """
    spec = graph.spec(ref)
    axes = [axis for axis in spec.shape[1:] if axis]
    numeric = any(word in spec.dtype for word in ("float", "int", "bool"))
    if not spec.shape or len(axes) != len(spec.shape) - 1 or not numeric:
        raise ModelError(
            f"the model's {end} {ref.node!r} has the shape {spec.shape} and the type {spec.dtype}; "
            f"expected numbers in a shape that is known, the batch apart, since the model has "
            "several"
        )
    return math.prod(axes)


def float_spec(*shape: int | None) -> TensorSpec:
    """A float32 tensor; the batch axis goes before `shape`."""
    known: Shape = (None, *shape)
    return TensorSpec(known, FLOAT)


def stock_layer(class_name: str, name: str, **config: Any) -> LayerDef:
    """A float32 layer of Keras without weights; what is not said of it is Keras's default.

    What edits read of kernels and batch norms is spelled out, as Keras itself does in a model's
    configuration.
    """
    serialized = {
        "module": "keras.layers",
        "class_name": class_name,
        "config": {"name": name, "dtype": FLOAT, **_defaults(class_name), **config},
        "registered_name": None,
    }
    return LayerDef(name, class_name, serialized)


def _defaults(class_name: str) -> dict[str, Any]:
    if class_name == "BatchNormalization":
        return {"axis": -1, "momentum": 0.99, "epsilon": 1e-3, "center": True, "scale": True}
    if class_name == "Dense":
        return {"activation": "linear", "use_bias": True}
    convolution = re.fullmatch(r"Conv([123])D", class_name)
    if convolution is None:
        return {}
    ones = [1] * int(convolution[1])
    return {
        **{"strides": ones, "dilation_rate": ones, "groups": 1, "padding": "valid"},
        **{"data_format": "channels_last", "activation": "linear", "use_bias": True},
    }


def cast_layer(name: str, dtype: str) -> LayerDef:
    """`keras.ops.cast`: to a layer of another type Keras adds one under a name of its own."""
    serialized = {
        "module": "keras.src.ops.core",  # where a traced cast is found too
        "class_name": "Cast",
        "config": {"name": name, "dtype": dtype},
        "registered_name": "Cast",
    }
    return LayerDef(name, "Cast", serialized)
