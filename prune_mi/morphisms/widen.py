"""Wider layers: y = V x becomes y = V' x', x' having each channel of x two or four times.

The function stays as it was (see `graph.widening`). Layers whose outputs are added to one another
or multiplied are widened together, such as all of one stage of a residual network. No layer becomes
wider than 512 channels, and no network more than four times as large.

Source: Chen, Goodfellow, Shlens (2016), Net2Net; the factors are those of Elsken, Metzen, Hutter
(2017), Simple and Efficient Architecture Search (NASH).
"""

import numpy as np

from prune_mi.graph.channel_flow import Unsliceable
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.place import place_of
from prune_mi.graph.widening import WIDENABLE, output_width, widen
from prune_mi.graph.widths import WidthGroup, width_groups
from prune_mi.morphisms.morphism import MorphContext, Morphed, NoSite
from prune_mi.morphisms.site import draw_site
from prune_mi.records import MorphRecord

MAX_WIDTH = 512
MAX_PARAMS_RATIO = 4.0
_TIMES = (2, 4)


class WidenConv:
    """Makes a convolution two or four times as wide, and what must have its width."""

    name = "widen-conv"
    keeps_function = True

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        groups = [group for group in _widenable(graph) if not _is_dense(graph, group)]
        return _widen_one(graph, groups, context, rng, kind=self.name, noun="convolution")


class WidenDense:
    """Makes a dense layer two or four times as wide, and what must have its width."""

    name = "widen-dense"
    keeps_function = True

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        groups = [group for group in _widenable(graph) if _is_dense(graph, group)]
        return _widen_one(graph, groups, context, rng, kind=self.name, noun="dense layer")


def _widenable(graph: LayerGraph) -> list[WidthGroup]:
    return [
        group
        for group in width_groups(graph)
        if all(graph.layers[name].class_name in WIDENABLE for name in group.producers)
    ]


def _is_dense(graph: LayerGraph, group: WidthGroup) -> bool:
    return all(graph.layers[name].class_name == "Dense" for name in group.producers)


def _widen_one(
    graph: LayerGraph,
    groups: list[WidthGroup],
    context: MorphContext,
    rng: np.random.Generator,
    *,
    kind: str,
    noun: str,
) -> Morphed | NoSite:
    """Widens one group; those that cannot be are passed over."""
    reasons = []
    while groups:
        group = draw_site(
            graph, groups, context, rng, kind=kind, tensor=lambda each: _first(graph, each)
        )
        width = max(output_width(graph.layers[name]) for name in group.producers)
        times = [each for each in _TIMES if each * width <= MAX_WIDTH]
        for each in rng.permutation(np.array(times, dtype=int)).tolist():
            wider = widen(graph, group.producers, times=each, rng=rng)
            if isinstance(wider, Unsliceable):
                reasons.append(wider.reason)
                break
            if is_too_large(wider, graph):
                reasons.append(f"{group.producers[0]!r} would make the network too large")
                continue
            reason = f"{width} to {each * width} channels"
            first = _first(graph, group)
            record = MorphRecord(kind, first.node, group.producers, reason, place_of(graph, first))
            return Morphed(wider, record)
        if not times:
            reasons.append(f"{group.producers[0]!r} would be wider than {MAX_WIDTH} channels")
        groups = [each for each in groups if each is not group]
    if not reasons:
        return NoSite(f"the graph has no {noun} to widen")
    return NoSite(f"no {noun} can be widened: {reasons[0]}")


def _first(graph: LayerGraph, group: WidthGroup) -> TensorRef:
    return next(TensorRef(node.name) for node in graph.nodes if node.layer == group.producers[0])


def is_too_large(wider: LayerGraph, graph: LayerGraph) -> bool:
    """Whether an edit makes a network more than `MAX_PARAMS_RATIO` times as large."""
    before, after = (graph_cost(each).num_params for each in (graph, wider))
    return after > MAX_PARAMS_RATIO * before
