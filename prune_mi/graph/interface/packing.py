"""One end: a graph of several inputs or outputs packed into one with a single input and output.

Everything between loading a model and writing it works on one input and one output. Packed are

- inputs: one float32 tensor `(batch, total)` has all of them flattened, side by side. For each,
  cropping and reshaping take its part out again, and a cast where it is not float32. The last of
  these layers bears the input's own name: what read the input reads it still.
- outputs: the judged one comes first and the others behind it, flattened, as one float32 tensor
  `(batch, classes + rest)`. A judged output of one unit becomes two columns, one for each of the
  two classes that it tells apart, see `graph.interface.binary_output`.

Packing layers, layers that yield an output, and layers that feed other outputs alone are protected:
a result has to answer to everything that the original answered to. Unpacking puts the original's
own ends back in their places, whatever was edited between them. (Where one unit is all that was
packed, what its kernel reads may still be narrowed: such a layer is kept, but not protected.)
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from prune_mi.errors import ModelError
from prune_mi.graph.edit import fresh_name, validate_graph
from prune_mi.graph.interface.binary_output import (
    COLUMNS,
    UnitReading,
    is_one_unit,
    two_columns,
    unit_reading,
    yielding_layers,
)
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef, TensorSpec, nested, num_values
from prune_mi.graph.new_layers import FLOAT, Chain, cast_layer, float_spec, stock_layer
from prune_mi.graph.traits import has_kernel


@dataclass(frozen=True, slots=True, eq=False)
class Packing:
    """A graph with one input and one output, and what it was made from.

    Attributes:
        original: The graph with its own ends.
        judged: Place of the judged output among the original's.
        as_classes: Whether a judged output of one unit is read as two classes.
        graph: The packed graph; the original itself where it has one input and one output of
            several columns.
    """

    original: LayerGraph
    judged: int
    graph: LayerGraph
    as_classes: bool = True

    @property
    def order(self) -> tuple[int, ...]:
        """Places of the original's outputs in the order of the packed columns."""
        rest = (place for place in range(len(self.original.outputs)) if place != self.judged)
        return (self.judged, *rest)

    @property
    def other_sizes(self) -> tuple[int, ...]:
        """Columns of each output but the judged one, in order."""
        specs = (self.original.spec(self.original.outputs[place]) for place in self.order[1:])
        return tuple(num_values(spec.shape) or 1 for spec in specs)

    @property
    def unit(self) -> UnitReading | None:
        """How the judged output is read where it is one unit; None where it has several."""
        if not self.as_classes:
            return None
        return _reading(self.original, self.original.outputs[self.judged])

    @property
    def has_one_end(self) -> bool:
        """Whether the original has one input and one output, each by itself in no structure."""
        ends = self.original.inputs, self.original.outputs
        structures = self.original.input_structure, self.original.output_structure
        nested = any(isinstance(each, dict | list) for each in structures)
        return not nested and all(len(each) == 1 for each in ends)


def pack(graph: LayerGraph, *, judged: int = 0, as_classes: bool = True) -> Packing:
    """Gives a graph one input and one output.

    Args:
        graph: The sizes of its inputs and outputs must be known, the batch apart.
        judged: Place of the output that is to be kept: `(batch, columns)`, or one unit; where it
            is the only one, of any shape.
        as_classes: Whether one unit tells two classes apart; else it is a number.

    Raises:
        ModelError: If an input or output has an unknown size, or an input holds no numbers.
    """
    packed = graph
    if len(graph.inputs) > 1:
        packed = _with_one_input(packed)
    elif isinstance(graph.input_structure, dict | list):
        packed = replace(packed, input_structure=0)
    ref = graph.outputs[judged]
    is_unit = is_one_unit(graph, ref) and (as_classes or len(graph.spec(ref).shape) != 2)
    if len(graph.outputs) > 1 or is_unit:
        packed = _with_one_output(packed, Packing(graph, judged, packed, as_classes))
    elif isinstance(graph.output_structure, dict | list):
        packed = replace(packed, output_structure=0)
    packed = packed if packed is graph else validate_graph(packed)
    return Packing(graph, judged, packed, as_classes)


def with_outputs_protected(graph: LayerGraph, *, judged: int) -> LayerGraph:
    """The graph as it is, with the layers protected that `pack` would protect for its outputs."""
    if len(graph.outputs) == 1:
        return graph
    packed = _with_one_output(graph, Packing(graph, judged, graph))
    reasons = {name: why for name, why in packed.kept.items() if name in graph.layers}
    return _kept(graph, reasons)


