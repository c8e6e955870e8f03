"""A graph evaluated call by call, every tensor kept: an edited graph starts where it differs.

Several edits are evaluated side by side. Networks that have each lost another unit are the same
behind all of these units. So a call is made once on the batches of all networks in which its inputs
have changed, one behind the other, and not once a network: deep networks of small layers spend most
of their time on making calls. Batch norms that go by the batch at hand normalise each network's
batch by itself.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import tree

from prune_mi.graph.edit import changed_nodes
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef
from prune_mi.keras_io.forward.forward_pass import forward_function
from prune_mi.keras_io.model_graph.build import build_model


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
        self._built = {layer.name: called(layer) for layer in build_model(graph).operations}

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
        stacks = _Stacks(known)
        changed = [changed_nodes(self._graph, each) for each in edited]
        calls = list(_common_calls(self._graph, edited, changed))
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
        args, kwargs = (filled_in(each, values) for each in (node.args, node.kwargs))
        if self._batch_statistics and layer.class_name == "BatchNormalization":
            output = _normalised(layer, args[0], num_batches)
            return {TensorRef(node.name): keras.ops.cast(output, node.outputs[0].dtype)}
        own = layer is self._graph.layers[node.layer]
        call = self._built[node.layer] if own else called(made(layer, args[0]))
        outputs = tree.flatten(call(*args, **kwargs))
        return {TensorRef(node.name, index): each for index, each in enumerate(outputs)}


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """One call that some edits have in common.

    Attributes:
        node: The call, which reads its inputs by number: `TensorRef("", 0)` and so on.
        layer: What is called.
        edits: Which edits.
        inputs: For each input, the tensor that each of these edits reads.
    """

    node: Node
    layer: LayerDef
    edits: tuple[int, ...]
    inputs: tuple[tuple[TensorRef, ...], ...]

    @property
    def reads(self) -> set[TensorRef]:
        """All tensors that it reads."""
        return {ref for refs in self.inputs for ref in refs}


class _Stacks:
    """Tensors of several edits, those of one call in one piece.

    Args:
        known: Every tensor of the graph that was edited, for what an edit has not changed.
    """

    def __init__(self, known: Any) -> None:
        self._known = known
        self._places: dict[TensorRef, dict[int, tuple[Any, int, int]]] = {}

    def put(self, ref: TensorRef, edits: Sequence[int], tensor: Any) -> None:
        """Keeps a tensor that has the batches of some edits one behind the other."""
        places = self._places.setdefault(ref, {})
        places.update({edit: (tensor, place, len(edits)) for place, edit in enumerate(edits)})

    def get(self, refs: Sequence[TensorRef], edits: Sequence[int]) -> Any:
        """The batches of some edits one behind the other; `refs` says what each of them reads."""
        pieces: list[tuple[Any, int, int, int]] = []  # tensor, from, to, of how many
        for ref, edit in zip(refs, edits, strict=True):
            tensor, place, total = self._places.get(ref, {}).get(edit) or (self._known[ref], 0, 1)
            if pieces and pieces[-1][0] is tensor and pieces[-1][2] == place:
                pieces[-1] = (tensor, pieces[-1][1], place + 1, total)
            else:
                pieces.append((tensor, place, place + 1, total))
        found = [_rows(*piece) for piece in pieces]
        return found[0] if len(found) == 1 else keras.ops.concatenate(found, axis=0)

    def forget(self, ref: TensorRef) -> None:
        """Drops a tensor that nothing reads any more."""
        self._places.pop(ref, None)


def _common_calls(
    graph: LayerGraph, edits: Sequence[LayerGraph], changed: Sequence[Sequence[Node]]
) -> Iterator[_Call]:
    """The calls to make, in order, each for as many edits as have it in common.

    Args:
        graph: What was edited.
        edits: After deletions; no call has a name that the graph does not know.
        changed: The calls of each that differ from the graph's.
    """
    by_name: dict[str, list[tuple[int, Node]]] = {}
    for edit, nodes in enumerate(changed):
        for node in nodes:
            by_name.setdefault(node.name, []).append((edit, node))
    for name in (node.name for node in graph.nodes):
        groups: dict[object, list[tuple[int, Node, Node]]] = {}
        for edit, node in by_name.get(name, ()):
            numbered = _numbered(node)
            alone = None if _has_batch_first(edits[edit], node) else edit
            read = tuple(edits[edit].spec(ref) for ref in node.inputs)
            layer = edits[edit].layers[node.layer]
            key = (id(layer), alone, read, repr((numbered.args, numbered.kwargs)))
            groups.setdefault(key, []).append((edit, node, numbered))
        for group in groups.values():
            first, node, numbered = group[0]
            yield _Call(
                node=numbered,
                layer=edits[first].layers[node.layer],
                edits=tuple(edit for edit, _, _ in group),
                inputs=tuple(zip(*(each.inputs for _, each, _ in group), strict=True)),
            )


def _normalised(layer: LayerDef, stacked: Any, num_batches: int) -> Any:
    """A batch norm's output where each of some batches goes by its own mean and variance.

    Whether the layer is frozen does not count, nor does a mask.

    Args:
        layer: The batch norm.
        stacked: The batches, all of one size, one behind the other.
        num_batches: How many.

    Returns:
        float32, of the shape of `stacked`.
    """
    shape = tuple(stacked.shape)
    batches = keras.ops.reshape(stacked, (num_batches, shape[0] // num_batches, *shape[1:]))
    batches = keras.ops.cast(batches, "float32")
    channels = layer.config["axis"] % len(shape) + 1
    axes = [axis for axis in range(1, len(shape) + 1) if axis != channels]
    mean, variance = keras.ops.moments(batches, axes=axes, keepdims=True)
    broadcast = [1] * (len(shape) + 1)
    broadcast[channels] = shape[channels - 1]
    learned = {
        name: keras.ops.reshape(weight, broadcast)
        for name, weight in zip(layer.weight_names, layer.weights, strict=True)
    }
    scale = learned.get("gamma", 1.0) * keras.ops.rsqrt(variance + layer.config["epsilon"])
    offset = learned.get("beta", 0.0) - mean * scale
    return keras.ops.reshape(batches * scale + offset, shape)


def _numbered(node: Node) -> Node:
    """The call reading its own inputs by number."""
    numbers = itertools.count()
    return node.with_inputs(lambda _: TensorRef("", next(numbers)))


def _has_batch_first(graph: LayerGraph, node: Node) -> bool:
    """Whether all that a call reads and yields has samples, and nothing else, along its rows."""
    specs = [*(graph.spec(ref) for ref in node.inputs), *node.outputs]
    return all(spec.shape and spec.shape[0] is None for spec in specs)


def _rows(tensor: Any, start: int, stop: int, total: int) -> Any:
    if stop - start == total:
        return tensor
    size = tensor.shape[0] // total
    return tensor[start * size : stop * size]


def called(operation: Any) -> Callable[..., Any]:
    """A function that calls a layer, or an operation of `keras.ops`."""
    return forward_function(operation) if isinstance(operation, keras.layers.Layer) else operation


def made(layer: LayerDef, example: Any) -> Any:
    """A layer of its own, built for inputs like `example`."""
    found = keras.saving.deserialize_keras_object(dict(layer.serialized))
    found.build(example.shape)
    found.set_weights(list(layer.weights))
    return found


def filled_in(structure: Any, values: Mapping[TensorRef, Any]) -> Any:
    """Call arguments with tensors, and with what else Keras had serialized."""
    if isinstance(structure, TensorRef):
        return values[structure]
    if isinstance(structure, Mapping):
        if "class_name" in structure:
            return keras.saving.deserialize_keras_object(dict(structure))
        return {key: filled_in(value, values) for key, value in structure.items()}
    if isinstance(structure, list | tuple):
        return type(structure)(filled_in(value, values) for value in structure)
    return structure
