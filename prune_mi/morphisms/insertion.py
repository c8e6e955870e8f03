"""What insertions share: the tensors that they may stand behind, and their record."""

from prune_mi.graph.edit import insert_after
from prune_mi.graph.ir import LayerDef, LayerGraph, TensorRef
from prune_mi.graph.place import place_of
from prune_mi.graph.sign import is_never_negative
from prune_mi.morphisms.morphism import Morphed, NoSite
from prune_mi.morphisms.site import has_channels_last, inner_tensors
from prune_mi.records import MorphRecord


def rectified_tensors(graph: LayerGraph, *, rank: int) -> list[TensorRef]:
    """Those of the inner tensors that are never negative."""
    return [ref for ref in inner_tensors(graph, rank=rank) if is_never_negative(graph, ref)]


def rectified_images(graph: LayerGraph) -> list[TensorRef] | NoSite:
    """Images of channels last inside the graph that are never negative; or that there are none."""
    sites = rectified_tensors(graph, rank=4) if has_channels_last(graph) else []
    if not sites:
        return NoSite("no rectified channels-last image tensor to stay non-negative behind")
    return sites


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
