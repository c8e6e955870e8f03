"""`hard_sigmoid`, by which the two Kerases mean different functions.

For Keras 2 it is 0.2 x + 0.5, for Keras 3 relu6(x + 3) / 6, each cut off at 0 and 1. What Keras 2
means is written here as two layers, behind the layer that had it as its activation.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import keras

from prune_mi.errors import ModelError
from prune_mi.keras_io.upgrade.description import LayerEntry
from prune_mi.keras_io.upgrade.rewriting import function_name, policy_name

_NAME = "hard_sigmoid"
# These apply their activation last and to all that they put out.
_LAST = frozenset(
    {
        *("Activation", "Dense", "EinsumDense"),
        *(f"Conv{n}D{kind}" for n in (1, 2, 3) for kind in ("", "Transpose")),
        *(f"{kind}Conv{n}D" for n in (1, 2) for kind in ("Depthwise", "Separable")),
    }
)


def without_hard_sigmoid(entry: LayerEntry) -> LayerEntry | None:
    """A layer of Keras's own without its final `hard_sigmoid`; None where it does not have one.

    Raises:
        ModelError: If it applies that function inside, where it cannot be split off.
    """
    if entry.registered_name is not None or entry.graph is not None:
        return (
            None  # the user's own class does as it likes, and a model's layers are seen one by one
        )
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
    return bool(function_name(activation) == _NAME)
