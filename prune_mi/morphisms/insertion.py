"""What insertions share: the tensors that they may stand behind, and their record."""

from prune_mi.graph.edit import insert_after
from prune_mi.graph.ir import LayerDef, LayerGraph, TensorRef
from prune_mi.graph.place import place_of
from prune_mi.graph.sign import is_never_negative
from prune_mi.morphisms.morphism import Morphed
from prune_mi.records import MorphRecord


def inner_tensors(graph: LayerGraph, *, rank: int | None = None) -> list[TensorRef]:
    """Tensors of single precision inside the graph that are read, with known channels.

    Args:
        graph: The graph; its ends, and what feeds outputs that are not judged, are left out.
        rank: Axes that they must have, the batch included; None for any number.
    """
    found = []
    for node in graph.nodes:
        if node.layer in graph.kept:
            continue  # an end, or what feeds an output that is not judged
        for index, spec in enumerate(node.outputs):
            ref = TensorRef(node.name, index)
            inside = ref in graph.consumers and ref not in graph.inputs and ref not in graph.outputs
            fits = len(spec.shape) > 1 if rank is None else len(spec.shape) == rank
            if inside and fits and spec.dtype == "float32" and spec.shape[-1] is not None:
                found.append(ref)
    return found


def rectified_tensors(graph: LayerGraph, *, rank: int) -> list[TensorRef]:
    """Those of the inner tensors that are never negative."""
    return [ref for ref in inner_tensors(graph, rank=rank) if is_never_negative(graph, ref)]


def has_channels_last(graph: LayerGraph) -> bool:
    """Whether no layer of the graph has channels before rows and columns."""
    formats = (layer.config.get("data_format") for layer in graph.layers.values())
    return "channels_first" not in formats


def num_channels(graph: LayerGraph, ref: TensorRef) -> int:
    """Channels of an inner tensor."""
    return int(graph.spec(ref).shape[-1] or 0)


def inserted(
    graph: LayerGraph, ref: TensorRef, layers: tuple[LayerDef, ...], kind: str, reason: str
) -> Morphed:
    """Layers that keep the shape, put behind a tensor, and the record of it."""
    names = tuple(layer.name for layer in layers)
    record = MorphRecord(kind, ref.node, names, reason, place_of(graph, ref))
    return Morphed(insert_after(graph, ref, layers), record)
