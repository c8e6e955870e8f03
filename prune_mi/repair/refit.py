"""Repair without training: every layer that reads what has changed learns to answer as before.

The network before an edit and the one after it are evaluated side by side, call by call, on the
same images. Where a layer computed Y = X W + b from the old tensor X, and now reads X', its kernel
becomes the ridge solution that starts from the old one,

    W' = W + (P^T P + S)^-1 P^T (Q V - P W),  P = [X' 1], Q = [X 1], a convolution window a row,

over a sample of positions of the images; V is the old kernel (of the channels that it still
makes), W the same without the rows of channels that are gone, S a diagonal (`ridge`), which is 0
for the bias. Of other layers with a kernel and a bias the bias alone changes, by what their mean
output has changed by. Batch norms get the exact mean and variance of what reaches them. Only then
is the next layer looked at: X' is what repaired layers yield, so that each makes up for what those
before it could not. No gradient and no label is needed, and of both networks only the tensors that
are alive at a place are held.

As a rival, `variance` only scales and shifts each output channel so that its mean and variance are
what they were; it solves nothing.

Source: He, Zhang, Sun (2017), Channel Pruning for Accelerating Very Deep Neural Networks, section
3.1 (a layer's output reconstructed by linear least squares, one after the other); Saikumar &
Varghese (2025), Data-free and adaptive signal resuscitation of pruned networks, for the rival.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from prune_mi.config.values import Repair
from prune_mi.graph.channels.shifting import may_be_recalibrated, may_be_shifted
from prune_mi.graph.edit import with_weights
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef
from prune_mi.graph.traits import channel_axis
from prune_mi.keras_io.forward.walk import Walk, live_bytes
from prune_mi.repair.least_squares import NormalEquations, Sample, dual_solution, is_refittable
from prune_mi.repair.recalibrate import moments

_MOST_ROWS = 40_000
_BATCH = 128
_FEWEST = 8
_FEWEST_ROWS, _MOST_VALUES = 256, 2**24  # of windows at a time
_MOST_BYTES = 2**30
_LEAST_VARIANCE = 1e-8

Kept = Mapping[str, np.ndarray]
"""For each layer that makes fewer channels than before, the places of those that stayed."""


def repaired(
    old: LayerGraph,
    new: LayerGraph,
    images: np.ndarray,
    *,
    rng: np.random.Generator,
    kept: Kept | None = None,
    how: Repair = "least-squares",
) -> LayerGraph:
    """Refits and recalibrates all that the edit from `old` to `new` has changed.

    Args:
        old: The graph before the edit, whose tensors are the aim.
        new: The graph after it.
        images: Scaled calibration images, float `(n, ...)`; fewer are used where the tensors of all
            would take more than 1 GiB, but no fewer than 8.
        rng: Draws the positions that are fitted.
        kept: See `Kept`.
        how: `least-squares`, its rival `variance`, or `statistics`: batch norms alone.

    Returns:
        `new` with other kernels, biases and batch-norm statistics; frozen layers as they were.
    """
    at_once = _MOST_BYTES // max(1, live_bytes(old) + live_bytes(new))
    images = images[: max(_FEWEST, at_once)]
    batches = [images[start : start + _BATCH] for start in range(0, len(images), _BATCH)]
    return _Pair(old, new, batches, rng, kept or {}, how).repaired()


class _Pair:
    """Two networks on their way through their calls."""

    def __init__(
        self,
        old: LayerGraph,
        new: LayerGraph,
        batches: list[np.ndarray],
        rng: np.random.Generator,
        kept: Kept,
        how: Repair,
    ) -> None:
        self._old, self._new, self._kept, self._how = old, new, kept, how
        self._sizes = [len(each) for each in batches]
        self._before, self._after = Walk(old, batches), Walk(new, batches)
        self._changed: set[TensorRef] = set()
        self._weights: dict[str, tuple[np.ndarray, ...]] = {}
        self._rng = rng

    def repaired(self) -> LayerGraph:
        last = self._last_to_repair()
        for node in self._new.nodes[: last + 1]:
            known = self._old.node_by_name.get(node.name)
            if known is not None:
                self._before.advance(known)
            self._pass(node, known)
            self._before.forget()
            self._after.forget()
        return with_weights(self._new, self._weights)

    def _pass(self, node: Node, known: Node | None) -> None:
        """Repairs the layer of a call, if it needs that, and makes the call."""
        refs = [TensorRef(node.name, index) for index in range(len(node.outputs))]
        if not node.inputs:
            return
        if known is not None and self._is_as_before(node, known):
            self._after.advance(node, {ref: self._before.values(ref) for ref in refs})
            return
        reads_other = bool(self._changed & set(node.inputs)) or (
            known is None or known.inputs != node.inputs
        )
        layer = self._new.layer_of(node)
        self._changed.update(refs)
        if known is not None and reads_other and self._can_be_refitted(node, known):
            self._set(layer, self._fitted(node, known))
        elif known is not None and reads_other and self._can_be_shifted(node, known):
            self._set(layer, self._shifted(node, known))
        elif may_be_recalibrated(self._new, node):
            self._set(layer, self._recalibrated(node))
        self._after.advance(node)

    def _set(self, layer: LayerDef, weights: tuple[np.ndarray, ...]) -> None:
        self._weights[layer.name] = weights
        self._after.set_weights(layer.name, weights)

    def _is_as_before(self, node: Node, known: Node) -> bool:
        """Whether a call yields what the old network's did."""
        one, other = self._new.layer_of(node), self._old.layer_of(known)
        same = one is other or (
            one.config == other.config
            and len(one.weights) == len(other.weights)
            and all(map(np.array_equal, one.weights, other.weights))
        )
        alive = all(self._before.has(TensorRef(node.name, i)) for i in range(len(node.outputs)))
        return same and alive and known == node and not self._changed & set(node.inputs)

    def _can_be_refitted(self, node: Node, known: Node) -> bool:
        """Whether another kernel of a layer can aim at what the old one yielded."""
        was_fed, is_fed = (
            self._old.spec(known.inputs[0]).shape,
            self._new.spec(node.inputs[0]).shape,
        )
        return (
            is_refittable(self._new, node)
            and is_refittable(self._old, known)
            and known.outputs[0].shape[1:-1] == node.outputs[0].shape[1:-1]
            and was_fed[1:-1] == is_fed[1:-1]
            and self._has_aim(node, known)
        )

    def _can_be_shifted(self, node: Node, known: Node) -> bool:
        """Whether another bias of a layer can aim at what the old one yielded in the mean."""
        old, new = may_be_shifted(self._old, known), may_be_shifted(self._new, node)
        return old and new and self._has_aim(node, known)

    def _has_aim(self, node: Node, known: Node) -> bool:
        """Whether what the old layer yielded, in the channels that stay, is at hand and its own."""
        one, other = self._new.layer_of(node), self._old.layer_of(known)
        before, after = known.outputs[0].shape, node.outputs[0].shape
        axis, kept = channel_axis(one, len(after)), self._kept.get(node.layer)
        return (
            self._how != "statistics"
            and one.class_name == other.class_name
            and one.config.get("activation") == other.config.get("activation")
            and (before[axis] if kept is None else len(kept)) == after[axis]
            and self._before.has(known.inputs[0])
        )

    def _shifted(self, node: Node, known: Node) -> tuple[np.ndarray, ...]:
        """The weights with the bias that yields, in the mean, what the old layer did."""
        layer = self._new.layer_of(node)
        axis = channel_axis(layer, len(node.outputs[0].shape))
        kept = self._kept.get(layer.name, slice(None))
        aim, found = (
            _mean(walk.before_activation(call), axis)
            for walk, call in ((self._before, known), (self._after, node))
        )
        *kernels, bias = layer.weights
        return (*kernels, (bias + aim[kept] - found).astype(bias.dtype))

    def _fitted(self, node: Node, known: Node) -> tuple[np.ndarray, ...]:
        """The kernel, and the bias, that yield what the old layer did."""
        layer, old = self._new.layer_of(node), self._old.layer_of(known)
        kept = self._kept.get(layer.name, slice(None))
        kernel, *biases = layer.weights
        aim = old.weights[0][..., kept].reshape(-1, kernel.shape[-1])
        shift = np.zeros(kernel.shape[-1]) if not biases else old.weights[1][kept] - biases[0]
        own = kernel.reshape(-1, kernel.shape[-1])
        sample = self._sample(node, len(own), max(len(own), len(aim)))
        rows = self._rows(sample, node, known)
        if self._how == "variance":
            pairs = [(q @ aim + shift, p @ own) for p, q in rows]
            return _matched(kernel, biases, pairs)
        if sample.num_positions < len(own) + len(biases):
            design, wanted = (np.concatenate(each) for each in zip(*rows, strict=True))
            missing = wanted @ aim + shift - design @ own
            change = dual_solution(design, missing, has_bias=bool(biases))
        else:
            sums = NormalEquations(*own.shape, has_bias=bool(biases))
            for p, q in rows:
                sums.add(p, q @ aim + shift - p @ own)
            change = sums.solution()
        fitted = own + change[: len(own)]
        found = [fitted.reshape(kernel.shape).astype(kernel.dtype)]
        return (*found, *((each + change[-1]).astype(each.dtype) for each in biases))

    def _sample(self, node: Node, num_weights: int, num_values: int) -> Sample:
        """The positions that a layer is fitted on; values are those of the longer window."""
        shape = self._new.spec(node.inputs[0]).shape[1:]
        return Sample(
            self._new.layer_of(node),
            [int(size or 1) for size in shape],
            [int(size or 1) for size in node.outputs[0].shape[1:]],
            self._sizes,
            most=max(_MOST_ROWS, 4 * num_weights),
            at_once=max(_FEWEST_ROWS, _MOST_VALUES // num_values),
            rng=self._rng,
        )

    def _rows(self, sample: Sample, node: Node, known: Node) -> Iterator[tuple[np.ndarray, ...]]:
        """Windows of the new and of the old input, part by part."""
        after, before = self._after.values(node.inputs[0]), self._before.values(known.inputs[0])
        for batch, (one, other) in enumerate(zip(after, before, strict=True)):
            yield from zip(sample.windows(batch, one), sample.windows(batch, other), strict=True)

    def _recalibrated(self, node: Node) -> tuple[np.ndarray, ...]:
        """A batch norm's weights with the statistics of what reaches it."""
        layer = self._new.layer_of(node)
        axis = int(layer.config["axis"])
        mean, square, count = np.zeros(()), np.zeros(()), 0
        for values in self._after.values(node.inputs[0]):
            rows = np.moveaxis(np.asarray(values, dtype=np.float64), axis, -1)
            rows = _told(rows, getattr(values, "_keras_mask", None))
            mean, square = mean + rows.sum(axis=0), square + np.square(rows).sum(axis=0)
            count += len(rows)
        mean, variance = moments(mean, square, count)
        found = {"moving_mean": mean, "moving_variance": variance}
        return tuple(
            np.asarray(found.get(name, weight), weight.dtype)
            for name, weight in layer.named_weights
        )

    def _last_to_repair(self) -> int:
        """The place of the last call of a layer that may be repaired."""
        places = [
            place
            for place, node in enumerate(self._new.nodes)
            if is_refittable(self._new, node)
            or may_be_shifted(self._new, node)
            or may_be_recalibrated(self._new, node)
        ]
        return max(places, default=-1)


def _told(values: np.ndarray, mask: Any) -> np.ndarray:
    """Values `(..., channels)` as rows, without steps that a mask says are none."""
    rows = values.reshape(-1, values.shape[-1])
    if mask is None:
        return rows
    told = np.broadcast_to(np.asarray(mask, dtype=bool), values.shape[:-1])
    return np.asarray(rows[told.ravel()])


def _mean(batches: Iterable[Any], axis: int) -> np.ndarray:
    """Of each channel, float64."""
    total, count = np.zeros(()), 0
    for values in batches:
        rows = np.moveaxis(np.asarray(values, dtype=np.float64), axis, -1)
        rows = rows.reshape(-1, rows.shape[-1])
        total, count = total + rows.sum(axis=0), count + len(rows)
    return np.asarray(total / count)


def _matched(
    kernel: np.ndarray, biases: list[np.ndarray], pairs: list[tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, ...]:
    """Each output channel scaled, and shifted, to the mean and variance that it had."""
    old, new = (np.concatenate(each) for each in zip(*pairs, strict=True))
    scale = np.sqrt((old.var(axis=0) + _LEAST_VARIANCE) / (new.var(axis=0) + _LEAST_VARIANCE))
    shift = old.mean(axis=0) - scale * new.mean(axis=0)
    found = [(kernel * scale).astype(kernel.dtype)]
    return (*found, *((each + shift).astype(each.dtype) for each in biases))
