"""Probes: how a loss goes with each channel of what layers with kernels read, sample by sample.

A probe passes its input x on as x (1 + f) + s, with f = 0 and a shift s = 0 for each sample and
channel. The gradients of a sample's loss by these,

    dL/df = sum over positions of x dL/dx,    dL/ds = sum over positions of dL/dx,

say by one pass back what changes to first order where the channel is multiplied or shifted: where
it is replaced by its mean m, it is m dL/ds - dL/df, and where nothing that reads it makes up for
its mean, so that it is replaced by 0, -dL/df. Probes stand before every layer whose
kernel mixes channels, not behind what makes a channel: so what goes round by a shortcut, or through
a depthwise convolution, counts where it is read, once.

Heads of attention lie inside their layer, where no probe can stand. What a head yields is linear in
its part O_h of the last kernel, so its slope is sum of O_h dL/dO_h: of a whole batch, since its
samples share the kernel.

Only factors, shifts and the weights of such layers are trainable, and the optimizer takes one step
of length 1: what they have changed by is the gradient, whatever the backend.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import ops

from prune_mi.graph.channels.inner_widths import last_kernel
from prune_mi.graph.channels.propagation import hands_on
from prune_mi.graph.channels.shifting import takes_up_mean
from prune_mi.graph.channels.width_groups import NO_GROUP, TensorChannels, widths
from prune_mi.graph.edit import fresh_name, validate_graph, with_config, without_noise
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef
from prune_mi.graph.traits import has_kernel
from prune_mi.keras_io.forward.forward_pass import needs_xla
from prune_mi.keras_io.model_graph.build import build_model

_REGISTERED = "prune_mi>Probe"
_NOT_THE_LOSS = (
    *("kernel_regularizer", "bias_regularizer", "activity_regularizer"),
    *("kernel_constraint", "bias_constraint"),
)


@keras.saving.register_keras_serializable("prune_mi")
class Probe(keras.layers.Layer):
    """Passes its input on; see above.

    Args:
        batch: Samples at a time.
        axis: Of the channels, the batch included.
    """

    def __init__(self, batch: int = 1, axis: int = 1, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.batch, self.axis = batch, axis
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        shape = (self.batch, input_shape[self.axis])
        self.factor = self.add_weight(name="factor", shape=shape, initializer="zeros")
        self.shift = self.add_weight(name="shift", shape=shape, initializer="zeros")
        self.mean = self.add_weight(
            name="mean", shape=shape[1:], initializer="zeros", trainable=False
        )

    def call(self, inputs: Any) -> Any:
        rank = len(inputs.shape)
        others = [axis for axis in range(rank) if axis != self.axis]
        self.mean.assign(ops.cast(ops.mean(inputs, axis=others), "float32"))
        shape = [self.batch] + [1] * (rank - 1)
        shape[self.axis] = inputs.shape[self.axis]
        factor, shift = (
            ops.cast(ops.reshape(each, shape), inputs.dtype) for each in (self.factor, self.shift)
        )
        return inputs * (1 + factor) + shift

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        return keras.KerasTensor(inputs.shape, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "batch": self.batch, "axis": self.axis}


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """What a probe sees.

    Attributes:
        numbers: The channels of what is read, by place.
        keeps_mean: Whether the layer behind it makes up for their means.
    """

    numbers: np.ndarray
    keeps_mean: bool


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """First-order effects of channels, all places where one is read added up.

    Attributes:
        by_factor: float64 `(n, num_channels)`: what a sample's loss gains with the channel's size.
        by_mean: float64 `(n, num_channels)`: what it gains where the channel is its mean instead,
            or 0 where what reads it cannot make up for its mean.
        is_read: bool `(num_channels,)`, whether a probe has seen it.
        of_heads: For each layer with heads, what the mean loss of a batch gains with a head's size,
            float64 `(num_batches, num_heads)`.
    """

    by_factor: np.ndarray
    by_mean: np.ndarray
    is_read: np.ndarray
    of_heads: Mapping[str, np.ndarray]


def slopes(
    graph: LayerGraph,
    images: np.ndarray,
    targets: Callable[[slice], np.ndarray],
    loss: Callable[[Any, Any], Any],
    *,
    batch: int,
) -> Slopes:
    """Slopes of a loss by every channel of a graph's width groups.

    Args:
        graph: The network; batch norms go by their moving statistics, noise is off.
        images: Scaled, float `(n, ...)`; what does not fill the last batch is left out.
        targets: What the loss compares the outputs of some rows with, `(batch, ...)`; asked once
            about each batch, in order.
        loss: Of `(targets, outputs)`, one number for each sample.
        batch: Samples at a time, at most n.
    """
    known = widths(graph)
    probed, read = with_probes(without_noise(graph), known.tensors, batch)
    probed = with_config(probed, _unregularized(probed))
    with keras.saving.CustomObjectScope({_REGISTERED: Probe, "Probe": Probe}):
        model = build_model(probed)
    probes = {name: model.get_layer(name) for name in read}
    for layer in model.layers:
        layer.trainable = layer.name in probes or layer.name in known.inside
    compiled = keras.backend.backend() == "jax" or needs_xla(model)
    model.compile(
        optimizer=keras.optimizers.SGD(1.0),
        loss=loss,
        jit_compile=compiled,
        run_eagerly=keras.backend.backend() == "tensorflow" and not compiled,
    )
    num_batches = len(images) // batch
    shape = (num_batches * batch, known.num_channels)
    by_factor, by_shift = np.zeros(shape), dict[str, list[np.ndarray]]()
    means = dict.fromkeys(read, np.zeros(()))
    of_heads: dict[str, list[np.ndarray]] = {name: [] for name in known.inside}
    for index in range(num_batches):
        rows = slice(index * batch, (index + 1) * batch)
        for each in probes.values():
            each.factor.assign(ops.zeros_like(each.factor))
            each.shift.assign(ops.zeros_like(each.shift))
        model.train_on_batch(images[rows], targets(rows))
        for name, each in probes.items():
            factor = -batch * ops.convert_to_numpy(each.factor).astype(np.float64)
            _add(by_factor[rows], read[name].numbers, factor)
            by_shift.setdefault(name, []).append(
                -batch * ops.convert_to_numpy(each.shift).astype(np.float64)
            )
            means[name] = means[name] + ops.convert_to_numpy(each.mean) / num_batches
        for name, found in of_heads.items():
            found.append(_stepped_back(model.get_layer(name), graph.layers[name]))
    by_mean = -by_factor
    for name, channels in read.items():
        if channels.keeps_mean:
            _add(by_mean, channels.numbers, np.concatenate(by_shift[name]) * means[name])
    is_read = np.zeros(known.num_channels, dtype=bool)
    for channels in read.values():
        is_read[channels.numbers[channels.numbers != NO_GROUP]] = True
    heads = {name: np.array(found) for name, found in of_heads.items()}
    return Slopes(by_factor, by_mean, is_read, heads)


def _unregularized(graph: LayerGraph) -> dict[str, dict[str, None]]:
    """Settings with which a step is along the slope of the loss alone."""
    found = {
        name: {each: None for each in _NOT_THE_LOSS if layer.config.get(each)}
        for name, layer in graph.layers.items()
    }
    return {name: settings for name, settings in found.items() if settings}


def _stepped_back(layer: keras.Layer, before: LayerDef) -> np.ndarray:
    """Gives an attention layer its weights back; the slopes by its heads, `(num_heads,)`."""
    place = last_kernel(before)
    old = before.weights[place].astype(np.float64)
    slope = old * (old - ops.convert_to_numpy(layer.weights[place]))
    layer.set_weights(list(before.weights))
    return np.asarray(slope.reshape(len(old), -1).sum(axis=1))


def with_probes(
    graph: LayerGraph, tensors: Mapping[TensorRef, TensorChannels], batch: int
) -> tuple[LayerGraph, dict[str, Read]]:
    """The graph with a probe before every layer whose kernel mixes channels of groups.

    Returns:
        The graph, and what each probe reads, by the name of its layer.
    """
    nodes: list[Node] = []
    layers, read = dict(graph.layers), dict[str, Read]()
    for node in graph.nodes:
        ref = node.inputs[0] if node.inputs else None
        if ref is not None and has_kernel(graph.layer_of(node)):
            channels = tensors[ref]
            if (channels.numbers != NO_GROUP).any() and not hands_on(graph, node, channels.axis):
                name = fresh_name(replace(graph, layers=layers), "probe")
                layers[name] = _probe(name, batch, channels.axis)
                nodes.append(Node(name, name, (ref,), {}, (graph.spec(ref),)))
                read[name] = Read(channels.numbers, takes_up_mean(graph, node))
                node = _reading(node, ref, TensorRef(name))
        nodes.append(node)
    return validate_graph(replace(graph, nodes=tuple(nodes), layers=layers)), read


def _reading(node: Node, old: TensorRef, new: TensorRef) -> Node:
    return node.with_inputs(lambda ref: new if ref == old else ref)


def _add(total: np.ndarray, numbers: np.ndarray, values: np.ndarray) -> None:
    """Adds values `(n, places)` to the channels `(n, num_channels)` that the places have."""
    known = numbers != NO_GROUP
    np.add.at(total.T, numbers[known], values.T[known])


def _probe(name: str, batch: int, axis: int) -> LayerDef:
    serialized = {
        "module": Probe.__module__,
        "class_name": "Probe",
        "config": {"name": name, "batch": batch, "axis": axis},
        "registered_name": _REGISTERED,
    }
    return LayerDef(name, "Probe", serialized)
