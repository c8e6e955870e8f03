"""Wider layers that compute, and learn, the same: channels of zeros fill odd numbers up.

Some operations are several times slower for numbers of channels that are no multiple of a
processor's vectors. So a graph can be trained with more channels than it has. A new channel is made
with weights of zero and read with weights of zero. Its values are then zero wherever what lies
between makes zero of zero, and so are the gradients of what makes it and of what reads it:

    y = W x + V z,  z = f(U x),  U = 0, V = 0, f(0) = 0:   dL/dV = dL/dy z' = 0,
                                                           dL/dz = V' dL/dy = 0, so dL/dU = 0.

Zeros stay zeros under every optimizer whose steps are zero for gradients that were always zero.
Groups in whose way something else lies are left as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from prune_mi.graph.channels.channel_map import NEW, ChannelMap
from prune_mi.graph.channels.narrowing import Gone, Narrowed, narrow
from prune_mi.graph.channels.propagation import OUTPUT_AXIS, width_setting
from prune_mi.graph.channels.resizing import propagate
from prune_mi.graph.channels.width_groups import WidthGroup, Widths, widths
from prune_mi.graph.edit import read_only, validate_graph, with_settings, with_weights
from prune_mi.graph.ir import LayerDef, LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.traits import DEPTHWISE, KERNEL_WEIGHTS, POOLINGS, has_kernel, is_zero_at_zero

_ZERO_OF_ZERO = frozenset(
    {
        *POOLINGS,
        *DEPTHWISE,
        *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Relu", "Relu6", "LeakyRelu", "Elu"),
        *("Silu", "Gelu", "Tanh", "Identity", "Add", "Multiply", "Concatenate", "Flatten"),
        *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
        *("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"),
        "BatchNormalization",
    }
)
_SHRINKING = frozenset({"L1", "L2", "L1L2", "l1", "l2", "l1_l2"})


class _Zeros:
    """New channels are handed on, and read, with weights of zero; a `Resize`."""

    def hand(self, name: str, weight: np.ndarray, channels: ChannelMap, axis: int) -> np.ndarray:
        found = _with_zeros(weight, channels, axis)
        if name in ("gamma", "moving_variance"):
            np.moveaxis(found, axis, 0)[channels.source == NEW] = 1
        return read_only(found)

    def read(self, weight: np.ndarray, channels: ChannelMap, axis: int) -> np.ndarray:
        return read_only(_with_zeros(weight, channels, axis))

    def objection(self, graph: LayerGraph, layer: LayerDef, channels: ChannelMap) -> str | None:
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Padded:
    """A graph with channels of zeros.

    Attributes:
        graph: What it is now; its layers are those of the original, by name.
        original: What it was.
        added: The channels of zeros.
    """

    graph: LayerGraph
    original: LayerGraph
    added: Gone

    def back(self, weights: Mapping[str, tuple[np.ndarray, ...]]) -> LayerGraph:
        """The original with weights that the padded graph has learned."""
        narrowed = narrow(with_weights(self.graph, weights), self.added)
        assert isinstance(narrowed, Narrowed)  # what was added can go
        found = {name: each.weights for name, each in narrowed.graph.layers.items()}
        return with_weights(self.original, found)


def padded(graph: LayerGraph, multiple: int) -> Padded | None:
    """A graph whose batch norms of images have a multiple of so many channels.

    Args:
        graph: The graph.
        multiple: At least 1.

    Returns:
        The padded graph, which computes and learns the same; None where nothing is to be added.
    """
    known = widths(graph)
    layers, maps, added = dict(graph.layers), dict[TensorRef, ChannelMap](), dict[str, range]()
    for place, group in enumerate(known.groups):
        size, more = group.num_channels, -group.num_channels % multiple
        if not more or not _can_be_padded(graph, known, place, group):
            continue
        for name in group.producers:
            layers[name] = _with_zero_outputs(graph.layers[name], more)
            for node in graph.calls[name]:
                ref = TensorRef(node.name)
                maps[ref] = ChannelMap.extended(known.tensors[ref].axis, size, more)
        added[group.name] = range(size, size + more)
    if not maps:
        return None
    found = propagate(replace(graph, layers=layers), maps, resize=_Zeros())
    if isinstance(found, NotApplicable):
        return None
    return Padded(validate_graph(found), graph, added)


def _can_be_padded(graph: LayerGraph, known: Widths, place: int, group: WidthGroup) -> bool:
    """Whether a batch norm reads a group's images, and zeros stay zeros all along."""
    if group.reason is not None or group.inside is not None:
        return False
    own = known.of_group(place)
    for name in group.producers:
        plain = np.array_equal(known.made[name], np.arange(own.start, own.stop))
        if not plain or not _makes_zeros(graph.layers[name]):
            return False
    is_normed = False
    for ref, channels in known.tensors.items():
        if not ((channels.numbers >= own.start) & (channels.numbers < own.stop)).any():
            continue
        touching = [graph.node_by_name[ref.node], *graph.consumers.get(ref, ())]
        for node in touching:
            layer = graph.layer_of(node)
            if layer.name in graph.frozen or _pulls_at_zeros(layer):
                return False
            reads_or_makes = has_kernel(layer) and layer.class_name not in DEPTHWISE
            if not reads_or_makes and not _zero_of_zero(layer):
                return False
            is_normed |= (
                layer.class_name == "BatchNormalization" and len(graph.spec(ref).shape) == 4
            )
    return is_normed


def _pulls_at_zeros(layer: LayerDef) -> bool:
    """Whether a layer's constraints, or regularizers, may make something else of zeros."""
    for name, value in layer.config.items():
        if value and name.endswith("_constraint"):
            return True
        if value and name.endswith("_regularizer"):
            kind = value.get("class_name") if isinstance(value, Mapping) else value
            if kind not in _SHRINKING:
                return True
    return False


def _makes_zeros(layer: LayerDef) -> bool:
    """Whether a layer makes zeros with weights of zero, and can have more of them."""
    return (
        layer.class_name in OUTPUT_AXIS
        and layer.class_name not in DEPTHWISE
        and int(layer.config.get("groups") or 1) == 1
        and set(layer.weight_names) <= KERNEL_WEIGHTS
        and is_zero_at_zero(layer)
    )


def _zero_of_zero(layer: LayerDef) -> bool:
    return layer.class_name in _ZERO_OF_ZERO and is_zero_at_zero(layer)


def _with_zeros(weight: np.ndarray, channels: ChannelMap, axis: int) -> np.ndarray:
    found = np.take(weight, channels.source, axis=axis)
    np.moveaxis(found, axis, 0)[channels.source == NEW] = 0
    return found


def _with_zero_outputs(layer: LayerDef, more: int) -> LayerDef:
    weights = []
    for name, weight in layer.named_weights:
        axis = OUTPUT_AXIS[layer.class_name] if name.endswith("kernel") else -1
        if name == "depthwise_kernel":  # of a separable convolution, which reads
            weights.append(weight)
            continue
        size = weight.shape[axis]
        weights.append(read_only(_with_zeros(weight, ChannelMap.extended(axis, size, more), axis)))
    width = layer.config[width_setting(layer)]
    return with_settings(layer, {width_setting(layer): width + more}, weights)
