"""Model to graph: a built Keras model as a `LayerGraph`.

The graph is read from the model's own configuration, which names every call with its arguments,
operations made by `a + b` or `keras.ops` included (`model.layers` hides those). Models inside the
model are laid out flat.
"""

import inspect
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from prune_mi.errors import ModelError
from prune_mi.graph.edit import read_only, without_dead_nodes
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef, TensorSpec


def trace_model(model: keras.Model) -> LayerGraph:
    """Reads a Functional or Sequential model.

    A layer of an inner model keeps its name, unless another layer has that already: then the inner
    model's name goes before it. A model that is called twice shares its layers.

    Raises:
        ModelError: If the model is not built, or is a subclass whose graph only its code knows.
    """
    functional = _as_functional(model)
    tracer = _Tracer(functional)
    outputs = tracer.read(functional, fed=None)
    graph = LayerGraph(
        name=functional.name,
        layers=tracer.layers,
        nodes=tuple(tracer.nodes),
        inputs=tuple(TensorRef(tensor._keras_history[0].name) for tensor in functional.inputs),
        outputs=tuple(outputs),
        input_structure=_nesting(functional._inputs_struct),
        output_structure=_nesting(functional._outputs_struct),
        sequential=isinstance(model, keras.Sequential),
    )
    return without_dead_nodes(graph)


class _Tracer:
    """Collects the calls of a model and of those inside it.

    Args:
        outermost: The model whose layers keep their names.
    """

    def __init__(self, outermost: Any) -> None:
        self.layers: dict[str, LayerDef] = {}
        self.nodes: list[Node] = []
        self._names = {id(each): str(each.name) for each in outermost.operations}
        self._taken = set(self._names.values())
        self._calls: Counter[str] = Counter()

    def read(
        self, functional: Any, fed: Mapping[TensorRef, TensorRef] | None
    ) -> tuple[TensorRef, ...]:
        """Adds a model's calls.

        Args:
            functional: The model.
            fed: What an inner model's inputs are fed with; None for the outermost model.

        Returns:
            The tensors that it yields.
        """
        config = functional.get_config()
        operations = {operation.name: operation for operation in functional.operations}
        entries = {entry["name"]: entry for entry in config["layers"]}
        found = dict(fed or {})
        for call in _in_topological_order(_raw_calls(config, functional, operations)):
            if not call.inputs and fed is not None:
                continue  # an inner model's input layer: `fed` stands for it
            operation = operations[call.layer]
            moved = call.with_inputs(found.__getitem__)
            if isinstance(operation, keras.Model):
                inner = _as_functional(operation)
                outputs = self.read(inner, _feeding(inner, moved))
            else:
                name = self._name(operation, functional.name)
                if name not in self.layers:
                    self.layers[name] = _layer_def(name, entries[call.layer], operation)
                outputs = self._add(replace(moved, layer=name))
            found |= {TensorRef(call.name, place): ref for place, ref in enumerate(outputs)}
        return tuple(found[ref] for ref in _yielded(functional))

    def _add(self, call: Node) -> tuple[TensorRef, ...]:
        name, count = call.layer, self._calls[call.layer]
        while count and (name in self._taken or name == call.layer):
            name = f"{call.layer}:{count}"
            count += 1
        self._calls[call.layer] = max(count, 1)
        self.nodes.append(replace(call, name=name))
        return tuple(TensorRef(name, place) for place in range(len(call.outputs)))

    def _name(self, operation: Any, inside: str) -> str:
        """A layer's name, the same for each of its calls and no other layer's."""
        if id(operation) not in self._names:
            name = operation.name
            if name in self._taken:
                name = f"{inside}_{name}"
            stem, number = name, 1
            while name in self._taken:
                number += 1
                name = f"{stem}_{number}"
            self._taken.add(name)
            self._names[id(operation)] = name
        return self._names[id(operation)]


def read_weights(model: keras.Model, graph: LayerGraph) -> dict[str, tuple[np.ndarray, ...]]:
    """The weights that a model built from `graph` has now, by layer name."""
    built = {operation.name: operation for operation in _as_functional(model).operations}
    return {
        name: tuple(np.asarray(weight) for weight in built[name].get_weights())
        for name, layer in graph.layers.items()
        if layer.weights
    }


def model_ends(model: keras.Model) -> tuple[list[Any], list[Any]]:
    """A model's symbolic inputs and outputs.

    Raises:
        ModelError: If it has none: it is not built, or only its code knows its graph.
    """
    try:
        inputs, outputs = model.inputs, model.outputs
    except (AttributeError, ValueError):
        inputs = outputs = None
    if not inputs or not outputs:
        raise ModelError(
            f"{model.name!r} is a {type(model).__name__} without a graph; expected a Functional or "
            "Sequential model with a known input shape"
        )
    return list(inputs), list(outputs)


def named_ends(
    model: keras.Model,
) -> tuple[list[tuple[str, TensorSpec]], list[tuple[str, TensorSpec]]]:
    """The inputs and outputs under Keras's names for them, in the order of the traced graph.

    Raises:
        ModelError: If the model has none: it is not built, or only its code knows its graph.
    """
    functional = _as_functional(model)
    return _named(functional.inputs), _named(functional.outputs)


def _named(tensors: Iterable[Any]) -> list[tuple[str, TensorSpec]]:
    return [(str(each._keras_history[0].name), _spec(each)) for each in tensors]


def _spec(tensor: Any) -> TensorSpec:
    return TensorSpec(tuple(tensor.shape), str(tensor.dtype))


