"""Least squares of a layer with a kernel: windows of its input against what it shall yield."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from prune_mi.graph.ir import LayerDef, LayerGraph, Node

_REFITTABLE = frozenset({"Conv1D", "Conv2D", "Conv3D", "Dense"})
RIDGE = 1e-3
_CONSTANT = 1e-4


def is_refittable(graph: LayerGraph, node: Node) -> bool:
    """Whether a call is of a layer whose kernel can be refitted."""
    layer = graph.layer_of(node)
    return (
        layer.class_name in _REFITTABLE
        and layer.name not in graph.frozen
        and layer.weight_names[0] == "kernel"
        and set(layer.weight_names) <= {"kernel", "bias"}
        and graph.calls_of(layer.name) == 1
        and layer.config.get("groups", 1) == 1
        and layer.config.get("padding", "same") in ("same", "valid", "causal")
        and layer.config.get("data_format", "channels_last") != "channels_first"
        and len(node.inputs) == 1
        and None not in graph.spec(node.inputs[0]).shape[1:]
    )


class Sample:
    """Output positions of a layer, `num_positions`, drawn from all of its images.

    Args:
        layer: A layer that `is_refittable`.
        input_shape, output_shape: Of one sample.
        sizes: Images in each batch.
        most: Positions at most.
        at_once: Of them at a time, at most.
        rng: Draws them.
    """

    def __init__(
        self,
        layer: LayerDef,
        input_shape: Sequence[int],
        output_shape: Sequence[int],
        sizes: Sequence[int],
        *,
        most: int,
        at_once: int,
        rng: np.random.Generator,
    ) -> None:
        self._config = layer.config
        self._is_dense = layer.class_name == "Dense"
        self._kernel = tuple(layer.config.get("kernel_size", ()))
        self._padding = () if self._is_dense else _paddings(layer.config, input_shape, output_shape)
        self._at_once = at_once
        self._places = []
        grid = tuple(output_shape[:-1])
        in_all = sum(sizes) * int(np.prod(grid, dtype=int))
        for size in sizes:
            here = size * int(np.prod(grid, dtype=int))
            count = here if in_all <= most else max(1, round(most * here / in_all))
            chosen = np.sort(rng.choice(here, count, replace=False))
            self._places.append(np.unravel_index(chosen, (size, *grid)))
        self.num_positions = sum(len(each[0]) for each in self._places)

    def windows(self, batch: int, values: Any) -> Iterator[np.ndarray]:
        """What the kernel is multiplied with at the positions of a batch, `(positions, weights)`.

        They come in parts, the same ones for whatever values of one batch.

        Args:
            batch: Its number.
            values: The layer's input, `(images, ..., channels)`, in any number of channels.
        """
        inputs = np.asarray(values, dtype=np.float32)
        if not self._is_dense:
            inputs = np.pad(inputs, ((0, 0), *self._padding, (0, 0)))
        count = len(self._places[batch][0])
        for start in range(0, count, self._at_once):
            part = slice(start, start + self._at_once)
            yield self._read(inputs, [axis[part] for axis in self._places[batch]])

    def _read(self, inputs: np.ndarray, places: Sequence[np.ndarray]) -> np.ndarray:
        if self._is_dense:
            return np.asarray(inputs[tuple(places)])
        strides, dilation = (_each(self._config, name, len(self._kernel)) for name in _STEPS)
        offsets = np.indices(self._kernel).reshape(len(self._kernel), -1)
        index: list[np.ndarray] = [places[0][:, None]]
        for axis, offset in enumerate(offsets):
            index.append(places[axis + 1][:, None] * strides[axis] + offset * dilation[axis])
        return np.asarray(inputs[tuple(index)]).reshape(len(places[0]), -1)


_STEPS = ("strides", "dilation_rate")


class NormalEquations:
    """Sums of a regression, part by part.

    With a bias, all is taken relative to the first part's means, so that what hardly varies about a
    large mean loses no digits.

    Args:
        num_weights: Of one output, the bias apart.
        num_outputs: How many.
        has_bias: Whether a constant is fitted, too.
    """

    def __init__(self, num_weights: int, num_outputs: int, *, has_bias: bool) -> None:
        self._has_bias = has_bias
        self._gram = np.zeros((num_weights, num_weights))
        self._moment = np.zeros((num_weights, num_outputs))
        self._origin, self._wanted_origin = np.zeros(num_weights), np.zeros(num_outputs)
        self._sums, self._wanted_sums = np.zeros(num_weights), np.zeros(num_outputs)
        self._num_rows = 0

    def add(self, design: np.ndarray, wanted: np.ndarray) -> None:
        """Adds rows `(n, num_weights)` and what they are to yield, `(n, num_outputs)`."""
        if self._has_bias:
            if not self._num_rows:
                self._origin, self._wanted_origin = design.mean(axis=0), wanted.mean(axis=0)
            design, wanted = design - self._origin, wanted - self._wanted_origin
            self._sums += design.sum(axis=0, dtype=np.float64)
            self._wanted_sums += wanted.sum(axis=0, dtype=np.float64)
        self._num_rows += len(design)
        self._gram += design.T @ design
        self._moment += design.T @ wanted

    def solution(self) -> np.ndarray:
        """The ridge solution, float64 `(num_weights + has_bias, num_outputs)`; uses the sums up."""
        gram, moment, count = self._gram, self._moment, self._num_rows
        mean, wanted = self._sums / count, self._wanted_sums / count
        gram -= count * np.outer(mean, mean)
        moment -= count * np.outer(mean, wanted)
        center = self._origin + mean
        change = _solved(gram, moment, ridge(np.diag(gram), center, count))
        if not self._has_bias:
            return change
        return np.vstack([change, self._wanted_origin + wanted - center @ change])


def dual_solution(design: np.ndarray, wanted: np.ndarray, *, has_bias: bool) -> np.ndarray:
    """The same where there are fewer rows than weights: S^-1 P^T (P S^-1 P^T + I)^-1 D.

    A dense layer behind flattened maps reads thousands of values, of some hundred images.
    """
    design, center, shift = design.astype(np.float64), np.zeros(design.shape[1]), 0.0
    if has_bias:
        center, shift = design.mean(axis=0), wanted.mean(axis=0, dtype=np.float64)
        design, wanted = design - center, wanted - shift
    sizes = np.einsum("ij,ij->j", design, design)
    scaled = design / ridge(sizes, center, len(design))
    change = scaled.T @ _solved(scaled @ design.T, wanted, 1.0)
    return np.vstack([change, shift - center @ change]) if has_bias else change


def ridge(sizes: np.ndarray, center: np.ndarray, num_rows: int) -> np.ndarray:
    """What is added to each weight's sum of squares: a share of its own, and of the median one.

    So a few louder channels, read by smaller weights, change little, and values that hardly ever
    vary are not given great weights.

    Args:
        sizes: Each weight's sum of squares, about the mean where a bias is fitted.
        center: This mean, or 0; what varies by less than 1e-4 of it counts as constant.
        num_rows: Over which is summed.
    """
    sizes = np.maximum(sizes, 0.0)
    usual = float(np.median(sizes[sizes > 0])) if sizes.any() else 0.0
    of_rounding = num_rows * np.square(_CONSTANT * center) + np.finfo(np.float32).tiny
    return np.asarray(RIDGE * (sizes + usual) + of_rounding)


def _solved(gram: np.ndarray, moment: np.ndarray, added: np.ndarray | float) -> np.ndarray:
    """(G + diag(added))^-1 M; writes over G."""
    gram[np.diag_indices_from(gram)] += added
    factor = cho_factor(gram, overwrite_a=True, check_finite=False)
    return np.asarray(cho_solve(factor, moment, check_finite=False))


def _paddings(
    config: Mapping[str, Any], input_shape: Sequence[int], output_shape: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """Zeros before and behind each axis, as TensorFlow pads: the odd one behind."""
    kernel = tuple(config["kernel_size"])
    strides, dilation = (_each(config, name, len(kernel)) for name in _STEPS)
    found = []
    for size, out, width, stride, rate in zip(
        input_shape[:-1], output_shape[:-1], kernel, strides, dilation, strict=True
    ):
        needed = max(0, (out - 1) * stride + (width - 1) * rate + 1 - size)
        total = needed if config["padding"] == "same" else 0
        before = (width - 1) * rate if config["padding"] == "causal" else total // 2
        found.append((before, total - total // 2))
    return tuple(found)


def _each(config: Mapping[str, Any], name: str, rank: int) -> tuple[int, ...]:
    value = config.get(name, 1)
    return tuple(value) if isinstance(value, list | tuple) else (int(value),) * rank
