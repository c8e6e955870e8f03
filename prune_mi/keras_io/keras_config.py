"""Keras's serialized calls, in which tensors are named by layer, call and place."""

import itertools
from collections.abc import Mapping
from typing import Any

from prune_mi.graph.ir import TensorRef


def to_refs(value: Any) -> Any:
    """Replaces Keras's serialized tensors by `TensorRef`s, and its wrapped tuples by tuples."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            return tensor_ref(value["config"]["keras_history"])
        if value.get("class_name") == "__tuple__":
            return tuple(to_refs(item) for item in value["items"])
        return {key: to_refs(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(to_refs(item) for item in value)
    return value


def tensor_ref(history: Any) -> TensorRef:
    """The tensor that `[layer, call, place]` names."""
    layer, call, index = history[:3]
    return TensorRef(layer if call == 0 else f"{layer}:{call}", index)


def ref_list(layers: Any) -> list[TensorRef]:
    """The tensors of `input_layers` or `output_layers`, whatever their nesting, in order."""
    return [tensor_ref(history) for history in histories(layers)]


def histories(layers: Any) -> list[Any]:
    """The same as Keras writes them: layer, call, place."""
    if isinstance(layers, Mapping):
        return [each for value in layers.values() for each in histories(value)]
    if layers and isinstance(layers[0], str):
        return [layers]
    return [each for value in layers for each in histories(value)]


def nesting(layers: Any) -> Any:
    """The nesting of inputs or outputs with indices into the flat list as its leaves.

    A list of one tensor is that tensor: Keras calls both alike, and warns of the list.
    """
    counter = itertools.count()

    def walk(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: walk(item) for key, item in value.items()}
        if value and isinstance(value[0], str):
            return next(counter)
        return [walk(item) for item in value]

    nested = walk(layers)
    return nested[0] if isinstance(nested, list) and len(nested) == 1 else nested
