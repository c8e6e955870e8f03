"""Least squares of a layer with a kernel: windows of its input against what it shall yield."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from prune_mi.graph.ir import LayerDef, LayerGraph, Node

_REFITTABLE = frozenset({"Conv1D", "Conv2D", "Dense"})
RIDGE = 1e-3


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
        and layer.config.get("padding", "same") in ("same", "valid")
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
        rng: np.random.Generator,
    ) -> None:
        self._config = layer.config
        self._is_dense = layer.class_name == "Dense"
        self._kernel = tuple(layer.config.get("kernel_size", ()))
        self._padding = () if self._is_dense else _paddings(layer.config, input_shape, output_shape)
        self._places = []
        grid = tuple(output_shape[:-1])
        in_all = sum(sizes) * int(np.prod(grid, dtype=int))
        for size in sizes:
            here = size * int(np.prod(grid, dtype=int))
            count = here if in_all <= most else max(1, round(most * here / in_all))
            chosen = np.sort(rng.choice(here, count, replace=False))
            self._places.append(np.unravel_index(chosen, (size, *grid)))
        self.num_positions = sum(len(each[0]) for each in self._places)

    def windows(self, batch: int, values: Any) -> np.ndarray:
        """What the kernel is multiplied with at the positions of a batch, `(positions, weights)`.

        Args:
            batch: Its number.
            values: The layer's input, `(images, ..., channels)`, in any number of channels.
        """
        inputs = np.asarray(values, dtype=np.float32)
        places = self._places[batch]
        if self._is_dense:
            return np.asarray(inputs[places])
        inputs = np.pad(inputs, ((0, 0), *self._padding, (0, 0)))
        strides, dilation = (_each(self._config, name, len(self._kernel)) for name in _STEPS)
        offsets = np.indices(self._kernel).reshape(len(self._kernel), -1)
        index: list[np.ndarray] = [places[0][:, None]]
        for axis, offset in enumerate(offsets):
            index.append(places[axis + 1][:, None] * strides[axis] + offset * dilation[axis])
        return np.asarray(inputs[tuple(index)]).reshape(len(places[0]), -1)


_STEPS = ("strides", "dilation_rate")


class NormalEquations:
    """Sums of a regression, batch by batch.

    Args:
        num_weights: Of one output, the bias apart.
        num_outputs: How many.
        has_bias: Whether a constant is fitted, too.
    """

    def __init__(self, num_weights: int, num_outputs: int, *, has_bias: bool) -> None:
        self._has_bias = has_bias
        size = num_weights + has_bias
        self._gram = np.zeros((size, size))
        self._moment = np.zeros((size, num_outputs))

    def add(self, design: np.ndarray, wanted: np.ndarray) -> None:
        """Adds rows `(n, num_weights)` and what they are to yield, `(n, num_outputs)`."""
        if self._has_bias:
            design = np.concatenate([design, np.ones((len(design), 1), np.float32)], axis=1)
        self._gram += design.T @ design
        self._moment += design.T @ wanted

    def solution(self) -> np.ndarray:
        """The ridge solution, float64 `(num_weights + has_bias, num_outputs)`."""
        size = len(self._gram)
        ridge = RIDGE * float(np.trace(self._gram)) / size + np.finfo(np.float32).tiny
        return np.asarray(np.linalg.solve(self._gram + ridge * np.eye(size), self._moment))


def dual_solution(design: np.ndarray, wanted: np.ndarray, *, has_bias: bool) -> np.ndarray:
    """The same where there are fewer rows than weights: P^T (P P^T + s I)^-1 D.

    A dense layer behind flattened maps reads thousands of values, of some hundred images.
    """
    design = design.astype(np.float64)
    if has_bias:
        design = np.concatenate([design, np.ones((len(design), 1))], axis=1)
    ridge = RIDGE * float(np.square(design).sum()) / design.shape[1] + np.finfo(np.float32).tiny
    gram = design @ design.T + ridge * np.eye(len(design))
    return np.asarray(design.T @ np.linalg.solve(gram, wanted))


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
        found.append((total // 2, total - total // 2))
    return tuple(found)


def _each(config: Mapping[str, Any], name: str, rank: int) -> tuple[int, ...]:
    value = config.get(name, 1)
    return tuple(value) if isinstance(value, list | tuple) else (int(value),) * rank
