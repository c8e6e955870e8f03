"""One layer of Keras 3 for one of Keras 2."""

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import keras

from prune_mi.errors import ModelError, first_line
from prune_mi.keras_io.files.serialized import function_name, policy_name
from prune_mi.keras_io.runtime.trust import find_custom
from prune_mi.keras_io.upgrade.description import LayerEntry
from prune_mi.keras_io.upgrade.rewriting import drop_unknown, rewrite_layer

# Layers that apply their activation last and to all that they put out.
_LAST = frozenset(
    {
        *("Activation", "Dense", "EinsumDense"),
        *(f"Conv{n}D{kind}" for n in (1, 2, 3) for kind in ("", "Transpose")),
        *(f"{kind}Conv{n}D" for n in (1, 2) for kind in ("Depthwise", "Separable")),
    }
)


def make_layer(entry: LayerEntry, *, name: str, trainable: bool) -> Any:
    """Makes the layer, not built yet.

    Args:
        entry: The layer of Keras 2.
        name: What the new one is called.
        trainable: Its flag; a layer in a frozen model is frozen.

    Raises:
        ModelError: If Keras 3 has no such class, or its class refuses the configuration.
    """
    class_name, config = rewrite_layer(entry.class_name, entry.config, where=entry.name)
    config |= {"name": name, "dtype": policy_name(entry.dtype)}
    config.pop("trainable", None)  # not every class takes it; it is set below
    cls = _find_class(entry, class_name)
    if entry.registered_name is None:
        config = _accepted(cls, config, entry.name)
    try:
        layer = cls.from_config(config)
    except Exception as error:  # a layer's own class raises whatever it likes
        raise ModelError(
            f"{class_name} of Keras {keras.__version__} refuses the configuration of the layer "
            f"{entry.name!r}: {first_line(error)}"
        ) from error
    layer.trainable = trainable
    return layer


def assign_weights(layer: Any, weights: list[Any], *, name: str) -> None:
    """Gives a built layer its weights, in the order of Keras 2: trainable ones first.

    Raises:
        ModelError: If their number or shapes are not the layer's.
    """
    variables = [*layer.trainable_weights, *layer.non_trainable_weights]
    received = [tuple(weight.shape) for weight in weights]
    expected = [tuple(variable.shape) for variable in variables]
    if received != expected:
        raise ModelError(
            f"the layer {name!r} has weights of the shapes {received}, and Keras 3's layer of the "
            f"same configuration expects {expected}; save the model again"
        )
    for variable, weight in zip(variables, weights, strict=True):
        variable.assign(weight)
    if weights and hasattr(layer, "finalize_state"):
        layer.finalize_state()  # Normalization computes with what it finds here


def without_hard_sigmoid(entry: LayerEntry) -> LayerEntry | None:
    """A layer of Keras's own without its final `hard_sigmoid`; None where it does not have one.

    The two Kerases mean different functions by it. For Keras 2 it is 0.2 x + 0.5, for Keras 3
    relu6(x + 3) / 6, each cut off at 0 and 1. What Keras 2 means is written as two layers behind
    the one that had it as its activation.

    Raises:
        ModelError: If it applies that function inside, where it cannot be split off.
    """
    if entry.registered_name is not None or entry.graph is not None:
        # The user's own class does as it likes, and a model's layers are seen one by one.
        return None
    split = _split(entry.class_name, entry.config)
    for key in _hard_settings(entry.config if split is None else split):
        raise ModelError(
            f"the layer {entry.name!r} ({entry.class_name}) has {key}='hard_sigmoid', which is "
            "0.2 x + 0.5 in Keras 2 and relu6(x + 3) / 6 in Keras 3; the layer applies it inside, "
            "where it cannot be replaced. Train the model with another function there, such as "
            "'sigmoid'"
        )
    return None if split is None else replace(entry, config=split)


def hard_sigmoid(name: str, scaled_name: str, dtype: str) -> tuple[Any, Any]:
    """Two layers that compute what Keras 2 calls `hard_sigmoid`, the one behind the other.

    Args:
        name: Of the second.
        scaled_name: Of the first.
        dtype: The name of their policy.
    """
    policy = policy_name(dtype)
    return (
        keras.layers.Rescaling(0.2, 0.5, name=scaled_name, dtype=policy),
        keras.layers.ReLU(max_value=1.0, name=name, dtype=policy),
    )


def _find_class(entry: LayerEntry, class_name: str) -> Any:
    if entry.registered_name is not None:
        found = find_custom(entry.registered_name, class_name)
        hint = "pass --custom-objects with the module or the .py file that defines it"
    else:
        found = getattr(keras.layers, class_name, None)
        hint = "replace it by a layer that Keras 3 has, and save the model again"
    if found is None:
        raise ModelError(
            f"the layer {entry.name!r} is a {class_name!r}, which is not one of Keras 3's; {hint}"
        )
    return found


def _accepted(cls: Any, config: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The configuration in arguments that a class of Keras knows, layers inside it included."""
    known = drop_unknown(cls.__name__, config, lambda key: _accepts(cls, key), where=where)
    return {key: _accepted_inside(value, where) for key, value in known.items()}


def _accepted_inside(value: Any, where: str) -> Any:
    if isinstance(value, list):
        return [_accepted_inside(item, where) for item in value]
    if isinstance(value, Mapping) and isinstance(value.get("config"), Mapping):
        cls = getattr(keras.layers, str(value.get("class_name")), None)
        if cls is not None:
            return {**value, "config": _accepted(cls, value["config"], where)}
    return value


def _accepts(cls: type, argument: str) -> bool:
    """Whether a class's constructor knows an argument, by its own signature or a parent's."""
    for parent in cls.__mro__:
        constructor = vars(parent).get("__init__")
        if constructor is None:
            continue
        parameters = inspect.signature(constructor).parameters
        if argument in parameters:
            return True
        if not any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
            return False
    return False


def _split(class_name: str, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """The configuration with a linear activation; None where there is nothing to take off."""
    if class_name in _LAST and _is_hard(config.get("activation")):
        return {**config, "activation": "linear"}
    inner = config.get("layer")
    if class_name == "TimeDistributed" and isinstance(inner, Mapping):
        settings = inner.get("config")
        if isinstance(settings, Mapping):
            split = _split(str(inner.get("class_name")), settings)
            return None if split is None else {**config, "layer": {**inner, "config": split}}
    return None


def _hard_settings(value: Any, key: str = "") -> list[str]:
    """The names of settings of a layer, or of layers inside it, that are `hard_sigmoid`."""
    if key.endswith("activation") and _is_hard(value):
        return [key]
    if isinstance(value, Mapping):
        return [found for name, each in value.items() for found in _hard_settings(each, str(name))]
    if isinstance(value, list | tuple):
        return [found for each in value for found in _hard_settings(each)]
    return []


def _is_hard(activation: Any) -> bool:
    return bool(function_name(activation) == "hard_sigmoid")
