"""What serialized layers say in whichever form either Keras wrote it. Plain data, no Keras."""

from collections.abc import Mapping
from typing import Any

MODELS = frozenset({"Functional", "Model", "Sequential"})  # classes that are no single layers


def label(entry: Mapping[str, Any]) -> str:
    """What messages call a serialized layer or object: its name, or its class."""
    config = entry.get("config")
    named = config.get("name") if isinstance(config, Mapping) else None
    return str(entry.get("name") or named or entry.get("class_name"))


def function_name(value: Any) -> Any:
    """The name in a setting such as `activation`, serialized by Keras 3 or not; else the value."""
    if isinstance(value, Mapping) and value.get("class_name") == "function":
        return value.get("config")
    return value


def policy_name(dtype: Any) -> str | None:
    """The name of a dtype policy, in whichever form Keras 2 wrote it."""
    if isinstance(dtype, Mapping):
        inner = dtype.get("config")
        dtype = inner.get("name") if isinstance(inner, Mapping) else None
    return None if dtype in (None, "_infer") else str(dtype)
