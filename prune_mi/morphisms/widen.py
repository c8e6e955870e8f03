"""Wider layers: y = V x becomes y = V' x', x' having each channel of x two or four times.

The function stays as it was (see `graph.widening`). Layers whose outputs are added to one another
or multiplied are widened together, such as all of one stage of a residual network. No layer becomes
wider than 512 channels, and no network of more than 50,000 weights more than four times as large.

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
from prune_mi.morphisms.site import draw_sites
from prune_mi.records import MorphRecord

MAX_WIDTH = 512
_MAX_PARAMS_RATIO = 4.0
SMALL_PARAMS = 50_000
"""Weights that a network may have however few it had: a seed has some hundred."""
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
    return [group for group in width_groups(graph) if _strange(graph, group) is None]


def _strange(graph: LayerGraph, group: WidthGroup) -> str | None:
    """A layer of a group that nothing is known of how to widen."""
    names = (name for name in group.producers if graph.layers[name].class_name not in WIDENABLE)
    return next(names, None)


def widened(
    graph: LayerGraph, group: WidthGroup, *, times: int, rng: np.random.Generator
) -> LayerGraph | str:
    """The graph with a group's layers `times` as wide, or why it cannot be."""
    first, strange = group.producers[0], _strange(graph, group)
    if strange is not None:
        return f"{strange!r} cannot be widened"
    if times * _width(graph, group) > MAX_WIDTH:
        return f"{first!r} would be wider than {MAX_WIDTH} channels"
    wider = widen(graph, group.producers, times=times, rng=rng)
    if isinstance(wider, Unsliceable):
        return wider.reason
    return f"{first!r} would make the network too large" if is_too_large(wider, graph) else wider


def _width(graph: LayerGraph, group: WidthGroup) -> int:
    return max(output_width(graph.layers[name]) for name in group.producers)


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
    for group in draw_sites(
        graph, groups, context, rng, kind=kind, tensor=lambda each: _first(graph, each)
    ):
        width = _width(graph, group)
        for times in rng.permutation(np.array(_TIMES)).tolist():
            wider = widened(graph, group, times=times, rng=rng)
            if isinstance(wider, str):
                reasons.append(wider)
                continue
            reason = f"{width} to {times * width} channels"
            first = _first(graph, group)
            record = MorphRecord(kind, first.node, group.producers, reason, place_of(graph, first))
            return Morphed(wider, record)
    if not reasons:
        return NoSite(f"the graph has no {noun} to widen")
    return NoSite(f"no {noun} can be widened: {reasons[0]}")


def _first(graph: LayerGraph, group: WidthGroup) -> TensorRef:
    return next(TensorRef(node.name) for node in graph.nodes if node.layer == group.producers[0])


def is_too_large(wider: LayerGraph, graph: LayerGraph) -> bool:
    """Whether an edit makes a network more than four times as large, and not a small one."""
    before, after = (graph_cost(each).num_params for each in (graph, wider))
    return after > max(_MAX_PARAMS_RATIO * before, SMALL_PARAMS)
