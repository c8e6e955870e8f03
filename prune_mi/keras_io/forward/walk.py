"""A graph evaluated call by call on all images at hand, in batches, as far as it is asked to.

Weights of what is still to come may be set on the way. A tensor that nothing reads any more is
dropped, so that what is held at a time is what is alive between two calls.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from keras import ops, tree

from prune_mi.graph.edit import with_settings
from prune_mi.graph.ir import LayerGraph, Node, TensorRef, tensor_size
from prune_mi.keras_io.forward.graph_runner import called, filled_in, made
from prune_mi.keras_io.model_graph.build import build_model


class Walk:
    """Goes through the calls of a graph in their order; batch norms by their moving statistics.

    Args:
        graph: The graph, of one input.
        batches: Scaled images.
    """

    def __init__(self, graph: LayerGraph, batches: Sequence[Any]) -> None:
        self._graph = graph
        self._layers = {each.name: each for each in build_model(graph).operations}
        self._calls = {name: called(each) for name, each in self._layers.items()}
        first = graph.inputs[0]
        dtype = graph.spec(first).dtype
        self._values = {first: [ops.cast(ops.convert_to_tensor(each), dtype) for each in batches]}
        self._last_read = last_reads(graph)
        self._place = 0

    def values(self, ref: TensorRef) -> list[Any]:
        """A tensor, batch by batch; it must have been reached and be still alive."""
        return self._values[ref]

    def has(self, ref: TensorRef) -> bool:
        """Whether a tensor is at hand."""
        return ref in self._values

    def set_weights(self, layer: str, weights: Sequence[np.ndarray]) -> None:
        """Gives a layer other weights, of the same shapes, for the calls to come."""
        self._layers[layer].set_weights(list(weights))

    def advance(self, node: Node, known: Mapping[TensorRef, list[Any]] | None = None) -> None:
        """Makes all calls up to one of the graph's, this one included.

        Args:
            node: The call; it may have been made already.
            known: What this call yields where that need not be worked out.
        """
        upto = self._graph.position[node.name]
        while self._place <= upto:
            each = self._graph.nodes[self._place]
            if each.inputs:
                given = known if self._place == upto else None
                self._values.update(given or self._made(each))
            self._place += 1

    def before_activation(self, node: Node) -> Iterator[Any]:
        """What a call of a layer with an `activation` comes to before that, batch by batch."""
        inputs = self._values[node.inputs[0]]
        layer = with_settings(self._graph.layer_of(node), {"activation": None})
        linear = made(replace(layer, weights=self._layers[node.layer].get_weights()), inputs[0])
        call = called(linear)
        for batch in inputs:
            yield call(batch)

    def forget(self) -> None:
        """Drops what no call to come reads."""
        for ref in list(self._values):
            if self._last_read.get(ref, -1) < self._place:
                del self._values[ref]

    def _made(self, node: Node) -> dict[TensorRef, list[Any]]:
        count = len(next(iter(self._values[ref] for ref in node.inputs)))
        found: dict[TensorRef, list[Any]] = {}
        for batch in range(count):
            values = {ref: self._values[ref][batch] for ref in node.inputs}
            args, kwargs = (filled_in(each, values) for each in (node.args, node.kwargs))
            outputs = tree.flatten(self._calls[node.layer](*args, **kwargs))
            for index, output in enumerate(outputs):
                found.setdefault(TensorRef(node.name, index), []).append(output)
        return found


def last_reads(graph: LayerGraph) -> dict[TensorRef, int]:
    """For each tensor the place of the last call that reads it."""
    return {ref: place for place, node in enumerate(graph.nodes) for ref in node.inputs}


def live_bytes(graph: LayerGraph) -> int:
    """Memory for one image of the tensors that a walk holds at a time, at most."""
    last, most = last_reads(graph), 0
    alive: dict[TensorRef, int] = {}
    for place, node in enumerate(graph.nodes):
        for index, spec in enumerate(node.outputs):
            alive[TensorRef(node.name, index)] = 4 * tensor_size(spec.shape[1:])
        most = max(most, sum(alive.values()))
        alive = {ref: size for ref, size in alive.items() if last.get(ref, -1) > place}
    return most
