"""Narrower layers: channels of width groups go, with every weight that makes or reads them.

Let x be the channels that stay of a tensor and z those that go. Of the layers that make them the
columns for z are cut, of those that read them, y = V x + U z, the rows U. What keeps channels apart
between the two loses its own weights for z. So where z is zero the network answers as before, and
else the readers are short of U z, which repair gives back as far as x tells it.

A channel is gone from all layers of its group or from none, see `width_groups`. Each layer keeps
one at least: where all that one of several layers of a group makes would go, as of a part of a
concatenation that is added to something, the last of these stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from prune_mi.errors import GraphError
from prune_mi.graph.channels.channel_map import ChannelMap
from prune_mi.graph.channels.going_order import going_order
from prune_mi.graph.channels.inner_widths import GATES, with_heads, with_units
from prune_mi.graph.channels.normalizing import as_among_zeros
from prune_mi.graph.channels.propagation import OUTPUT_AXIS, width_setting
from prune_mi.graph.channels.resizing import SHAPES_ONLY, SLICE, Slicing, propagate
from prune_mi.graph.channels.width_groups import WidthGroup, Widths, widths
from prune_mi.graph.edit import validate_graph, with_settings
from prune_mi.graph.ir import LayerDef, LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable

Gone = Mapping[str, Sequence[int]]
"""By the name of a width group, the places of the channels that go, in [0, num_channels).

In the order in which they go: where a layer would have none left, the last of its own stays."""


@dataclass(frozen=True, slots=True, eq=False)
class Narrowed:
    """A narrower graph.

    Attributes:
        graph: What it is now.
        kept: For each layer that makes fewer channels now, the places of those that stay; not so
            for layers with fewer heads, whose output is as wide as before.
    """

    graph: LayerGraph
    kept: Mapping[str, np.ndarray]


def narrow(graph: LayerGraph, gone: Gone, *, resize: Slicing = SLICE) -> Narrowed | NotApplicable:
    """Takes channels of width groups away.

    Args:
        graph: The graph.
        gone: Which channels; none of a group that has a reason to stay.
        resize: `SLICE`; or `SHAPES_ONLY`, where only what the network costs is asked.

    Returns:
        The graph, its calls in the same order; or why it cannot be, for instance since a group
        would have no channel left.

    Raises:
        GraphError: If there is no such group or channel, or the group cannot be narrowed.
    """
    known = widths(graph)
    going = _going(known, gone)
    if isinstance(going, NotApplicable):
        return going
    layers, kept = dict(graph.layers), dict[str, np.ndarray]()
    maps: dict[TensorRef, ChannelMap] = {}
    for producer, numbers in known.made.items():
        keep = ~going[numbers]
        if keep.all():
            continue
        kept[producer] = np.flatnonzero(keep)
        layers[producer] = _with_outputs(graph.layers[producer], kept[producer], resize)
        for node in graph.calls[producer]:
            axis = known.tensors[TensorRef(node.name)].axis
            maps[TensorRef(node.name)] = ChannelMap.keeping(axis, keep)
    for name, numbers in known.inside.items():
        if going[numbers].any():
            layers[name] = with_heads(layers[name], np.flatnonzero(~going[numbers]), resize.take)
    if not maps:
        return Narrowed(validate_graph(replace(graph, layers=layers)), {})
    sliced = propagate(replace(graph, layers=layers), maps, resize=resize)
    if isinstance(sliced, NotApplicable):
        return sliced
    exact = {
        name: as_among_zeros(layer, graph.layers[name]) for name, layer in sliced.layers.items()
    }
    return Narrowed(validate_graph(replace(sliced, layers=exact)), kept)


def narrowest(graph: LayerGraph, *, multiples: int = 1) -> LayerGraph:
    """The graph with as few channels of every group as may stay, as shapes alone.

    Args:
        graph: The graph.
        multiples: See `going_order`.
    """
    gone, found, known = dict[str, Sequence[int]](), graph, widths(graph)
    for place, group in enumerate(known.groups):
        order = going_order(known, place, np.zeros(group.num_channels), multiples=multiples)
        most = order.places[: order.counts[-1]]
        if group.reason is None and len(most):
            more = {**gone, group.name: most.tolist()}
            narrowed = narrow(graph, more, resize=SHAPES_ONLY)
            if isinstance(narrowed, Narrowed):
                gone, found = more, narrowed.graph
    return found


def _going(known: Widths, gone: Gone) -> np.ndarray | NotApplicable:
    """Whether each channel of a graph goes, bool `(num_channels,)`."""
    going = np.zeros(known.num_channels, dtype=bool)
    for name, places in gone.items():
        place, group = _group(known, name)
        order = known.starts[place] + _checked(group, places)
        going[order] = True
        if going[known.of_group(place)].all():
            return NotApplicable(f"{name!r} would have no channel left")
        for own in (known.made[layer] for layer in group.producers if group.inside is None):
            if going[own].all():
                going[order[np.isin(order, own)][-1]] = False
    return going


def _group(known: Widths, name: str) -> tuple[int, WidthGroup]:
    for place, group in enumerate(known.groups):
        if group.name == name:
            if group.reason is not None:
                raise GraphError(f"the channels of {name!r} must stay: {group.reason}")
            return place, group
    raise GraphError(f"received {name!r}; expected the name of a width group: its first layer's")


def _checked(group: WidthGroup, places: Sequence[int]) -> np.ndarray:
    found = np.asarray(places, dtype=int)
    wrong = found[(found < 0) | (found >= group.num_channels)]
    if wrong.size:
        raise GraphError(
            f"received channel {wrong[0]} of {group.name!r}; expected 0 to {group.num_channels - 1}"
        )
    return found


def _with_outputs(layer: LayerDef, keep: np.ndarray, resize: Slicing) -> LayerDef:
    """The layer with some of its output channels, at their places."""
    if layer.class_name in GATES:
        return with_units(layer, keep, resize.take)
    weights = []
    for name, weight in layer.named_weights:
        axis = OUTPUT_AXIS[layer.class_name] if name == "kernel" else -1
        same = name == "depthwise_kernel"  # a separable convolution's, which reads
        weights.append(weight if same else resize.take(weight, keep, axis))
    return with_settings(layer, {width_setting(layer): len(keep)}, weights)
