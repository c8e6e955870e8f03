"""What insertions share: the tensors that they may stand behind, and their record."""

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from prune_mi.graph.edit import insert_after
from prune_mi.graph.ir import LayerDef, LayerGraph, TensorRef
from prune_mi.graph.nonnegative import is_nonnegative
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.morphisms.morphism import Edit, Site
from prune_mi.morphisms.site import has_channels_last, inner_tensors
from prune_mi.records import Effect


class Insertion:
    """What insertions have in common; see `Morphism`."""

    effect: Effect = "adds"
    keeps_function = True
    by_rank = False


def rectified_tensors(graph: LayerGraph, *, rank: int) -> list[TensorRef]:
    """Those of the inner tensors that are never negative."""
    return [ref for ref in inner_tensors(graph, rank=rank) if is_nonnegative(graph, ref)]


def rectified_images(graph: LayerGraph) -> list[TensorRef] | NotApplicable:
    """Images of channels last inside the graph that are never negative; or that there are none."""
    sites = rectified_tensors(graph, rank=4) if has_channels_last(graph) else []
    if not sites:
        return NotApplicable("no rectified channels-last image tensor to stay non-negative behind")
    return sites


def num_channels(graph: LayerGraph, ref: TensorRef) -> int:
    """Channels of an inner tensor."""
    return int(graph.spec(ref).shape[-1] or 0)


def sites_behind(
    graph: LayerGraph,
    refs: Iterable[TensorRef],
    edit: Callable[[LayerGraph, TensorRef, np.random.Generator], Edit | NotApplicable],
) -> list[Site]:
    """A site behind each of some tensors."""
    return [Site(ref.node, ref, partial(edit, graph, ref)) for ref in refs]


def inserted(graph: LayerGraph, ref: TensorRef, layers: tuple[LayerDef, ...], told: str) -> Edit:
    """Layers that keep the shape, put behind a tensor."""
    return Edit(insert_after(graph, ref, layers), told)
