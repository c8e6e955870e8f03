"""How large the weights are that make each channel of a graph.

    mean over the layers that make it of |w_c| / mean over their channels of |w|

|w| is the Euclidean norm of the part of a kernel that makes the channel. Without the division a
layer of many inputs would count more than one of few.

Source: Li et al. (2017), Pruning filters for efficient ConvNets; Fang et al. (2023), DepGraph, for
the division and the mean over a group.
"""

import numpy as np

from prune_mi.graph.channels.inner_widths import GATES, HEADS, head_axes
from prune_mi.graph.channels.propagation import OUTPUT_AXIS
from prune_mi.graph.channels.width_groups import widths
from prune_mi.graph.ir import LayerDef, LayerGraph


def magnitudes(graph: LayerGraph) -> np.ndarray:
    """The mean relative norm of each channel's weights, float64 `(num_channels,)`."""
    known = widths(graph)
    total, count = np.zeros(known.num_channels), np.zeros(known.num_channels)
    norms_of = {name: _norms(graph.layers[name], len(own)) for name, own in known.made.items()}
    norms_of |= {f"{name}/{HEADS}": _head_norms(graph.layers[name]) for name in known.inside}
    for name, numbers in known.named.items():
        norms = norms_of[name]
        np.add.at(total, numbers, norms / max(float(norms.mean()), 1e-12))
        np.add.at(count, numbers, 1)
    return np.asarray(total / np.maximum(count, 1))


def _norms(layer: LayerDef, count: int) -> np.ndarray:
    """The norm of what makes each channel, `(count,)`; 1 where that is not understood."""
    square = np.zeros(count)
    for name, weight in layer.named_weights:
        if not name.endswith("kernel"):
            continue
        axis = OUTPUT_AXIS.get(layer.class_name, -1) if name == "kernel" else -1
        if layer.class_name in GATES:  # its gates lie side by side
            rows = weight.reshape(-1, count).T
        elif weight.shape[axis] == count:
            rows = np.moveaxis(weight, axis, 0).reshape(count, -1)
        else:
            continue
        square += np.square(rows.astype(np.float64)).sum(axis=1)
    return np.sqrt(square) if square.any() else np.ones(count)


def _head_norms(layer: LayerDef) -> np.ndarray:
    """The norm of what makes each head of attention and reads it, `(num_heads,)`."""
    heads = int(layer.config["num_heads"])
    square = np.zeros(heads)
    known = zip(layer.named_weights, head_axes(layer), strict=True) if layer.weights else ()
    for (name, weight), axis in known:
        if name == "kernel" and axis is not None and weight.shape[axis] == heads:
            rows = np.moveaxis(weight, axis, 0).reshape(heads, -1).astype(np.float64)
            square += np.square(rows).sum(axis=1)
    return np.sqrt(square) if square.any() else np.ones(heads)
