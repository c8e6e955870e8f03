"""Models that take inputs of any size, made for one size, so that what they cost can be counted."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from prune_mi.errors import ModelError
from prune_mi.graph.edit import with_config
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model


def unknown_axes(graph: LayerGraph) -> int:
    """The most axes of unknown size that an input has, the batch left out."""
    return max((graph.spec(ref).shape[1:].count(None) for ref in graph.inputs), default=0)


def with_input_size(graph: LayerGraph, sizes: Sequence[int]) -> LayerGraph:
    """The graph for inputs of one size, with the shapes of all its tensors known.

    Args:
        graph: A graph with inputs of unknown size.
        sizes: For the unknown axes of each input, in order, such as (224, 224).

    Raises:
        ModelError: If there are fewer or more unknown axes, or the model cannot be built for
            inputs of this size.
    """
    if unknown_axes(graph) != len(sizes):
        taken = ", ".join(_text(graph.spec(ref).shape[1:]) for ref in graph.inputs)
        raise ModelError(
            f"received the input size {_text(sizes)}, but the model takes {taken}; expected a "
            f"size for each unknown axis (?), of which there are {unknown_axes(graph)}"
        )
    shapes = []
    for ref in graph.inputs:
        left = iter(sizes)
        shapes.append([next(left) if axis is None else axis for axis in graph.spec(ref).shape[1:]])
    return with_input_shapes(graph, shapes)


def with_input_shapes(graph: LayerGraph, shapes: Sequence[Sequence[int]]) -> LayerGraph:
    """The graph for inputs of these shapes, the batch left out, in order."""
    changes = {
        graph.node_by_name[ref.node].layer: {"batch_shape": [None, *shape]}
        for ref, shape in zip(graph.inputs, shapes, strict=True)
    }
    traced = trace_model(build_model(with_config(graph, changes)))
    return replace(traced, sequential=graph.sequential)


def _text(shape: Iterable[int | None]) -> str:
    return "x".join("?" if axis is None else str(axis) for axis in shape)
