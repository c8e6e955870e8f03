"""Wider layers: y = V x becomes y = V' x', x' having each channel of x two or four times.

The function stays as it was (see `graph.channels.widening`). Layers whose outputs are added to one
another or multiplied are widened together, such as all of one stage of a residual network. No layer
becomes wider than 512 channels, and no network of more than 50,000 weights more than four times as
large.

Source: Chen, Goodfellow, Shlens (2016), Net2Net; the factors are those of Elsken, Metzen, Hutter
(2017), Simple and Efficient Architecture Search (NASH).
"""

from functools import partial

import numpy as np

from prune_mi.graph.channels.widening import WIDENABLE, output_width, widen
from prune_mi.graph.channels.width_groups import WidthGroup, width_groups
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Edit, Site
from prune_mi.morphisms.morphism import MorphContext, Morphism

MAX_WIDTH = 512
_MAX_PARAMS_RATIO = 4.0
SMALL_PARAMS = 50_000
"""Weights that a network may have however few it had: a seed has some hundred."""
_TIMES = (2, 4)


class WidenConv(Morphism):
    """Makes a convolution two or four times as wide, and what must have its width."""

    name = "widen-conv"
    effect = "changes"
    keeps_function = True
    noun, dense = "convolution", False

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        found = []
        for group in width_groups(graph):
            kinds = {graph.layers[name].class_name for name in group.producers}
            if kinds <= WIDENABLE and (kinds == {"Dense"}) == self.dense:
                found.append(_site(graph, group))
        return found or NotApplicable(f"the graph has no {self.noun} to widen")


class WidenDense(WidenConv):
    """Makes a dense layer two or four times as wide, and what must have its width."""

    name = "widen-dense"
    noun, dense = "dense layer", True


MORPHISMS = (WidenConv(), WidenDense())


def widened(
    graph: LayerGraph, group: WidthGroup, *, times: int, rng: np.random.Generator
) -> LayerGraph | NotApplicable:
    """The graph with a group's layers `times` as wide, or why it cannot be."""
    first = group.producers[0]
    for name in group.producers:
        if graph.layers[name].class_name not in WIDENABLE:
            return NotApplicable(f"{name!r} cannot be widened")
    if times * _width(graph, group) > MAX_WIDTH:
        return NotApplicable(f"{first!r} would be wider than {MAX_WIDTH} channels")
    wider = widen(graph, group.producers, times=times, rng=rng)
    if isinstance(wider, NotApplicable):
        return wider
    if is_too_large(wider, graph):
        return NotApplicable(f"{first!r} would make the network too large")
    return wider


def _width(graph: LayerGraph, group: WidthGroup) -> int:
    return max(output_width(graph.layers[name]) for name in group.producers)


def _site(graph: LayerGraph, group: WidthGroup) -> Site:
    first = next(node for node in graph.nodes if node.layer == group.producers[0])
    after = TensorRef(first.name)
    return Site(first.name, first.inputs[0], after, partial(_edit, group=group))


def _edit(
    graph: LayerGraph, rng: np.random.Generator, *, group: WidthGroup
) -> Edit | NotApplicable:
    """The group as wide as the first factor drawn that fits makes it."""
    width, reasons = _width(graph, group), []
    for times in rng.permutation(np.array(_TIMES)).tolist():
        wider = widened(graph, group, times=times, rng=rng)
        if isinstance(wider, LayerGraph):
            return Edit(wider, f"{width} to {times * width} channels", group.producers)
        reasons.append(wider)
    return reasons[0]


def is_too_large(wider: LayerGraph, graph: LayerGraph) -> bool:
    """Whether an edit makes a network more than four times as large, and not a small one."""
    before, after = (graph_cost(each).num_params for each in (graph, wider))
    return after > max(_MAX_PARAMS_RATIO * before, SMALL_PARAMS)
