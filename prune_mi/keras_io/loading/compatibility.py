"""Where Keras 2 and Keras 3 mean the same by a configuration, so that neither need be asked.

What stands here was measured: `agreeing` in `tests/keras_io/write_keras2_models.py` has each layer
and each activation, and the two answer alike. All else may load without a complaint and compute
something else, as `hard_sigmoid` does; there Keras 2 is asked.
"""

from collections.abc import Mapping
from typing import Any

from prune_mi.keras_io.files.serialized import MODELS, function_name, policy_name

_DIMENSIONS = (1, 2, 3)
LAYERS = frozenset(
    {
        *("InputLayer", "Dense", "Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax"),
        *("BatchNormalization", "LayerNormalization", "Rescaling", "Dropout", "GaussianNoise"),
        *("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"),
        *("Flatten", "Reshape", "Permute", "RepeatVector"),
        *(f"Conv{n}D" for n in _DIMENSIONS),
        *(f"{kind}Pooling{n}D" for n in _DIMENSIONS for kind in ("Max", "Average")),
        *(f"Global{kind}Pooling{n}D" for n in _DIMENSIONS for kind in ("Max", "Average")),
        *(f"{kind}{n}D" for n in _DIMENSIONS for kind in ("ZeroPadding", "Cropping")),
    }
)
ACTIVATIONS = frozenset(
    {
        *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "swish", "mish"),
        *("sigmoid", "tanh", "softmax", "log_softmax", "softplus", "softsign", "exponential"),
    }
)
# What only training asks for.
_FOR_TRAINING = ("_initializer", "_regularizer", "_constraint")


def computes_the_same(config: Mapping[str, Any]) -> bool:
    """Whether both Kerases compute the same from a serialized model that both open."""
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, Mapping) else inner
    if str(config.get("class_name")) not in MODELS or not isinstance(layers, list):
        return False
    return all(isinstance(each, Mapping) and _layer_agrees(each) for each in layers)


def _layer_agrees(entry: Mapping[str, Any]) -> bool:
    settings = entry.get("config")
    if str(entry.get("class_name")) not in LAYERS or not isinstance(settings, Mapping):
        return False
    if entry["class_name"] == "InputLayer":
        return True
    if policy_name(settings.get("dtype")) not in (None, "float32"):
        return False
    return all(
        _value_agrees(key, value)
        for key, value in settings.items()
        if key != "dtype" and not str(key).endswith(_FOR_TRAINING)
    )


def _value_agrees(key: str, value: Any) -> bool:
    if key == "activation":
        name = function_name(value)
        return name is None or (isinstance(name, str) and name in ACTIVATIONS)
    # An object, such as a layer inside this one, of which nothing is known.
    return not isinstance(value, Mapping)
