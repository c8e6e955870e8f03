"""Normalizations when channels go: exact where those that go are zero.

In groups, each is normalised by itself, and whole groups go: the others are as before.

By the root of the mean square over n channels, y = s x / sqrt(m + e). Of k channels that stay, the
others being zero, the mean square is m' = m n / k, so

    y = s x / sqrt(m' k / n + e) = s sqrt(n / k) x / sqrt(m' + e n / k):

the scale s grows by sqrt(n / k), and e by n / k. So it is for narrowing alone: a unit that goes is
not near zero, and its share of the mean square is best made by the channels that stay. Where a mean
over channels is taken off, zeros would not stay zero: nothing follows for `LayerNormalization`.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from prune_mi.graph.channels.channel_map import ChannelMap
from prune_mi.graph.edit import read_only
from prune_mi.graph.ir import LayerDef
from prune_mi.graph.not_applicable import NotApplicable

OVER_CHANNELS = frozenset({"LayerNormalization"})
"""Those that take a mean over all channels off."""


def num_groups(layer: LayerDef, channels: int) -> int:
    """Of a `GroupNormalization`: -1 is a group for each channel."""
    groups = int(layer.config["groups"])
    return channels if groups == -1 else groups


def with_whole_groups(layer: LayerDef, channels: ChannelMap) -> LayerDef | NotApplicable:
    """A layer with weights for the channels that are left, and as many groups as they are."""
    if layer.class_name != "GroupNormalization":
        return layer
    whole = whole_groups(channels, num_groups(layer, channels.size))
    if whole is None:
        return NotApplicable("normalises in groups that it would cut")
    return _with_config(layer, {"groups": len(whole.source)})


def as_among_zeros(layer: LayerDef, before: LayerDef) -> LayerDef:
    """A narrower layer that yields what it did before where the channels that went were zero."""
    if layer.class_name != "RMSNormalization" or layer is before or not layer.weights:
        return layer
    ratio = before.num_params / layer.num_params
    weights = tuple(
        read_only((weight * math.sqrt(ratio)).astype(weight.dtype)) for weight in layer.weights
    )
    epsilon = float(layer.config.get("epsilon") or 1e-6) * ratio
    return replace(_with_config(layer, {"epsilon": epsilon}), weights=weights)


def whole_groups(channels: ChannelMap, groups: int) -> ChannelMap | None:
    """The map of groups where none is cut."""
    size = channels.size // groups
    if len(channels.source) % size or (channels.source < 0).any():
        return None
    places = channels.source.reshape(-1, size)
    found = ChannelMap(channels.axis, places[:, 0] // size, groups)
    return found if np.array_equal(found.repeated(size).source, channels.source) else None


def _with_config(layer: LayerDef, values: Mapping[str, Any]) -> LayerDef:
    serialized = {**layer.serialized, "config": {**layer.config, **values}}
    return replace(layer, serialized=serialized)