def unpack(edited: LayerGraph, packing: Packing) -> LayerGraph:
    """An edited packed graph with the original's own inputs, outputs in order, and nesting."""
    original = packing.original
    if packing.graph is original:
        return edited
    inputs = {ref.node: original.node_by_name[ref.node] for ref in original.inputs}
    own = [node for node in edited.nodes if node.layer not in edited.packing]
    unread = [node for name, node in inputs.items() if name not in edited.node_by_name]
    layers = {node.layer: edited.layers[node.layer] for node in own}
    layers |= {node.layer: original.layers[node.layer] for node in inputs.values()}
    return validate_graph(
        replace(
            edited,
            layers=layers,
            nodes=(*unread, *(inputs.get(node.name, node) for node in own)),
            inputs=original.inputs,
            outputs=_own_outputs(edited, packing),
            input_structure=original.input_structure,
            output_structure=original.output_structure,
            protected=original.protected,
            kept=original.kept,
            packing=original.packing,
        )
    )


def _with_one_input(graph: LayerGraph) -> LayerGraph:
    sizes = [_size_of(graph, ref, "input") for ref in graph.inputs]
    name = fresh_name(graph, "packed_column")
    column = stock_layer("Reshape", name, target_shape=[sum(sizes), 1])
    whole = Chain.from_input(fresh_name(graph, "packed_inputs"), sum(sizes))
    front = whole.then(column, (None, sum(sizes), 1))
    added, own = list(front.layers), list[LayerDef]()
    chains: dict[str, list[Node]] = {}
    for place, (ref, size) in enumerate(zip(graph.inputs, sizes, strict=True)):
        node = graph.node_by_name[ref.node]
        if ref not in graph.consumers and ref not in graph.outputs:
            chains[node.name] = []  # read by nothing, it only takes its place among the columns
            continue
        cropping = [sum(sizes[:place]), sum(sizes[place + 1 :])]
        part = stock_layer("Cropping1D", fresh_name(graph, f"{node.layer}_part"), cropping=cropping)
        chain = Chain((), (), front.tensor, front.shape).then(part, (None, size, 1))
        spec = TensorSpec((None, *node.outputs[0].shape[1:]), node.outputs[0].dtype)
        shape = list(spec.shape[1:])
        if spec.dtype == FLOAT:
            own.append(stock_layer("Reshape", node.layer, target_shape=shape))
        else:
            name = fresh_name(graph, f"{node.layer}_shaped")
            chain = chain.then(stock_layer("Reshape", name, target_shape=shape), spec.shape)
            own.append(cast_layer(node.layer, spec.dtype))
        added.extend(chain.layers)
        last = Node(node.name, node.layer, (chain.tensor,), {}, (spec,))
        chains[node.name] = [*chain.calls, last]
    nodes = [each for node in graph.nodes for each in chains.get(node.name, [node])]
    reasons = {layer.name: "is one of the model's inputs" for layer in (*added, *own)}
    inner = {name: layer for name, layer in graph.layers.items() if name not in chains}
    return _kept(
        replace(
            graph,
            layers={**inner, **{layer.name: layer for layer in (*added, *own)}},
            nodes=(*front.calls, *nodes),
            inputs=(whole.tensor,),
            input_structure=0,
            packing=graph.packing | {layer.name for layer in added},
        ),
        reasons,
    )


def _with_one_output(graph: LayerGraph, packing: Packing) -> LayerGraph:
    added: list[LayerDef] = []
    nodes: list[Node] = []

    def add(layer: LayerDef, read: Any, *shape: int | None) -> TensorRef:
        added.append(layer)
        nodes.append(Node(layer.name, layer.name, (read,), {}, (float_spec(*shape),)))
        return TensorRef(layer.name)

    def as_classes(unit: TensorRef, reading: UnitReading, stem: str) -> TensorRef:
        columns = []
        for index, (scale, offset) in enumerate(COLUMNS[reading]):
            name = fresh_name(graph, f"{stem}_class_{index}")
            columns.append(add(stock_layer("Rescaling", name, scale=scale, offset=offset), unit, 1))
        both = stock_layer("Concatenate", fresh_name(graph, f"{stem}_classes"), axis=-1)
        return add(both, columns, 2)

    parts, total = [], 0
    for place in packing.order:
        ref = graph.outputs[place]
        spec, size = graph.spec(ref), _size_of(graph, ref, "output")
        reading = packing.unit if place == packing.judged else None
        stem = f"packed_output_{place}"
        if spec.dtype != FLOAT:
            ref = add(cast_layer(fresh_name(graph, f"{stem}_cast"), FLOAT), ref, *spec.shape[1:])
        if len(spec.shape) != 2 or reading:
            # Also of a unit that is flat: what it is read by first is one call, as any output is.
            flat = stock_layer("Reshape", fresh_name(graph, f"{stem}_flat"), target_shape=[size])
            ref = add(flat, ref, size)
        if reading:
            ref, size = as_classes(ref, reading, stem), 2
        parts.append(ref)
        total += size
    whole = parts[0]
    if len(parts) > 1:
        joined = stock_layer("Concatenate", fresh_name(graph, "packed_outputs"), axis=-1)
        whole = add(joined, parts, total)
    narrowed = set[str]()
    if len(graph.outputs) == 1:  # whose kernels may lose what they read
        narrowed = {name for name, layer in graph.layers.items() if has_kernel(layer)}
    return _kept(
        replace(
            graph,
            layers={**graph.layers, **{layer.name: layer for layer in added}},
            nodes=(*graph.nodes, *nodes),
            outputs=(whole,),
            output_structure=0,
            packing=graph.packing | {layer.name for layer in added},
        ),
        {
            **_kept_for_outputs(graph, packing.judged),
            **dict.fromkeys((layer.name for layer in added), "is one of the model's outputs"),
        },
        narrowed=narrowed,
    )


