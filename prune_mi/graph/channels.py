"""Channels that go or come: every weight that reads them is sliced or grows.

Where a part of a concatenation goes, the tensors behind it have fewer channels; where a layer is
widened, they have more. Where the channels come from is followed forwards as a map over one axis of
each tensor: layers that keep channels apart pass it on (with their own weights for each channel
resized), a layer with a kernel takes it in (rows of the kernel go or come) and yields all its
channels again, a concatenation joins maps, a flattening repeats them. Where a map reaches something
that cannot be resized, the whole change is refused with the reason.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from prune_mi.graph.channel_flow import Resize, through
from prune_mi.graph.channel_map import ChannelMap
from prune_mi.graph.edit import read_only, without_dead_nodes
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef, TensorSpec
from prune_mi.graph.not_applicable import NotApplicable


@dataclass(frozen=True, slots=True)
class Slices:
    """What becomes of the calls behind channels that go or come.

    Attributes:
        layers: Layers with other weights, by name.
        nodes: Calls that yield other shapes, by name.
    """

    layers: Mapping[str, LayerDef]
    nodes: Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class Cut:
    """Weights of channels that are gone go.

    Attributes:
        take: What is left of a weight: `taken`, or `outline` where only shapes are wanted.
    """

    take: Callable[[np.ndarray, np.ndarray, int], np.ndarray]

    def hand(self, name: str, weight: np.ndarray, channels: ChannelMap, axis: int) -> np.ndarray:
        """See `Resize`."""
        return self.take(weight, channels.source, axis)

    def read(self, weight: np.ndarray, channels: ChannelMap, axis: int) -> np.ndarray:
        """See `Resize`."""
        return self.take(weight, channels.source, axis)

    def objection(self, graph: LayerGraph, layer: LayerDef, channels: ChannelMap) -> str | None:
        """See `Resize`."""
        return "is protected" if layer.name in graph.protected else None


def taken(weight: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """Parts of a weight, read-only."""
    return read_only(np.take(weight, places, axis=axis))


def outline(weight: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """The shape of parts of a weight, its values all 0 and in one place of memory."""
    shape = list(weight.shape)
    shape[axis] = len(places)
    return np.broadcast_to(np.zeros((), weight.dtype), shape)


CUT = Cut(taken)
OUTLINE = Cut(outline)


def drop_channels(
    graph: LayerGraph, maps: Mapping[TensorRef, ChannelMap]
) -> LayerGraph | NotApplicable:
    """Slices everything behind tensors that have lost channels.

    Args:
        graph: A graph in which the tensors of `maps` already lack the channels that their maps
            drop, and in which all tensors are described as they were before.
        maps: For each tensor that an edit has narrowed, what remains of it.

    Returns:
        The graph with sliced weights and the shapes that follow; or why it cannot be.
    """
    slices = find_slices(graph, maps)
    return (
        slices if isinstance(slices, NotApplicable) else without_dead_nodes(sliced(graph, slices))
    )


def sliced(graph: LayerGraph, slices: Slices) -> LayerGraph:
    """The graph with what `find_slices` found in its place."""
    nodes = tuple(slices.nodes.get(node.name, node) for node in graph.nodes)
    return replace(graph, nodes=nodes, layers={**graph.layers, **slices.layers})


def find_slices(
    graph: LayerGraph, maps: Mapping[TensorRef, ChannelMap], *, resize: Resize = CUT
) -> Slices | NotApplicable:
    """What `drop_channels` changes.

    Args:
        graph: As there. A call that yields one of `maps` may read another of them: the weights
            that make its output are as they shall be, those that read its input are resized.
        maps: As there.
        resize: `OUTLINE` where only shapes are wanted; or how weights grow.
    """
    known = dict(maps)
    layers: dict[str, LayerDef] = {}
    nodes: dict[str, Node] = {}
    start = min(graph.position[ref.node] for ref in maps)
    for node in graph.nodes[start:]:
        own = TensorRef(node.name)
        if any(ref in known for ref in node.inputs):
            passed = through(graph, node, known, resize)
            if isinstance(passed, NotApplicable):
                return passed
            layer, found = passed
            if layer is not None:
                if graph.calls_of(node.layer) > 1:
                    return NotApplicable(
                        f"{node.layer!r}, which reads it, is called more than once"
                    )
                layers[node.layer] = layer
            if found is not None:
                if own in maps:
                    return NotApplicable(f"{node.name!r}, which reads it, hands it on")
                known[own] = found
        if own in known:
            nodes[node.name] = _reshaped(node, known[own])
    outputs = [ref for ref in graph.outputs if ref in known]
    if outputs:
        return NotApplicable(f"{outputs[0].node!r} yields the model's output")
    return Slices(layers, nodes)


def _reshaped(node: Node, channels: ChannelMap) -> Node:
    """The call with the shape of its output as it is now."""
    shape = list(node.outputs[0].shape)
    shape[channels.axis] = len(channels.source)
    return replace(node, outputs=(TensorSpec(tuple(shape), node.outputs[0].dtype),))
