"""In which order the channels of a width group go, and how many of them may.

An eighth of them stays, whatever their scores say: a bottleneck loses everything. Where the number
that stays is to be a multiple of m for every layer, channels go m at a time. Those of a group that
not all of its layers make, as where a concatenation is added to something, go in blocks of m that
the same layers make, each block where the mean of its losses puts it.
"""

import math
from dataclasses import dataclass

import numpy as np

from prune_mi.graph.channels.width_groups import Widths

_LEAST_SHARE = 1 / 8
_STEPS = 64


@dataclass(frozen=True, slots=True, eq=False)
class GoingOrder:
    """How a group can become narrower.

    Attributes:
        places: int, the group's channels in [0, num_channels) that may go, the first to go first.
        counts: int, ascending from 0: how many of them may be gone.
    """

    places: np.ndarray
    counts: np.ndarray


def going_order(known: Widths, place: int, losses: np.ndarray, *, multiples: int = 1) -> GoingOrder:
    """The order in which a group's channels go.

    Args:
        known: The groups of a graph.
        place: Of the group.
        losses: float `(num_channels of the group,)`, what is lost with each.
        multiples: The number of channels that stay of each layer is a multiple of this, unless it
            was none before. Heads of attention may be any number.
    """
    size = len(losses)
    order = np.argsort(losses, kind="stable")
    if multiples == 1 or known.groups[place].inside is not None:
        most = size - least_channels(size)
        return GoingOrder(order[:most], np.array([*range(0, most, max(1, size // _STEPS)), most]))
    made = _made(known, place)
    kinds, kind_of = np.unique(made, axis=1, return_inverse=True)
    steps = [_multiple_of_all(kinds[:, kind], multiples) for kind in range(kinds.shape[1])]
    if len(steps) == 1:
        step = steps[0]
        counts = np.arange(size % step or step, size - _least(size, step) + 1, step)
        return GoingOrder(order, np.array([0, *counts]))
    blocks: list[tuple[float, np.ndarray]] = []
    for kind, step in enumerate(steps):
        own = order[kind_of.ravel()[order] == kind]
        whole = own[: len(own) // step * step].reshape(-1, step)
        blocks += [(float(losses[block].mean()), block) for block in whole]
    blocks.sort(key=lambda each: each[0])
    going = _as_far_as_layers_allow([block for _, block in blocks], made, multiples)
    counts = np.cumsum([0, *(len(block) for block in going)])
    return GoingOrder(np.concatenate([np.zeros(0, dtype=int), *going]), counts)


def least_channels(num_channels: int) -> int:
    """How many channels of a group stay at least."""
    return max(1, round(num_channels * _LEAST_SHARE))


def _least(num_channels: int, step: int) -> int:
    return max(least_channels(num_channels), min(step, num_channels))


def _made(known: Widths, place: int) -> np.ndarray:
    """How often each layer makes each channel of a group, `(num_layers, num_channels)`."""
    first, num = int(known.starts[place]), known.groups[place].num_channels
    return np.stack(
        [
            np.bincount(known.made[layer] - first, minlength=num)
            for layer in known.groups[place].producers
        ]
    )


def _multiple_of_all(made: np.ndarray, multiples: int) -> int:
    """How many of such channels are a multiple for all layers that make them, so often each."""
    return math.lcm(*(multiples // math.gcd(multiples, int(each)) for each in made if each))


def _as_far_as_layers_allow(
    blocks: list[np.ndarray], made: np.ndarray, multiples: int
) -> list[np.ndarray]:
    """The blocks that can go, one after the other, and leave each layer what must stay of it."""
    widths = made.sum(axis=1)
    least = np.array([_least(int(each), multiples) for each in widths])
    going = []
    for block in blocks:
        narrower = widths - made[:, block].sum(axis=1)
        if (narrower >= np.minimum(least, widths)).all():
            going.append(block)
            widths = narrower
    return going
