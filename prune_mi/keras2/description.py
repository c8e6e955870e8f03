"""A Keras 2 model as plain data: its layers, its graphs with those of models inside it, weights.

`Model.get_config` is not enough for this: it writes the arguments of calls in a form from which
they can be read back only by knowing which layer they go to.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from prune_mi.errors import ModelError

Data = dict[str, Any]


def describe(model: Any) -> tuple[Data, dict[str, np.ndarray]]:
    """Describes a model.

    Returns:
        `{"model": graph, "layers": [layer, ...]}`, and the arrays that it names.

        A layer has `name`, `class_name`, `registered_name` (None for Keras's own), `config`,
        `dtype`, `trainable`, `weights` (names of arrays), and `graph`, None but for a model. A
        graph has `name`, `nodes`, and `inputs`, `outputs` and `input_specs`. A node is one call, in
        topological order: `layer` and `index`, `args` and `kwargs`. Arguments are tagged: see
        `_Describer.value`.

    Raises:
        ModelError: If a model in it is a subclass whose graph only its code knows, or a call has an
            argument that is no plain data.
    """
    describer = _Describer()
    graph = describer.graph(model)
    return {"model": graph, "layers": describer.layers}, describer.arrays


def write(described: Data, arrays: Mapping[str, np.ndarray], folder: Path) -> None:
    """Writes both into a folder."""
    np.savez(folder / "weights.npz", **arrays)  # type: ignore[arg-type]
    (folder / "description.json").write_text(json.dumps(described), encoding="utf-8")


class _Describer:
    def __init__(self) -> None:
        self.layers: list[Data] = []
        self.arrays: dict[str, np.ndarray] = {}
        self._numbers: dict[int, int] = {}

    def graph(self, model: Any) -> Data:
        """The calls of a Functional or Sequential model."""
        if not getattr(model, "_is_graph_network", False):
            raise ModelError(
                f"{model.name!r} is a subclassed {type(model).__name__}: only its code knows its "
                "graph; expected a Functional or Sequential model that is built"
            )
        nodes = []
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for node in model._nodes_by_depth[depth]:
                if not node.is_input:
                    nodes.append(self.node(node))
        return {
            "name": model.name,
            "nodes": nodes,
            "inputs": self.value(model.input, model.name),
            "outputs": self.value(model.output, model.name),
            "input_specs": [
                {"shape": tensor.shape.as_list(), "dtype": tensor.dtype.name}
                for tensor in tf.nest.flatten(model.input)
            ],
        }

    def node(self, node: Any) -> Data:
        """One call."""
        layer = node.layer
        first = tf.nest.flatten(node.outputs)[0]
        return {
            "layer": self.layer(layer),
            "index": first._keras_history.node_index,
            "args": self.value(tuple(node.call_args), layer.name),
            "kwargs": self.value(node.call_kwargs, layer.name),
        }

    def layer(self, layer: Any) -> int:
        """The layer's number; one that is met again is the same layer."""
        if id(layer) in self._numbers:
            return self._numbers[id(layer)]
        number = self._numbers[id(layer)] = len(self.layers)
        entry: Data = {
            "name": layer.name,
            "class_name": type(layer).__name__,
            "trainable": bool(layer.trainable),
            "dtype": layer.dtype_policy.name,
            "registered_name": None,
            "config": {},
            "weights": [],
            "graph": None,
        }
        self.layers.append(entry)
        if isinstance(layer, tf_keras.Model):
            entry["graph"] = self.graph(layer)
            return number
        own = type(layer).__module__.partition(".")[0] == "tf_keras"
        if not own:
            entry["registered_name"] = tf_keras.saving.get_registered_name(type(layer))
        entry["config"] = _plain(layer.get_config())
        if own and "vocabulary" in entry["config"] and entry["config"]["vocabulary"] is None:
            # One that was learned lies in a table beside the weights.
            words = layer.get_vocabulary(include_special_tokens=False)
            entry["config"]["vocabulary"] = _plain(words)
        for weight in layer.weights:
            if not hasattr(weight, "numpy"):
                continue  # what saves that table
            key = f"{number}_{len(entry['weights'])}"
            self.arrays[key] = _storable(weight.numpy())
            entry["weights"].append(key)
        return number

    def value(self, value: Any, where: str) -> Any:
        """An argument as JSON.

        Lists and scalars are themselves; all else is an object of one key: `tensor` (layer, call,
        output), `tuple`, `dict`, `slice`, `ellipsis`, `dtype` or `array`.
        """
        if hasattr(value, "_keras_history"):
            history = value._keras_history
            return {"tensor": [self.layer(history.layer), history.node_index, history.tensor_index]}
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, Mapping):
            return {"dict": {str(k): self.value(v, where) for k, v in value.items()}}
        if isinstance(value, list):
            return [self.value(item, where) for item in value]
        if isinstance(value, tuple | tf.TensorShape):
            return {"tuple": [self.value(item, where) for item in value]}
        if isinstance(value, slice):
            parts = (value.start, value.stop, value.step)
            return {"slice": [self.value(part, where) for part in parts]}
        if value is Ellipsis:
            return {"ellipsis": True}
        if isinstance(value, tf.DType | type):
            return {"dtype": tf.as_dtype(value).name}
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, tf.Tensor | np.ndarray):
            key = f"constant_{len(self.arrays)}"
            self.arrays[key] = _storable(np.asarray(value))
            return {"array": key}
        raise ModelError(
            f"a call of {where!r} has an argument of type {type(value).__name__}; expected tensors "
            "and plain data"
        )


def _storable(array: np.ndarray) -> np.ndarray:
    """The array in a dtype that `.npz` holds; bfloat16 fits into float32 exactly."""
    return array if array.dtype.kind in "biuf" else array.astype(np.float32)


def _plain(config: Any) -> Any:
    """A layer's configuration as JSON, in lists and dicts of its own."""
    if isinstance(config, Mapping):
        return {str(key): _plain(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return [_plain(item) for item in config]
    if isinstance(config, np.ndarray | np.generic):
        return config.tolist()
    if isinstance(config, tf.TensorShape):
        return config.as_list()
    if isinstance(config, tf.DType):
        return config.name
    if isinstance(config, set | frozenset):
        return sorted(config)
    if config is None or isinstance(config, bool | int | float | str):
        return config
    return tf_keras.saving.serialize_keras_object(config)
