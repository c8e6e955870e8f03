"""Keras's serialized calls, in which tensors are named by layer, call and place."""

import itertools
from collections.abc import Mapping
from typing import Any

from keras import tree

from prune_mi.graph.ir import TensorRef


def to_refs(value: Any) -> Any:
    """Replaces Keras's serialized tensors by `TensorRef`s."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            return tensor_ref(value["config"]["keras_history"])
        return {key: to_refs(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(to_refs(item) for item in value)
    return value


def tensor_ref(history: Any) -> TensorRef:
    """The tensor that `[layer, call, place]` names."""
    layer, call, place = history[:3]
    return TensorRef(call_name(layer, call), place)


def call_name(layer: str, call: int) -> str:
    """A name for a call of a layer that no layer can have."""
    return layer if call == 0 else f"{layer}\0{call}"


def nesting(structure: Any) -> Any:
    """The structure of inputs or outputs with indices into the flat list as its leaves.

    Dictionaries are flattened in the order of their sorted keys, as Keras does. A list of one
    tensor is that tensor: Keras calls both alike, and warns of the list.
    """
    counter = itertools.count()
    nested = tree.map_structure(lambda _: next(counter), structure)
    nested = _plain(nested)
    return nested[0] if isinstance(nested, list) and len(nested) == 1 else nested


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
