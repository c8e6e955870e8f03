"""Wider layers that compute the same: channels copied, their readers' weights shared out.

Each output channel i of a layer becomes the copies j of a map g, g(j) = i: the columns of its
kernel and its bias are copied, and so is whatever keeps channels apart behind it (batch norms,
activations, poolings, depthwise convolutions, flattenings, concatenations). A kernel V that reads
them becomes

    V'[j] = s[j] V[g(j)],  s[j] > 0,  the sum of s[j] over the copies j of one channel being 1,

so that sum_j V'[j] x[g(j)] = sum_i V[i] x[i]: exact up to rounding, in inference as in training,
where copies have equal batch statistics; only dropout draws other masks. The shares s are drawn for
each weight by itself, not once a channel: the copies then get gradients of other directions, and
training makes them differ, also where it does not see the length of a gradient, as Adam does not.
No noise is added, which would not be exact. A channel that is new, and no copy, is read with
weights of 0.

Source: Chen, Goodfellow, Shlens (2016), Net2Net, section 2.2 (Net2WiderNet), where shares are equal
and noise or dropout breaks the ties.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from prune_mi.errors import GraphError
from prune_mi.graph.channels.channel_map import NEW, ChannelMap
from prune_mi.graph.channels.propagation import OUTPUT_AXIS, width_setting
from prune_mi.graph.channels.resizing import propagate
from prune_mi.graph.edit import read_only, validate_graph, with_settings
from prune_mi.graph.ir import LayerDef, LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.traits import (
    DEPTHWISE,
    KERNEL_WEIGHTS,
    NARROWABLE,
    channel_axis,
    fused_activation_is_elementwise,
)

WIDENABLE = NARROWABLE - DEPTHWISE
_LEAST, _MOST = 0.5, 1.5  # of a share, before those of one channel are brought to 1
_NEUTRAL = {"gamma": 1.0, "scale": 1.0, "moving_variance": 1.0}


@dataclass(frozen=True, slots=True, eq=False)
class Growth:
    """Weights of channels that are copied or new, such that the network's function stays.

    A `Resize`.

    Attributes:
        rng: Draws the shares.
    """

    rng: np.random.Generator

    def hand(self, name: str, weight: np.ndarray, channels: ChannelMap, axis: int) -> np.ndarray:
        """New channels pass unchanged, on batch norm's own terms."""
        grown = np.moveaxis(np.take(weight, channels.source, axis=axis), axis, 0)
        is_new = channels.source == NEW
        if is_new.any() and name.endswith("kernel"):
            grown[is_new] = 0
            grown[(is_new, *(size // 2 for size in weight.shape[:-2]))] = 1
        elif is_new.any():
            grown[is_new] = _NEUTRAL.get(name, 0.0)
        return read_only(np.moveaxis(grown, 0, axis))

    def read(self, weight: np.ndarray, channels: ChannelMap, axis: int) -> np.ndarray:
        """New channels are read with 0."""
        grown = np.moveaxis(np.take(weight, channels.source, axis=axis), axis, 0)
        shares = self.rng.uniform(_LEAST, _MOST, grown.shape)
        shares[channels.source == NEW] = 0
        is_old = channels.source != NEW
        shares[is_old & (channels.copy_counts()[channels.source] == 1)] = 1
        totals = np.zeros((channels.size, *grown.shape[1:]))
        np.add.at(totals, channels.source[is_old], shares[is_old])
        grown = (grown * (shares / totals[channels.source])).astype(weight.dtype)
        return read_only(np.moveaxis(grown, 0, axis))

    def objection(self, graph: LayerGraph, layer: LayerDef, channels: ChannelMap) -> str | None:
        if layer.name in graph.frozen or layer.config.get("trainable") is False:
            return "is frozen"
        if layer.name in graph.protected and layer.name not in graph.kept:
            return "is protected"
        even = len(set(channels.copy_counts().tolist())) == 1 and NEW not in channels.source
        if layer.class_name in ("LayerNormalization", "RMSNormalization") and not even:
            return "normalises over all channels, which no longer count alike"
        return None


def widen(
    graph: LayerGraph, layers: Sequence[str], *, times: int, rng: np.random.Generator
) -> LayerGraph | NotApplicable:
    """Makes layers wider, each of their channels becoming `times` ones side by side.

    Args:
        graph: The graph.
        layers: Names of layers with kernels (`WIDENABLE`); those whose outputs are added to one
            another must be widened together.
        times: At least 2.
        rng: Draws the shares.

    Returns:
        The graph with equal outputs; or why it cannot be.

    Raises:
        GraphError: If `times` is less than 2 or a layer has no kernel of a known kind.
    """
    if times < 2:
        raise GraphError(f"received times={times}; expected at least 2 copies of each channel")
    wider: dict[str, LayerDef] = {}
    maps: dict[TensorRef, ChannelMap] = {}
    for name in layers:
        layer = graph.layers[name]
        if layer.class_name not in WIDENABLE:
            raise GraphError(
                f"received {name!r}, a {layer.class_name}, to widen; expected one of "
                f"{', '.join(sorted(WIDENABLE))}"
            )
        reason = _must_stay(graph, layer)
        if reason is not None:
            return NotApplicable(f"{name!r} {reason}")
        for node in graph.calls[name]:
            axis = channel_axis(layer, len(node.outputs[0].shape))
            maps[TensorRef(node.name)] = ChannelMap.copied(axis, output_width(layer), times)
        wider[name] = _with_copied_outputs(layer, times)
    return grow_readers(replace(graph, layers={**graph.layers, **wider}), maps, rng=rng)


def grow_readers(
    graph: LayerGraph, maps: Mapping[TensorRef, ChannelMap], *, rng: np.random.Generator
) -> LayerGraph | NotApplicable:
    """Lets everything behind tensors that have gained channels read them, outputs being equal.

    Args:
        graph: A graph in which the tensors of `maps` already have their channels, and in which all
            tensors are described as they were before.
        maps: For each tensor that an edit has widened, where its channels come from; none may be
            gone.
        rng: Draws the shares.
    """
    grown = propagate(graph, maps, resize=Growth(rng))
    return grown if isinstance(grown, NotApplicable) else validate_graph(grown)


def _must_stay(graph: LayerGraph, layer: LayerDef) -> str | None:
    if layer.name in graph.protected or layer.name in graph.kept:
        return graph.kept.get(layer.name, "is protected")
    if layer.name in graph.frozen or layer.config.get("trainable") is False:
        return "is frozen"
    if any(graph.node_by_name[ref.node].layer == layer.name for ref in graph.outputs):
        return "yields the model's output"
    if not fused_activation_is_elementwise(layer):
        return "mixes its channels in its activation"
    if not set(layer.weight_names) <= KERNEL_WEIGHTS:
        return "has weights of unknown meaning"
    return None


def output_width(layer: LayerDef) -> int:
    """Output channels of a layer with a kernel."""
    return int(layer.config[width_setting(layer)])


def _with_copied_outputs(layer: LayerDef, times: int) -> LayerDef:
    """The layer with each of its output channels `times` side by side, also within groups."""
    weights = []
    for name, weight in layer.named_weights:
        axis = OUTPUT_AXIS[layer.class_name] if name == "kernel" else -1
        same = name == "depthwise_kernel"
        weights.append(weight if same else read_only(np.repeat(weight, times, axis=axis)))
    return with_settings(layer, {width_setting(layer): output_width(layer) * times}, weights)
