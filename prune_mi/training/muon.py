"""Muon: Adam, with the steps of large kernels made orthogonal.

A kernel's momentum, as a matrix of inputs by outputs, is mostly of a few directions, which Adam
then follows alone. Muon gives all its directions the same length, so that rare ones are learned,
too. (Jordan et al. 2024, Muon: an optimizer for hidden layers in neural networks. The length is
that of Adam's usual steps, so that its learning rates serve: Liu et al. 2025, Muon is scalable for
LLM training.)
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from prune_mi.costs.kinds.macs import node_macs
from prune_mi.graph.ir import LayerDef, LayerGraph

_ITERATIONS = 5
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # Jordan's: fast, and near 1 is near enough
_SIZE = 0.2  # root mean square of an Adam step, in learning rates
_MOMENTUM = 0.95
_MOST_TIME = 0.2  # of a layer's own step
_PASSES = 3  # a step goes through a network once forward and twice back
_KERNELS = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)


class Muon(keras.optimizers.Adam):
    """See this file.

    Args:
        learning_rate: As of Adam.
        kernels: Variables whose steps are made orthogonal, all axes but the last as rows, each with
            the longer side of that matrix, channels of zeros apart. Steps of the others are Adam's.
        options: As of Adam.
    """

    def __init__(
        self, learning_rate: float, *, kernels: Sequence[tuple[keras.Variable, int]], **options: Any
    ) -> None:
        super().__init__(learning_rate, **options)
        self._kernels = kernels
        self._sides: dict[int, int] = {}

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Makes the momentum of all variables."""
        super().build(variables)
        sides = {id(each): side for each, side in self._kernels}
        places = enumerate(variables)
        self._sides = {place: sides[id(each)] for place, each in places if id(each) in sides}

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Takes one step of one variable."""
        place = self._get_variable_index(variable)
        if place not in self._sides:
            super().update_step(gradient, variable, learning_rate)
            return
        momentum = self._momentums[place]
        gradient = ops.cast(gradient, variable.dtype)
        self.assign_add(momentum, (1 - _MOMENTUM) * (gradient - momentum))
        nesterov = (1 - _MOMENTUM) * gradient + _MOMENTUM * momentum
        rows = ops.reshape(nesterov, (-1, variable.shape[-1]))
        step = ops.reshape(orthogonal(rows), variable.shape)
        size = _SIZE * self._sides[place] ** 0.5
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * size * step)


def orthogonal(matrix: Any) -> Any:
    """Nearly the matrix U V' of a matrix U S V', by Newton and Schulz's iteration.

    Returns:
        Of the same shape, with singular values between about 0.7 and 1.2.
    """
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = ops.transpose(matrix) if is_tall else matrix
    x /= ops.sqrt(ops.sum(ops.square(x))) + keras.config.epsilon()
    a, b, c = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        square = x @ ops.transpose(x)
        x = a * x + (b * square + c * square @ square) @ x
    return ops.transpose(x) if is_tall else x


def worthwhile_kernels(
    model: keras.Model, graph: LayerGraph, *, batch_size: int
) -> list[tuple[keras.Variable, int]]:
    """Kernels whose steps are made orthogonal in little time beside that of the step itself.

    Those are the ones that a batch reads at many positions: convolutions, and dense layers along a
    sequence, but no dense head. A kernel of several groups or of one channel each is no matrix.

    Args:
        model: What is trained.
        graph: Its graph, without channels of zeros.
        batch_size: Samples of a step.

    Returns:
        The variables, each with the longer side of its matrix.
    """
    macs = dict.fromkeys(graph.layers, 0)
    for node in graph.nodes:
        macs[node.layer] += node_macs(graph, node)
    kernels = []
    for layer in model.layers:
        if type(layer) in _KERNELS and getattr(layer, "groups", 1) == 1:
            shape = _kernel_shape(graph.layers[layer.name])
            if _macs_of_orthogonal(shape) <= _MOST_TIME * _PASSES * batch_size * macs[layer.name]:
                *rows, columns = shape
                kernels.append((layer.kernel, max(math.prod(rows), columns)))
    return kernels


def _kernel_shape(layer: LayerDef) -> tuple[int, ...]:
    return next(weight.shape for name, weight in layer.named_weights if name == "kernel")


def _macs_of_orthogonal(shape: Sequence[int]) -> int:
    *rows, columns = shape
    short, long = sorted((math.prod(rows), columns))
    return _ITERATIONS * (2 * short**2 * long + short**3)
