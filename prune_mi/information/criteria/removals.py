"""A network without each of some units in turn, run beside the whole one on the same images.

Batch norms normalise by the batch at hand, in the whole network as in the others: that is what a
recalibration would make of them, and a shift of scale that it would undo is not counted. Only what
a removal changes is computed again.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from keras import ops

from prune_mi.data import stratified_sample
from prune_mi.graph.cost import graph_cost, node_macs
from prune_mi.graph.edit import changed_nodes, without_dead_nodes
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.removal import remove_unit
from prune_mi.graph.traits import has_kernel
from prune_mi.graph.unit import Unit
from prune_mi.graph.unit_discovery import outermost
from prune_mi.information.question import Question
from prune_mi.keras_io.graph_runner import GraphRunner

_FEWEST_IMAGES = 16
_MOST_IMAGES = 256
_MOST_BYTES = 2**29
_LIVE_TENSORS = 4  # of each network at a time


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one batch of images gives.

    Attributes:
        places: int `(n,)`, which of the question's images these are.
        whole: What is read of the whole network.
        without: The same of each network without a unit, in the order of `Removals.units`.
    """

    places: np.ndarray
    whole: tuple[Any, ...]
    without: Sequence[tuple[Any, ...]]


class Removals:
    """The units of a question, each removed by itself.

    Args:
        question: As criteria are asked.
        thrifty: Use as many images as keep all removals together within the cost of one pass over
            all of them, though at least 16 and at most 256. Where these would be fewer than 8, a
            unit inside another one is not removed by itself: it counts as the whole one. Else all
            images are used, and all units removed.
        read: The tensors of a network that are read, its output if nothing else is said.
    """

    def __init__(
        self,
        question: Question,
        *,
        thrifty: bool,
        read: Callable[[LayerGraph], tuple[TensorRef, ...]] = lambda graph: graph.outputs,
    ) -> None:
        self._question = question
        graph, num = question.graph, len(question.images)
        removed = {unit.name: remove_unit(graph, unit) for unit in question.units}
        self.units = tuple(question.units)
        count = num
        if thrifty:
            affordable = _affordable_images(graph, list(removed.values()), num)
            if 2 * affordable < _FEWEST_IMAGES:
                self.units = outermost(self.units)
                left = [removed[unit.name] for unit in self.units]
                affordable = _affordable_images(graph, left, num)
            count = min(max(affordable, _FEWEST_IMAGES), _MOST_IMAGES, num)
        rng = np.random.default_rng((question.seed, count))
        chosen = rng.permutation(stratified_sample(question.labels, size=count, rng=rng))
        size = max(1, min(count, _MOST_IMAGES, _MOST_BYTES // bytes_an_image(graph)))
        self._parts = np.array_split(chosen, math.ceil(count / size))
        self._largest_bytes = max(_tensor_bytes(graph))
        self._whole = read(graph)
        self._without = [
            without_dead_nodes(replace(each, outputs=read(each), output_structure=None))
            for each in (removed[unit.name] for unit in self.units)
        ]
        self._row = {unit.name: row for row, unit in enumerate(self.units)}

    def batches(self) -> Iterator[Batch]:
        """Runs all networks, one batch of images after another."""
        question = self._question
        runner = GraphRunner(question.graph, batch_statistics=True)
        for part in self._parts:
            batch = question.scaling.apply(np.asarray(question.images[part]))
            known = runner.run({question.graph.inputs[0]: ops.convert_to_tensor(batch)})
            beside = max(1, _MOST_BYTES // (_LIVE_TENSORS * self._largest_bytes * len(part)))
            without: list[tuple[Any, ...]] = []
            for start in range(0, len(self._without), beside):
                chunk = self._without[start : start + beside]
                without.extend(runner.rerun(chunk, known))
            yield Batch(
                places=part, whole=tuple(known[ref] for ref in self._whole), without=without
            )

    def gathered(
        self, *reduce: Callable[[Any], np.ndarray]
    ) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
        """What is read of all images: of the whole network, and of each without a unit.

        Args:
            reduce: For each tensor that is read, what is kept of it, an array `(n, ...)`.
        """

        def kept(tensors: Sequence[Any]) -> list[np.ndarray]:
            return [take(tensor) for take, tensor in zip(reduce, tensors, strict=True)]

        found = [[kept(each) for each in (batch.whole, *batch.without)] for batch in self.batches()]
        whole, *without = (
            [np.concatenate(parts) for parts in zip(*by_batch, strict=True)]
            for by_batch in zip(*found, strict=True)
        )
        return whole, without

    def rows(self) -> list[int]:
        """For each unit that was asked about, the place in `units` of what stands for it."""
        return [self._row[enclosing(unit, self.units).name] for unit in self._question.units]


def enclosing(unit: Unit, measured: Sequence[Unit]) -> Unit:
    """The unit itself where it was measured, or the first that it lies inside."""
    itself = (each for each in measured if each.name == unit.name)
    return next(itself, None) or next(
        each for each in measured if set(unit.nodes) <= set(each.nodes)
    )


def last_features(graph: LayerGraph) -> TensorRef:
    """What the last layer with a kernel reads; the graph's output where none has one."""
    node = graph.node_by_name[graph.outputs[0].node]
    while node.inputs:
        if has_kernel(graph.layer_of(node)):
            return node.inputs[0]
        node = graph.node_by_name[node.inputs[0].node]
    return graph.outputs[0]


def bytes_an_image(graph: LayerGraph) -> int:
    """Memory of every tensor of the graph."""
    return sum(_tensor_bytes(graph))


def _tensor_bytes(graph: LayerGraph) -> list[int]:
    return [
        4 * math.prod(axis or 1 for axis in spec.shape)
        for node in graph.nodes
        for spec in node.outputs
    ]


def _affordable_images(graph: LayerGraph, removals: Sequence[LayerGraph], most: int) -> int:
    """Images on which all removals together cost what one pass over `most` does."""
    again = sum(
        node_macs(removal, node) for removal in removals for node in changed_nodes(graph, removal)
    )
    return round(most * graph_cost(graph).macs / max(again, 1))
