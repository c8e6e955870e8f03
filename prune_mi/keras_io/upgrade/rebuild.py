"""Rebuilds a described Keras 2 model by calling layers of Keras 3 one by one.

Models inside it are flattened: where one is called its layers are called. A layer or a model that
was shared is one layer, or the same layers, called several times.
"""

import inspect
import itertools
from collections.abc import Mapping
from typing import Any

import keras

from prune_mi.errors import ModelError, first_line
from prune_mi.keras_io.upgrade.description import (
    CallEntry,
    GraphEntry,
    LayerEntry,
    OldModel,
    TensorKey,
    layer_names,
    leaves,
)
from prune_mi.keras_io.upgrade.keras_calls import named
from prune_mi.keras_io.upgrade.layers import (
    assign_weights,
    hard_sigmoid,
    make_layer,
    without_hard_sigmoid,
)
from prune_mi.keras_io.upgrade.operations import apply_operation
from prune_mi.keras_io.upgrade.rewriting import clean_name

_OPERATIONS = frozenset({"TFOpLambda", "SlicingOpLambda"})
_RECURRENT = frozenset(
    {"RNN", "SimpleRNN", "LSTM", "GRU", "Bidirectional", *(f"ConvLSTM{n}D" for n in (1, 2, 3))}
)


def rebuild(old: OldModel) -> keras.Model:
    """The model as one of Keras 3, flat, with names, weights and frozen flags of the old one.

    Raises:
        ModelError: If a layer or operation has no counterpart in Keras 3, or weights do not fit.
    """
    names = layer_names(old)
    keys = list(leaves(old.graph.inputs))
    inputs = [
        keras.Input(batch_shape=spec.shape, dtype=spec.dtype, name=names[key.layer])
        for key, spec in zip(keys, old.graph.input_specs, strict=True)
    ]
    builder = _Builder(old, names)
    outputs = builder.run(old.graph, inputs, training=None, trainable=True)
    for tensor in leaves(outputs):
        if not isinstance(tensor, keras.KerasTensor):
            raise ModelError(
                f"an output of the model is {tensor!r}, which does not come from its inputs; "
                "expected outputs that layers compute"
            )
    asked = keras.tree.pack_sequence_as(old.graph.inputs, inputs)
    try:
        model = keras.Model(asked, outputs, name=clean_name(old.graph.name))
    except (ValueError, TypeError) as error:
        raise ModelError(
            f"Keras {keras.__version__} cannot build the model: {first_line(error)}"
        ) from error
    builder.assign_weights()
    return model


