"""Layer configurations of Keras 2 in the terms of Keras 3. Plain data in and out, no Keras.

Where the two mean the same by a configuration, neither need be asked. What is listed for that was
measured: `agreeing` in `tests/keras_io/write_keras2_models.py` has each layer and each activation,
and the two answer alike. All else may load without a complaint and compute something else, as
`hard_sigmoid` does; there Keras 2 is asked.
"""

from collections.abc import Callable, Mapping
from typing import Any

from prune_mi.errors import ModelError
from prune_mi.keras_io.files.serialized import MODELS, function_name, policy_name

Config = dict[str, Any]

# Classes that Keras 3 has under another name, with what that one must be told.
REPLACED_CLASSES: Mapping[str, tuple[str, Config]] = {
    "ThresholdedReLU": ("ReLU", {}),
    "SyncBatchNormalization": ("BatchNormalization", {"synchronized": True}),
    "BatchNormalizationV1": ("BatchNormalization", {}),
    "BatchNormalizationV2": ("BatchNormalization", {}),
}

# Where TensorFlow has initializers of its own, such as `tf.constant_initializer`. Their classes
# have the names of Keras's.
TENSORFLOW_INITIALIZERS = frozenset({f"tensorflow.python.ops.init_ops{v}" for v in ("", "_v2")})

_RENAMED: Mapping[str, Mapping[str, str]] = {
    "LeakyReLU": {"alpha": "negative_slope"},
    "ThresholdedReLU": {"theta": "threshold"},
}

# Arguments that say nothing, or nothing that is not known by now; all else that is unknown to
# Keras 3 is refused.
_DROPPED = frozenset({"batch_input_shape", "input_length", "build_input_shape", "rng_type"})
_DROPPED_OF: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        ("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"),
        frozenset({"kernel_initializer", "kernel_regularizer", "kernel_constraint"}),
    ),
    "BatchNormalization": frozenset({"fused"}),
    **dict.fromkeys(("LSTM", "GRU", "LSTMCell", "GRUCell"), frozenset({"implementation"})),
    # Keras 3 counts its words itself.
    **dict.fromkeys(
        ("IntegerLookup", "StringLookup", "TextVectorization"),
        frozenset({"vocabulary_size", "has_input_vocabulary"}),
    ),
    "MultiHeadAttention": frozenset({"query_shape", "key_shape", "value_shape"}),
    **dict.fromkeys((f"SpatialDropout{n}D" for n in (1, 2, 3)), frozenset({"noise_shape"})),
}

# Arguments that Keras 3 does not have, with a value at which they change nothing; None and False
# change nothing anywhere.
_NEUTRAL: Mapping[str, Any] = {"groups": 1}

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


def rewrite_layer(class_name: str, config: Mapping[str, Any], *, where: str) -> tuple[str, Config]:
    """A layer's class and configuration as Keras 3 wants them.

    Args:
        class_name: Of Keras 2.
        config: What `get_config()` of Keras 2 gives.
        where: The layer's name, for messages.

    Returns:
        The class's name in Keras 3, and its configuration. Layers inside it are rewritten too.

    Raises:
        ModelError: If the layer has another model inside it.
    """
    renamed = _RENAMED.get(class_name, {})
    target, extra = REPLACED_CLASSES.get(class_name, (class_name, {}))
    dropped = _DROPPED | _DROPPED_OF.get(target, frozenset())
    rewritten = {
        renamed.get(key, key): _rewrite_value(value, where)
        for key, value in config.items()
        if key not in dropped
    }
    rewritten |= extra
    if "dtype" in rewritten:
        rewritten["dtype"] = policy_name(rewritten["dtype"])
    axis = rewritten.get("axis")
    if isinstance(axis, list) and len(axis) == 1:  # as Keras 2 writes one of batch norm
        rewritten["axis"] = axis[0]
    if target == "Lambda":
        rewritten = _lambda(rewritten)
    return target, rewritten


def drop_unknown(
    class_name: str, config: Mapping[str, Any], is_known: Callable[[str], bool], *, where: str
) -> Config:
    """The configuration without arguments that Keras 3's class does not have.

    Raises:
        ModelError: If such an argument has a value that would change what the layer does.
    """
    kept = {}
    for key, value in config.items():
        if is_known(key):
            kept[key] = value
        elif not (value is None or value is False or value == _NEUTRAL.get(key)):
            raise ModelError(
                f"the layer {where!r} has {key}={value!r}, which {class_name} of Keras 3 does not "
                "know; build the model without it and save it again"
            )
    return kept


def clean_name(name: str) -> str:
    """A name that Keras 3 allows: it keeps slashes for paths."""
    return name.replace("/", "_")


def _rewrite_value(value: Any, where: str) -> Any:
    if isinstance(value, list | tuple):
        return [_rewrite_value(item, where) for item in value]
    if not isinstance(value, Mapping):
        return value
    if isinstance(value.get("class_name"), str) and isinstance(value.get("config"), Mapping):
        class_name = value["class_name"]
        if class_name in MODELS:
            raise ModelError(
                f"the layer {where!r} wraps a whole model, {class_name}; expected a single layer "
                "in it. Rebuild the model with the wrapped model's layers wrapped one by one"
            )
        if class_name == "Policy":
            return policy_name(value)
        if value.get("module") in TENSORFLOW_INITIALIZERS:
            return {**value, "module": "keras.initializers", "registered_name": None}
        target, config = rewrite_layer(class_name, value["config"], where=where)
        if config.get("trainable") is True:
            del config["trainable"]  # not every class takes it
        return {**value, "class_name": target, "config": config}
    return {key: _rewrite_value(item, where) for key, item in value.items()}


def _lambda(config: Config) -> Config:
    """Keras 2 wrote a function as a list: its code, defaults and closure."""
    legacy = ("module", "function_type", "output_shape_type", "output_shape_module")
    kept = {key: value for key, value in config.items() if key not in legacy}
    function = kept.get("function")
    if isinstance(function, list) and len(function) == 3:
        code, defaults, closure = function
        parts = {"code": code, "defaults": defaults, "closure": closure}
        kept["function"] = {"class_name": "__lambda__", "config": parts}
    if kept.get("output_shape") is None:
        kept.pop("output_shape", None)
    if kept.get("mask") is None:
        kept.pop("mask", None)
    return kept


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
