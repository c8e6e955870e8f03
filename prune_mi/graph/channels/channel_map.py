"""Where the channels of a changed tensor come from.

A map has one entry for each channel that a tensor has now: the place of that channel among those
that it had before. Channels that went are in no entry, channels that were copied in several, and
channels that are new bear a mark. Slicing and widening are then the same walk through a graph.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from prune_mi.graph.ir import Shape

NEW = -1


@dataclass(frozen=True, slots=True, eq=False)
class ChannelMap:
    """Where the channels of one tensor come from.

    Attributes:
        axis: The axis they lie on, counted from 0, the batch included.
        source: int, one a channel as it is now, in [0, size), or `NEW`.
        size: How many there were.
    """

    axis: int
    source: np.ndarray
    size: int

    @classmethod
    def keeping(cls, axis: int, keep: Sequence[bool]) -> Self:
        """Some channels stay, one boolean for each; the others go."""
        return cls(axis, np.flatnonzero(keep), len(keep))

    @classmethod
    def unchanged(cls, axis: int, size: int) -> Self:
        """All stay as they were."""
        return cls(axis, np.arange(size), size)

    @classmethod
    def copied(cls, axis: int, size: int, times: int) -> Self:
        """Each is there `times` times, its copies side by side."""
        return cls(axis, np.repeat(np.arange(size), times), size)

    @classmethod
    def extended(cls, axis: int, size: int, num_new: int) -> Self:
        """All stay, and new ones come behind them."""
        return cls(axis, np.concatenate([np.arange(size), np.full(num_new, NEW)]), size)

    def on(self, axis: int) -> "ChannelMap":
        """The same on another axis."""
        return replace(self, axis=axis)

    def repeated(self, times: int) -> "ChannelMap":
        """The map where each channel becomes `times` ones side by side."""
        places = self.source[:, None] * times + np.arange(times)
        source = np.where(self.source[:, None] == NEW, NEW, places).reshape(-1)
        return ChannelMap(self.axis, source, self.size * times)

    def flattened(self, shape: Shape, *, channels_first: bool) -> "ChannelMap":
        """The map at every position.

        Args:
            shape: Of the tensor as it was, the batch included.
            channels_first: Whether the first axis behind the batch is put last before.
        """
        sizes = [size or 1 for size in shape[1:]]
        total = int(np.prod(sizes))
        if channels_first:
            places = np.moveaxis(np.arange(total).reshape(*sizes[1:], sizes[0]), -1, 0)
        else:
            places = np.arange(total).reshape(sizes)
        found = np.take(places, self.source, axis=self.axis - 1)
        np.moveaxis(found, self.axis - 1, 0)[self.source == NEW] = NEW
        if channels_first:
            found = np.moveaxis(found, 0, -1)
        return ChannelMap(1, found.reshape(-1), total)

    def copy_counts(self) -> np.ndarray:
        """How often each of the old channels is there now, int `(size,)`."""
        return np.bincount(self.source[self.source != NEW], minlength=self.size)


def concatenated(axis: int, maps: Sequence[ChannelMap]) -> ChannelMap:
    """The map of tensors that are concatenated along their channels."""
    offsets = np.cumsum([0, *(each.size for each in maps)])
    sources = [
        np.where(each.source == NEW, NEW, each.source + offset)
        for each, offset in zip(maps, offsets[:-1], strict=True)
    ]
    return ChannelMap(axis, np.concatenate(sources), int(offsets[-1]))
