"""Width groups as plans see them: what their channels add, and what has gone from each.

A group is named by the first layer that makes its channels. That layer may have gone from a child,
so groups of a child and of its parent are compared by their layers.

With channels that add a share s of what all of a group add, s^1.5 of it is taken to be lost: the
more have gone, the fewer are left to stand in. With this, what children lose is foretold far better
than with s itself (docs/method.md).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from prune_mi.graph.channels.width_groups import Widths, widths
from prune_mi.graph.ir import LayerGraph, once_a_graph
from prune_mi.records import MorphRecord

_SUFFIX = "/channels"
_POWER = 1.5


def channel_losses(graph: LayerGraph, channels: Mapping[str, Sequence[float]]) -> np.ndarray | None:
    """What each channel of a graph adds, by what its layers were found to make; None: not known.

    A channel that several layers make adds what the one that knows most says; one of which none
    says anything, as of a layer that was just inserted, is not to go, and adds infinitely much.
    """
    if not channels:
        return None
    known = widths(graph)
    found = np.full(known.num_channels, -np.inf)
    for name, numbers in known.named.items():
        scores = np.asarray(channels.get(name, ()), dtype=float)
        if len(scores) == len(numbers):
            np.maximum.at(found, numbers, scores)
    return np.where(np.isneginf(found), np.inf, found)


def channels_of(group: str) -> str:
    """What narrowing a width group is called, by the name of its first layer."""
    return group + _SUFFIX


def group_of(change: str) -> str:
    """The name of the width group that a change narrows."""
    return change.removesuffix(_SUFFIX)


def group_gains(graph: LayerGraph, channels: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """What all channels of each width group that can be narrowed add, by the change's name."""
    losses, known = channel_losses(graph, channels), widths(graph)
    if losses is None:
        return {}
    sums = {
        channels_of(group.name): float(losses[known.of_group(place)].sum())
        for place, group in enumerate(known.groups)
        if group.reason is None
    }
    return {name: gain for name, gain in sums.items() if np.isfinite(gain)}


@once_a_graph
def groups_of_layers(graph: LayerGraph) -> Mapping[str, str]:
    """The width groups' names by what makes their channels, see `WidthGroup.makers`."""
    return {maker: group.name for group in widths(graph).groups for maker in group.makers}


def shares_of(morphs: Sequence[MorphRecord], parent: LayerGraph) -> dict[str, float]:
    """What is lost with changes, by the names of units and of the parent's width groups.

    Of a unit all, of a width group the share of what all of its channels add. Where a unit with a
    group's first layer has gone before, the group has another name in the child; where a group has
    become two, what went of both adds up.
    """
    names, gone, units = groups_of_layers(parent), dict[str, float](), dict[str, float]()
    for each in morphs:
        if each.effect == "narrows":
            own = group_of(each.target)
            if own in names:
                name = channels_of(names[own])
                gone[name] = min(1.0, gone.get(name, 0.0) + each.share)
        elif each.takes_away:
            units[each.target] = each.share
    return {**units, **{name: float(share**_POWER) for name, share in gone.items()}}


def deepened(losses: np.ndarray, known: Widths) -> np.ndarray:
    """What is lost with each channel where those of its group that add less have gone before it."""
    found = losses.copy()
    for place in range(len(known.groups)):
        own = found[known.of_group(place)]
        order = np.argsort(own, kind="stable")
        order = order[np.isfinite(own[order])]
        total = own[order].sum()
        if total > 0:
            lost = total * (np.cumsum(own[order]) / total) ** _POWER
            own[order] = np.diff(lost, prepend=0.0)
            found[known.of_group(place)] = own
    return found