def _as_functional(model: keras.Model) -> Any:
    model_ends(model)
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs, model.outputs, name=model.name)
    if not hasattr(model, "operations"):
        raise ModelError(
            f"{model.name!r} is a subclassed {type(model).__name__}: only its code knows its "
            "graph; expected a Functional or Sequential model"
        )
    if "layers" not in model.get_config():  # a subclass with its own constructor
        return keras.Model(model._inputs_struct, model._outputs_struct, name=model.name)
    return model


def _raw_calls(
    config: Mapping[str, Any], functional: Any, operations: Mapping[str, Any]
) -> list[Node]:
    """The calls as the configuration lists them, inner models as calls of one layer."""
    relevant = _relevant_calls(functional)
    calls = []
    for entry in config["layers"]:
        name = entry["name"]
        for index, call in enumerate(entry["inbound_nodes"] or [{"args": [], "kwargs": {}}]):
            args, kwargs = _arguments(
                operations[name], _to_refs(call["args"]), _to_refs(call["kwargs"])
            )
            calls.append(
                Node(
                    name=_call_name(name, index),
                    layer=name,
                    args=args,
                    kwargs=kwargs,
                    outputs=tuple(map(_spec, relevant[name][index].outputs)),
                )
            )
    return calls


def _to_refs(value: Any) -> Any:
    """Replaces Keras's serialized tensors, which name layer, call and place, by `TensorRef`s."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            layer, call, place = value["config"]["keras_history"][:3]
            return TensorRef(_call_name(layer, call), place)
        return {key: _to_refs(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_to_refs(item) for item in value)
    return value


def _call_name(layer: str, call: int) -> str:
    """A name for a call of a layer that no layer can have."""
    return layer if call == 0 else f"{layer}\0{call}"


def _nesting(structure: Any) -> Any:
    """The structure of inputs or outputs with indices into the flat list as its leaves.

    Dictionaries are flattened in the order of their sorted keys, as Keras does. A list of one
    tensor is that tensor: Keras calls both alike, and warns of the list.
    """
    counter = itertools.count()
    nested = _plain(keras.tree.map_structure(lambda _: next(counter), structure))
    return nested[0] if isinstance(nested, list) and len(nested) == 1 else nested


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _arguments(
    operation: Any, args: Any, kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Call arguments with the first one, which everybody looks for there, in its place."""
    kwargs = dict(kwargs)
    if args or not kwargs:
        return tuple(args), kwargs
    first = next(iter(inspect.signature(operation.call).parameters), None)
    return ((kwargs.pop(first),), kwargs) if first in kwargs else ((), kwargs)


def _feeding(inner: Any, call: Node) -> dict[TensorRef, TensorRef]:
    """Which tensor stands for which input of an inner model."""
    structure, given = inner._inputs_struct, call.args[0]
    own = [TensorRef(tensor._keras_history[0].name) for tensor in inner.inputs]
    if isinstance(given, Mapping):  # by key, or by the names of the inputs
        keys = sorted(structure) if isinstance(structure, Mapping) else [ref.node for ref in own]
        return {ref: given[key] for ref, key in zip(own, keys, strict=True)}
    return dict(zip(own, call.inputs, strict=True))


def _yielded(functional: Any) -> Iterator[TensorRef]:
    """The tensors that a model yields; its configuration counts calls of inner models from 1."""
    relevant = _relevant_calls(functional)
    for tensor in functional.outputs:
        operation, index, place = tensor._keras_history
        call = next(
            number
            for number, node in enumerate(relevant[operation.name])
            if node is operation._inbound_nodes[index]
        )
        yield TensorRef(_call_name(operation.name, call), place)


def _layer_def(name: str, entry: Mapping[str, Any], operation: Any) -> LayerDef:
    serialized = {
        key: value for key, value in entry.items() if key not in ("inbound_nodes", "name")
    }
    if "config" in serialized and "name" in serialized["config"]:
        serialized["config"] = {**serialized["config"], "name": name}
    weights = getattr(operation, "weights", [])
    return LayerDef(
        name=name,
        class_name=_class_name(entry),
        serialized=serialized,
        weights=tuple(read_only(np.asarray(weight)) for weight in weights),
        weight_names=tuple(weight.name for weight in weights),
    )


def _class_name(entry: Mapping[str, Any]) -> str:
    """Keras's own classes by their names; others are not to be taken for these."""
    own = str(entry.get("module") or "").partition(".")[0] == "keras"
    return str(entry["class_name"] if own else entry.get("registered_name") or entry["class_name"])


def _relevant_calls(functional: Any) -> dict[str, list[Any]]:
    """The calls of each operation that belong to this model: layers may be called in others."""
    nodes = {id(node) for depth in functional._nodes_by_depth.values() for node in depth}
    return {
        operation.name: [node for node in operation._inbound_nodes if id(node) in nodes]
        for operation in functional.operations
    }


def _in_topological_order(calls: list[Node]) -> tuple[Node, ...]:
    """Kahn's algorithm that keeps the given order wherever it can."""
    done: set[str] = set()
    ordered: list[Node] = []
    waiting = calls
    while waiting:
        later = []
        for node in waiting:
            if all(ref.node in done for ref in node.inputs):
                ordered.append(node)
                done.add(node.name)
            else:
                later.append(node)
        if len(later) == len(waiting):
            raise ModelError(f"the model's graph has a cycle through {later[0].name!r}")
        waiting = later
    return tuple(ordered)