class _Builder:
    def __init__(self, old: OldModel, names: Mapping[int, str]) -> None:
        self._old = old
        self._names = names
        self._layers: dict[int, Any] = {}
        self._activations: dict[int, tuple[Any, ...]] = {}
        self._taken = set(names.values())
        self._operations: set[int] = set()

    def run(self, graph: GraphEntry, inputs: list[Any], *, training: Any, trainable: bool) -> Any:
        """Calls all layers of a graph on `inputs`; the graph's outputs in their structure."""
        values = dict(zip(leaves(graph.inputs), inputs, strict=True))
        for call in graph.calls:
            result = self._call(call, values, training=training, trainable=trainable)
            for index, value in enumerate(_outputs(result)):
                values[TensorKey(call.layer, call.index, index)] = value
        return _fill(graph.outputs, values)

    def assign_weights(self) -> None:
        """Gives all layers that were called the old weights."""
        for number, layer in self._layers.items():
            entry = self._old.layers[number]
            assign_weights(layer, list(entry.weights), name=entry.name)

    def _call(
        self, call: CallEntry, values: Mapping[TensorKey, Any], *, training: Any, trainable: bool
    ) -> Any:
        entry = self._old.layers[call.layer]
        args = tuple(_fill(arg, values) for arg in call.args)
        kwargs = {
            key: _fill(value, values) for key, value in call.kwargs.items() if value is not None
        }
        if entry.graph is not None:
            return self._call_model(entry, entry.graph, args, kwargs, training, trainable)
        if entry.class_name in _OPERATIONS:
            name = self._operation_name(call.layer)
            return apply_operation(str(entry.config["function"]), name, args, kwargs)
        if entry.registered_name is None and entry.class_name in _RECURRENT:
            args, kwargs = _with_states_apart(args, kwargs)
        layer = self._layer(call.layer, trainable=trainable)
        # What the call itself says goes before what was said to the model around it.
        if (
            training is not None
            and "training" not in kwargs
            and "training" in inspect.signature(layer.call).parameters
        ):
            kwargs["training"] = training
        try:
            result = layer(*args, **kwargs)
            for activation in self._activations[call.layer]:
                result = activation(result)
            return result
        except Exception as error:  # a layer's own class raises whatever it likes
            raise ModelError(
                f"Keras {keras.__version__} cannot call the layer {entry.name!r} "
                f"({entry.class_name}) as Keras 2 did: {first_line(error)}"
            ) from error

    def _call_model(
        self,
        entry: LayerEntry,
        graph: GraphEntry,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        training: Any,
        trainable: bool,
    ) -> Any:
        given = list(leaves(args[0] if args else kwargs.get("inputs")))
        if len(given) != len(graph.input_specs):
            raise ModelError(
                f"the model {entry.name!r} inside the model is called with {len(given)} tensors "
                f"and has {len(graph.input_specs)} inputs"
            )
        # Keras 2 casts what a model is called with to what its inputs were declared as.
        inputs = [
            value
            if value.dtype == spec.dtype
            else named(
                self._fresh(clean_name(f"{entry.name}_cast")), keras.ops.cast, value, spec.dtype
            )
            for value, spec in zip(given, graph.input_specs, strict=True)
        ]
        asked = kwargs.get("training", args[1] if len(args) > 1 else None)
        return self.run(
            graph,
            inputs,
            training=training if asked is None else asked,
            trainable=trainable and entry.trainable,
        )

    def _layer(self, number: int, *, trainable: bool) -> Any:
        if number not in self._layers:
            entry, name = self._old.layers[number], self._names[number]
            split = without_hard_sigmoid(entry)
            self._activations[number] = ()
            if split is not None:
                last = name
                if entry.class_name == "Activation":  # alone, it leaves its name to what it becomes
                    name = self._fresh(f"{name}_linear")
                else:
                    last = self._fresh(f"{name}_hard_sigmoid")
                scaled = self._fresh(f"{last}_scaled")
                self._activations[number] = hard_sigmoid(last, scaled, entry.dtype)
            self._layers[number] = make_layer(
                split or entry, name=name, trainable=trainable and entry.trainable
            )
        return self._layers[number]

    def _operation_name(self, number: int) -> str:
        """An operation is made anew for every call, as in a model that is called twice."""
        name = self._names[number]
        again = number in self._operations
        self._operations.add(number)
        return self._fresh(name) if again else name

    def _fresh(self, name: str) -> str:
        """The name, with a number behind it where it is taken."""
        choices = itertools.chain([name], (f"{name}_{count}" for count in itertools.count(2)))
        found = next(each for each in choices if each not in self._taken)
        self._taken.add(found)
        return found


def _with_states_apart(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a recurrent layer's call; Keras 2 puts initial states behind the input."""
    if not (args and isinstance(args[0], list | tuple) and len(args[0]) > 1):
        return args, kwargs
    sequence, *states = args[0]
    return (sequence, *args[1:]), {"initial_state": states, **kwargs}


def _fill(structure: Any, values: Mapping[TensorKey, Any]) -> Any:
    return keras.tree.map_structure(
        lambda each: values[each] if isinstance(each, TensorKey) else each, structure
    )


def _outputs(result: Any) -> list[Any]:
    """A call's outputs one by one; a shape, a tuple of sizes, is one output."""
    sizes = isinstance(result, tuple) and not any(
        isinstance(each, keras.KerasTensor) for each in leaves(result)
    )
    return [result] if sizes else list(leaves(result))
