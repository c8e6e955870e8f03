"""A graph evaluated call by call, every tensor kept: an edited graph starts where it differs."""

import itertools
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import tree

from prune_mi.graph.edit import changed_nodes, with_config
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef
from prune_mi.keras_io.build import build_model
from prune_mi.keras_io.callable import direct
from prune_mi.keras_io.side_by_side import Stacks, common_calls, normalised


class GraphRunner:
    """Evaluates a graph and graphs that deletions make of it.

    Args:
        graph: The graph; its layers are built once.
        batch_statistics: Whether batch norms normalise by the batch that passes, as they would
            after a recalibration on it, and not by their moving statistics.
    """

    def __init__(self, graph: LayerGraph, *, batch_statistics: bool = False) -> None:
        self._graph = graph
        self._trained: frozenset[str] = frozenset()
        if batch_statistics:
            self._trained = frozenset(
                name
                for name, layer in graph.layers.items()
                if layer.class_name == "BatchNormalization"
            )
            # Frozen ones would keep to their moving statistics.
            graph = with_config(graph, {name: {"trainable": True} for name in self._trained})
        self._layers = {layer.name: layer for layer in build_model(graph).operations}
        self._built = {name: _called(layer) for name, layer in self._layers.items()}

    def run(self, inputs: Mapping[TensorRef, Any]) -> dict[TensorRef, Any]:
        """Every tensor of the graph, from a batch for each of its inputs."""
        values = {
            ref: keras.ops.cast(batch, self._graph.spec(ref).dtype) for ref, batch in inputs.items()
        }
        for node in self._graph.nodes:
            if node.inputs:
                values.update(self._call(node, values))
        return values

    def rerun(self, edited: LayerGraph, known: Mapping[TensorRef, Any]) -> tuple[Any, ...]:
        """The outputs of an edited graph.

        Args:
            edited: The graph after deletions; its layers are the graph's own, some of them perhaps
                with fewer weights.
            known: What `run` returned; only what the edit changes is computed again.
        """
        changed: dict[TensorRef, Any] = {}
        values = ChainMap(changed, dict(known))
        for node in changed_nodes(self._graph, edited):
            layer = edited.layers[node.layer]
            own = layer is self._graph.layers[node.layer]
            changed.update(self._call(node, values, None if own else layer))
        return tuple(values[ref] for ref in edited.outputs)

    def rerun_together(
        self, edited: Sequence[LayerGraph], known: Mapping[TensorRef, Any]
    ) -> list[tuple[Any, ...]]:
        """The outputs of several edited graphs, as `rerun` gives them one by one; but faster.

        Memory goes with the number of graphs.
        """
        changed = [changed_nodes(self._graph, each) for each in edited]
        stacks = Stacks(known)
        calls = list(common_calls(self._graph, edited, changed))
        last_read = {
            ref: place for place, call in enumerate(calls) for refs in call.inputs for ref in refs
        }
        read_last: dict[int, list[TensorRef]] = {}
        for ref in last_read.keys() - {ref for each in edited for ref in each.outputs}:
            read_last.setdefault(last_read[ref], []).append(ref)
        for place, call in enumerate(calls):
            by_input = list(zip(*call.inputs, strict=True))
            values = {
                TensorRef("", index): stacks.get(refs, call.edits)
                for index, refs in enumerate(by_input)
            }
            node = _numbered(call.node)
            own = call.layer is self._graph.layers[node.layer]
            for ref, tensor in self._call(
                node, values, None if own else call.layer, num_batches=len(call.edits)
            ).items():
                stacks.put(ref, call.edits, tensor)
            for ref in read_last.get(place, ()):
                stacks.forget(ref)
        return [
            tuple(stacks.get([ref], [edit]) for ref in each.outputs)
            for edit, each in enumerate(edited)
        ]

    def _call(
        self,
        node: Node,
        values: Mapping[TensorRef, Any],
        sliced: LayerDef | None = None,
        *,
        num_batches: int = 1,
    ) -> dict[TensorRef, Any]:
        """The outputs of one call, on one batch or on several one behind the other."""
        args, kwargs = (_filled_in(each, values) for each in (node.args, node.kwargs))
        if node.layer in self._trained:
            kwargs["training"] = True
            if num_batches > 1:
                layer = self._layers[node.layer]
                return {TensorRef(node.name): normalised(layer, args[0], num_batches)}
        call = self._built[node.layer] if sliced is None else _called(_made(sliced, args[0]))
        outputs = tree.flatten(call(*args, **kwargs))
        return {TensorRef(node.name, index): each for index, each in enumerate(outputs)}


def _called(operation: Any) -> Callable[..., Any]:
    """A function that calls a layer, or an operation of `keras.ops`."""
    return direct(operation) if isinstance(operation, keras.layers.Layer) else operation


def _made(layer: LayerDef, example: Any) -> Any:
    """A layer of its own, built for inputs like `example`; frozen ones too learn from a batch."""
    made = keras.saving.deserialize_keras_object(dict(layer.serialized))
    made.trainable = True
    made.build(example.shape)
    made.set_weights(list(layer.weights))
    return made


def _numbered(node: Node) -> Node:
    """The call reading its own inputs by number."""
    numbers = itertools.count()
    return node.with_inputs(lambda _: TensorRef("", next(numbers)))


def _filled_in(structure: Any, values: Mapping[TensorRef, Any]) -> Any:
    """Call arguments with tensors, and with what else Keras had serialized."""
    if isinstance(structure, TensorRef):
        return values[structure]
    if isinstance(structure, Mapping):
        if "class_name" in structure:
            return keras.saving.deserialize_keras_object(dict(structure))
        return {key: _filled_in(value, values) for key, value in structure.items()}
    if isinstance(structure, list | tuple):
        return type(structure)(_filled_in(value, values) for value in structure)
    return structure
