"""Widths of layers that hold several kernels: units of recurrent layers, heads of attention.

A recurrent layer of u units has kernels `(inputs, g u)` and `(u, g u)`, its g gates side by side.
A unit goes with its column of each gate and its row of the second kernel. Where all that made it is
zero, so is its candidate a(0), a being the activation, and what it yields is at every step

    LSTM  c = f c + i a(0), h = o a(c)    GRU  h = z h + (1 - z) a(0)    SimpleRNN  h = a(0):

zero from the zero state on, if a(0) = 0. So the others, and what reads it, answer as before.

Attention of n heads adds up what each makes of its own part of four kernels,

    y = b + sum over heads h of O_h A_h V_h x,

so a head goes with its part of queries, keys, values and of the kernel O; y keeps its width.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from prune_mi.graph.edit import with_settings
from prune_mi.graph.ir import LayerDef
from prune_mi.graph.traits import fused_activation_is_elementwise, is_zero_at_zero

GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}
HEADS = "heads"
_NUM_KERNELS = 4

Take = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def recurrence_objection(layer: LayerDef) -> str | None:
    """Why neither what a recurrent layer reads nor its units may change, to end a sentence."""
    if layer.config.get("stateful"):
        return "keeps its state from batch to batch"
    if layer.config.get("return_state"):
        return "yields its state"
    if not set(layer.weight_names) <= {"kernel", "recurrent_kernel", "bias"}:
        return "has weights of unknown meaning"
    return None


def units_objection(layer: LayerDef) -> str | None:
    """Why the units of a recurrent layer must stay, to end a sentence."""
    gates = {"activation": layer.config.get("recurrent_activation")}
    serialized = {**layer.serialized, "config": gates}
    if not fused_activation_is_elementwise(replace(layer, serialized=serialized)):
        return "mixes its units in its recurrent activation"
    if not is_zero_at_zero(layer):
        return "has an activation that is not known to be 0 at 0, so that no unit is ever silent"
    return None


def with_units(layer: LayerDef, keep: np.ndarray, take: Take) -> LayerDef:
    """A recurrent layer with some of its units, at their places."""
    units = int(layer.config["units"])
    gates = GATES[layer.class_name]
    columns = (np.arange(gates)[:, None] * units + keep).reshape(-1)
    weights = []
    for name, weight in layer.named_weights:
        cut = take(weight, columns, -1)
        weights.append(take(cut, keep, -2) if name == "recurrent_kernel" else cut)
    return with_settings(layer, {"units": len(keep)}, weights)


def heads_objection(layer: LayerDef) -> str | None:
    """Why the heads of an attention layer must stay, to end a sentence."""
    if layer.config.get("use_gate"):
        return "gates its heads"
    known = set(layer.weight_names) <= {"kernel", "bias"}
    if not known or layer.weight_names.count("kernel") != _NUM_KERNELS:
        return "has weights of unknown meaning"
    return None


def with_heads(layer: LayerDef, keep: np.ndarray, take: Take) -> LayerDef:
    """An attention layer with some of its heads, at their places."""
    return with_settings(layer, {"num_heads": len(keep)}, [
        weight if axis is None else take(weight, keep, axis)
        for weight, axis in zip(layer.weights, head_axes(layer), strict=True)
    ])  # fmt: skip


def head_axes(layer: LayerDef) -> list[int | None]:
    """Where each weight of an attention layer has its heads: of queries, keys, values, outputs."""
    last = last_kernel(layer)
    axes: list[int | None] = []
    for place, name in enumerate(layer.weight_names):
        if name == "kernel":
            axes.append(0 if place == last else -2)
        else:
            axes.append(None if place > last else 0)
    return axes


def last_kernel(layer: LayerDef) -> int:
    """The place, among an attention layer's weights, of the kernel that makes the outputs."""
    kernels = [place for place, name in enumerate(layer.weight_names) if name == "kernel"]
    return kernels[_NUM_KERNELS - 1]
