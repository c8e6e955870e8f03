"""A graph evaluated call by call, every tensor kept: an edited graph starts where it differs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import tree

from prune_mi.graph.edit import changed_nodes
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
        self._batch_statistics = batch_statistics
        self._built = {layer.name: _called(layer) for layer in build_model(graph).operations}

    def run(self, inputs: Mapping[TensorRef, Any]) -> dict[TensorRef, Any]:
        """Every tensor of the graph, from a batch for each of its inputs."""
        values = {
            ref: keras.ops.cast(batch, self._graph.spec(ref).dtype) for ref, batch in inputs.items()
        }
        for node in self._graph.nodes:
            if node.inputs:
                values.update(self._call(node, self._graph.layers[node.layer], values))
        return values

    def rerun(
        self, edited: Sequence[LayerGraph], known: Mapping[TensorRef, Any]
    ) -> list[tuple[Any, ...]]:
        """The outputs of edited graphs, evaluated side by side: memory goes with their number.

        Args:
            edited: The graph after deletions; its layers are the graph's own, some of them perhaps
                with fewer weights.
            known: What `run` returned; only what the edits change is computed again.
        """
        stacks = Stacks(known)
        changed = [changed_nodes(self._graph, each) for each in edited]
        calls = list(common_calls(self._graph, edited, changed))
        last_read = {ref: place for place, call in enumerate(calls) for ref in call.reads}
        outputs = {ref for each in edited for ref in each.outputs}
        for place, call in enumerate(calls):
            values = {
                TensorRef("", number): stacks.get(refs, call.edits)
                for number, refs in enumerate(call.inputs)
            }
            found = self._call(call.node, call.layer, values, num_batches=len(call.edits))
            for ref, tensor in found.items():
                stacks.put(ref, call.edits, tensor)
            for ref in call.reads - outputs:
                if last_read[ref] == place:
                    stacks.forget(ref)
        return [
            tuple(stacks.get([ref], [edit]) for ref in each.outputs)
            for edit, each in enumerate(edited)
        ]

    def _call(
        self,
        node: Node,
        layer: LayerDef,
        values: Mapping[TensorRef, Any],
        *,
        num_batches: int = 1,
    ) -> dict[TensorRef, Any]:
        """The outputs of one call, on one batch or on several one behind the other."""
        args, kwargs = (_filled_in(each, values) for each in (node.args, node.kwargs))
        if self._batch_statistics and layer.class_name == "BatchNormalization":
            output = normalised(layer, args[0], num_batches)
            return {TensorRef(node.name): keras.ops.cast(output, node.outputs[0].dtype)}
        own = layer is self._graph.layers[node.layer]
        call = self._built[node.layer] if own else _called(_made(layer, args[0]))
        outputs = tree.flatten(call(*args, **kwargs))
        return {TensorRef(node.name, index): each for index, each in enumerate(outputs)}


def _called(operation: Any) -> Callable[..., Any]:
    """A function that calls a layer, or an operation of `keras.ops`."""
    return direct(operation) if isinstance(operation, keras.layers.Layer) else operation


def _made(layer: LayerDef, example: Any) -> Any:
    """A layer of its own, built for inputs like `example`."""
    made = keras.saving.deserialize_keras_object(dict(layer.serialized))
    made.build(example.shape)
    made.set_weights(list(layer.weights))
    return made


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
