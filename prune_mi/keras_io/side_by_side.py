"""Several edits of one graph evaluated side by side: calls that they share are made once.

Networks that have each lost another unit are the same behind all of these units. So a call is made
once on the batches of all networks in which its inputs have changed, one behind the other, and not
once a network: deep networks of small layers spend most of their time on making calls. Batch norms
that go by the batch at hand normalise each network's batch by itself.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from keras import ops

from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef


@dataclass(frozen=True, slots=True, eq=False)
class Call:
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


class Stacks:
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
        return found[0] if len(found) == 1 else ops.concatenate(found, axis=0)

    def forget(self, ref: TensorRef) -> None:
        """Drops a tensor that nothing reads any more."""
        self._places.pop(ref, None)


def common_calls(
    graph: LayerGraph, edits: Sequence[LayerGraph], changed: Sequence[Sequence[Node]]
) -> Iterator[Call]:
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
            yield Call(
                node=numbered,
                layer=edits[first].layers[node.layer],
                edits=tuple(edit for edit, _, _ in group),
                inputs=tuple(zip(*(each.inputs for _, each, _ in group), strict=True)),
            )


def normalised(layer: LayerDef, stacked: Any, num_batches: int) -> Any:
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
    batches = ops.reshape(stacked, (num_batches, shape[0] // num_batches, *shape[1:]))
    batches = ops.cast(batches, "float32")
    channels = layer.config["axis"] % len(shape) + 1
    axes = [axis for axis in range(1, len(shape) + 1) if axis != channels]
    mean, variance = ops.moments(batches, axes=axes, keepdims=True)
    broadcast = [1] * (len(shape) + 1)
    broadcast[channels] = shape[channels - 1]
    learned = {
        name: ops.reshape(weight, broadcast)
        for name, weight in zip(layer.weight_names, layer.weights, strict=True)
    }
    scale = learned.get("gamma", 1.0) * ops.rsqrt(variance + layer.config["epsilon"])
    offset = learned.get("beta", 0.0) - mean * scale
    return ops.reshape(batches * scale + offset, shape)


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
