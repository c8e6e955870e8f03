"""The layer graph: a Keras model as immutable plain data.

A node is one call of a layer; a layer that is called twice is two nodes that share a
`LayerDef`. Nodes stand in topological order, inputs first. Nothing here knows Keras: graphs
pickle, hash and are priced without it.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, wraps
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

Shape = tuple[int | None, ...]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, order=True)
class TensorRef:
    """Output `index` of the call named `node`."""

    node: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape, batch axis included, and dtype of a tensor."""

    shape: Shape
    dtype: str


@dataclass(frozen=True, eq=False)
class LayerDef:
    """A layer or a `keras.ops` operation.

    Attributes:
        name: Its name in the model, unique.
        class_name: Its class, such as `Conv2D`.
        serialized: What Keras needs to make it again (module, config, build config).
        weights: Its weights in the order of `layer.weights`; read-only arrays.
        weight_names: Their variable names, such as `kernel`.
    """

    name: str
    class_name: str
    serialized: Mapping[str, Any]
    weights: tuple[np.ndarray, ...] = ()
    weight_names: tuple[str, ...] = ()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Makes weights read-only again, which pickling forgets."""
        self.__dict__.update(state)
        for weight in self.weights:
            weight.setflags(write=False)

    @property
    def config(self) -> Mapping[str, Any]:
        """The layer's own constructor arguments."""
        config: Mapping[str, Any] = self.serialized["config"]
        return config

    @property
    def named_weights(self) -> Iterator[tuple[str, np.ndarray]]:
        """Its weights behind their names, in order."""
        return zip(self.weight_names, self.weights, strict=True)

    @property
    def num_params(self) -> int:
        """Weights, trainable or not."""
        return sum(weight.size for weight in self.weights)


@dataclass(frozen=True)
class Node:
    """One call of a layer.

    Attributes:
        name: Unique; the layer's own name for its first call.
        layer: Name of the `LayerDef` called.
        args, kwargs: Call arguments, nested lists, tuples and dicts whose tensors are `TensorRef`s.
        outputs: Specs of the tensors it yields.
    """

    name: str
    layer: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: tuple[TensorSpec, ...]

    @cached_property
    def inputs(self) -> tuple[TensorRef, ...]:
        """The tensors it reads, in order, repeats included."""
        return tuple(_tensor_refs((self.args, self.kwargs)))

    @cached_property
    def data_inputs(self) -> tuple[TensorRef, ...]:
        """The same without masks, which say where values count and are none themselves."""
        data = {key: value for key, value in self.kwargs.items() if not _is_mask(key)}
        return tuple(_tensor_refs((self.args, data)))

    @cached_property
    def mask_inputs(self) -> tuple[TensorRef, ...]:
        """The masks alone."""
        return tuple(_tensor_refs([value for key, value in self.kwargs.items() if _is_mask(key)]))

    def with_inputs(self, change: Callable[[TensorRef], TensorRef]) -> "Node":
        """The same call reading `change(tensor)` in place of each tensor."""
        args, kwargs = _map_refs(self.args, change), _map_refs(self.kwargs, change)
        return replace(self, args=args, kwargs=kwargs)