def _size_of(graph: LayerGraph, ref: TensorRef, end: str) -> int:
    """Values of one sample of an input or output.

    Raises:
        ModelError: If its size is unknown, or it holds no numbers.
    """
    spec = graph.spec(ref)
    size = num_values(spec.shape)
    if not size or not any(word in spec.dtype for word in ("float", "int", "bool")):
        raise ModelError(
            f"the model's {end} {ref.node!r} has the shape {spec.shape} and the type {spec.dtype}; "
            f"expected numbers in a shape that is known, the batch apart, since the model has "
            "several"
        )
    return size


def _reading(graph: LayerGraph, ref: TensorRef) -> UnitReading | None:
    """How an output is read where it is one unit."""
    return (unit_reading(graph, ref) or "logit") if is_one_unit(graph, ref) else None


def _kept_for_outputs(graph: LayerGraph, judged: int) -> dict[str, str]:
    """Why layers must stay, by name: they yield an output, or feed others than the judged one."""
    ref, why = graph.outputs[judged], "yields the model's output"
    reasons: dict[str, str] = {}
    if len(graph.outputs) > 1:
        why = "yields one of the model's outputs"
        needed = graph.upstream_of([ref.node])
        others = (node.layer for node in graph.nodes if node.name not in needed)
        reasons = dict.fromkeys(others, f"feeds no output but others than {ref.node!r}")
    if is_one_unit(graph, ref):
        reasons |= dict.fromkeys(yielding_layers(graph, ref), why)
    return reasons | {graph.node_by_name[ref.node].layer: why for ref in graph.outputs}


def _own_outputs(edited: LayerGraph, packing: Packing) -> tuple[TensorRef, ...]:
    """The tensors that the packing layers at the end read, in the original's order."""
    parts = edited.outputs
    if len(packing.order) > 1:
        parts = edited.node_by_name[edited.outputs[0].node].inputs
    found: dict[int, TensorRef] = {}
    for place, ref in zip(packing.order, parts, strict=True):
        while edited.node_by_name[ref.node].layer in edited.packing:
            ref = edited.node_by_name[ref.node].inputs[0]
        found[place] = ref
    return tuple(found[place] for place in sorted(found))


def _kept(
    graph: LayerGraph, reasons: dict[str, str], *, narrowed: Collection[str] = ()
) -> LayerGraph:
    return replace(
        graph,
        kept={**graph.kept, **reasons},
        protected=graph.protected | (reasons.keys() - set(narrowed)),
    )


def unpack_inputs(rows: np.ndarray, packing: Packing) -> Any:
    """What the original model is called with.

    Args:
        rows: Samples as the packed graph takes them, `(n, total)` where the original has several
            inputs.
        packing: How the graph was packed.

    Returns:
        An array for each input, of its own shape and type, in the structure of the original's
        inputs.
    """
    original = packing.original
    if len(original.inputs) == 1:
        return nested(original.input_structure or 0, [rows])
    arrays, start = [], 0
    for ref in original.inputs:
        spec = original.spec(ref)
        shape = tuple(axis or 1 for axis in spec.shape[1:])
        part = rows[:, start : start + math.prod(shape)].reshape(len(rows), *shape)
        # NumPy has no bfloat16; what receives the array casts it.
        arrays.append(part if spec.dtype == "bfloat16" else part.astype(spec.dtype))
        start += math.prod(shape)
    return nested(original.input_structure, arrays)


def pack_outputs(outputs: Any, packing: Packing) -> np.ndarray:
    """The original model's outputs as the packed graph yields them.

    Args:
        outputs: Arrays, their first axis the batch, in the structure of the original's outputs.
        packing: How the graph was packed.

    Returns:
        float32 `(n, classes + rest)`, the judged output first.
    """
    found: dict[int, np.ndarray] = {}
    _collect(packing.original.output_structure, outputs, found)
    arrays = [found[place].astype(np.float32) for place in packing.order]
    if packing.unit is not None:
        arrays[0] = two_columns(arrays[0], packing.unit)
    return np.concatenate([each.reshape(len(each), -1) for each in arrays], axis=1)


def _collect(structure: Any, value: Any, found: dict[int, np.ndarray]) -> None:
    if isinstance(structure, Mapping):
        for key, item in structure.items():
            _collect(item, value[key], found)
    elif isinstance(structure, int):
        found[structure] = np.asarray(value)
    else:
        places = range(len(value)) if structure is None else structure
        for item, part in zip(places, value, strict=True):
            _collect(item, part, found)