@dataclass(frozen=True, eq=False)
class LayerGraph:
    """A whole model.

    Attributes:
        name: The model's name.
        layers: Layer definitions by name.
        nodes: Calls in topological order.
        inputs: The tensors fed.
        outputs: The tensors returned.
        input_structure, output_structure: Keras's nesting of the two (a list, a dict or one
            tensor), kept so that a built model is called as the original was.
        protected: Layers that no edit may take away or narrow.
        frozen: Layers whose weights stay as they are, whatever their own `trainable` says.
        kept: Why a layer must stay though the user did not ask for it, by layer name; such a layer
            is protected too, unless what it reads may be narrowed.
        packing: Layers that are not the model's own: they make one input or output of several, and
            two classes of one unit, see `graph.interface.packing`.
        sequential: Whether it was read from a Sequential model, and is to be written as one while
            it has no branches.
    """

    name: str
    layers: Mapping[str, LayerDef]
    nodes: tuple[Node, ...]
    inputs: tuple[TensorRef, ...]
    outputs: tuple[TensorRef, ...]
    input_structure: Any = field(default=None)
    output_structure: Any = field(default=None)
    protected: frozenset[str] = frozenset()
    frozen: frozenset[str] = frozenset()
    kept: Mapping[str, str] = field(default_factory=dict)
    packing: frozenset[str] = frozenset()
    sequential: bool = False

    @cached_property
    def node_by_name(self) -> Mapping[str, Node]:
        """Calls by name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def consumers(self) -> Mapping[TensorRef, tuple[Node, ...]]:
        """For each tensor, the calls that read it, each once."""
        found: dict[TensorRef, list[Node]] = {}
        for node in self.nodes:
            for ref in dict.fromkeys(node.inputs):
                found.setdefault(ref, []).append(node)
        return {ref: tuple(nodes) for ref, nodes in found.items()}

    @cached_property
    def position(self) -> Mapping[str, int]:
        """Topological position of each call."""
        return {node.name: index for index, node in enumerate(self.nodes)}

    def spec(self, ref: TensorRef) -> TensorSpec:
        """The shape and dtype of a tensor."""
        return self.node_by_name[ref.node].outputs[ref.index]

    def layer_of(self, node: Node) -> LayerDef:
        """The layer that a call calls."""
        return self.layers[node.layer]

    def calls_of(self, layer: str) -> int:
        """How often a layer is called."""
        return len(self.calls[layer])

    @cached_property
    def calls(self) -> Mapping[str, tuple[Node, ...]]:
        """The calls of each layer, by its name, in graph order."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            found.setdefault(node.layer, []).append(node)
        return {layer: tuple(nodes) for layer, nodes in found.items()}

    def upstream_of(self, calls: Iterable[str]) -> set[str]:
        """These calls and all that they depend on, by name."""
        found = set(calls)
        for node in reversed(self.nodes):
            if node.name in found:
                found.update(ref.node for ref in node.inputs)
        return found

    def structural_hash(self) -> str:
        """A digest of the architecture, the same whatever the names, weights and order of calls."""
        nodes = self._from_outputs_up()
        node_ids = {node.name: index for index, node in enumerate(nodes)}
        layer_ids: dict[str, int] = {}

        def number(ref: TensorRef) -> list[int]:
            return [node_ids[ref.node], ref.index]

        rows = []
        for node in nodes:
            layer = self.layers[node.layer]
            layer_id = layer_ids.setdefault(node.layer, len(layer_ids))
            config = {key: value for key, value in layer.config.items() if key != "name"}
            shapes = [list(weight.shape) for weight in layer.weights]
            arguments = _map_refs([node.args, node.kwargs], number)
            rows.append([layer_id, layer.class_name, config, shapes, arguments])
        text = json.dumps(
            [rows, [number(ref) for ref in self.outputs]], sort_keys=True, default=repr
        )
        return hashlib.sha256(text.encode()).hexdigest()

    def _from_outputs_up(self) -> list[Node]:
        """All calls, each behind what it reads, in the order in which outputs ask for them."""
        done: dict[str, Node] = {}
        waiting = [ref.node for ref in (*reversed(self.inputs), *reversed(self.outputs))]
        while waiting:
            name = waiting[-1]
            node = self.node_by_name[name]
            missing = [ref.node for ref in node.inputs if ref.node not in done]
            if missing:
                waiting.extend(reversed(missing))
                continue
            done.setdefault(name, node)
            waiting.pop()
        return list(done.values())


def num_values(shape: Shape) -> int | None:
    """Values of one sample of a shape, the batch included; None where an axis is unknown."""
    axes = [axis for axis in shape[1:] if axis is not None]
    return math.prod(axes) if len(axes) == len(shape) - 1 else None


def once_a_graph(function: Callable[[LayerGraph], _T]) -> Callable[[LayerGraph], _T]:
    """A function that remembers what it found of each graph: they never change, and many ask."""
    known: WeakKeyDictionary[LayerGraph, _T] = WeakKeyDictionary()

    @wraps(function)
    def remembered(graph: LayerGraph) -> _T:
        if graph not in known:
            known[graph] = function(graph)
        return known[graph]

    return remembered


def tensor_size(axes: Iterable[int | None]) -> int:
    """Values of a tensor of these axes; those of unknown size count as 1."""
    return math.prod(axis or 1 for axis in axes)


def nested(structure: Any, leaves: Sequence[Any]) -> Any:
    """Leaves in the nesting of a graph's inputs or outputs; a flat list where there is none."""
    if structure is None:
        return list(leaves)
    if isinstance(structure, int):
        return leaves[structure]
    if isinstance(structure, Mapping):
        return {key: nested(item, leaves) for key, item in structure.items()}
    return [nested(item, leaves) for item in structure]


def _is_mask(argument: str) -> bool:
    return argument == "mask" or argument.endswith("_mask")


def _tensor_refs(structure: Any) -> Iterator[TensorRef]:
    if isinstance(structure, TensorRef):
        yield structure
    elif isinstance(structure, Mapping):
        for value in structure.values():
            yield from _tensor_refs(value)
    elif isinstance(structure, list | tuple):
        for value in structure:
            yield from _tensor_refs(value)


def _map_refs(structure: Any, change: Callable[[TensorRef], Any]) -> Any:
    if isinstance(structure, TensorRef):
        return change(structure)
    if isinstance(structure, Mapping):
        return {key: _map_refs(value, change) for key, value in structure.items()}
    if isinstance(structure, list | tuple):
        return type(structure)(_map_refs(value, change) for value in structure)
    return structure
