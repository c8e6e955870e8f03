"""Features of many tensors in one pass, reduced inside it: whole maps are never all held."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from prune_mi.data import InputScaling
from prune_mi.graph.edit import with_outputs
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.information.estimator import Reduction
from prune_mi.keras_io.forward.forward_pass import forward_function
from prune_mi.keras_io.model_graph.build import build_model

_PROJECTED_WIDTH = 256
_BATCH = 100


def layer_features(
    graph: LayerGraph,
    tensors: Sequence[TensorRef],
    images: np.ndarray,
    scaling: InputScaling,
    *,
    reduction: Reduction,
) -> dict[TensorRef, np.ndarray]:
    """The reduced features of each tensor.

    Args:
        graph: The network.
        tensors: Tensors of the graph, at least one.
        images: Raw pixels `(n, ...)`.
        scaling: The model's input scaling.
        reduction: `pool` averages over all axes between batch and channels; `project` flattens,
            and projects what is wider than 256 at random.

    Returns:
        float32 `(n, d)` for each tensor.
    """
    run = forward_function(build_model(with_outputs(graph, tensors)))
    reducers = [reducer(graph, ref, reduction) for ref in tensors]
    found = []
    for start in range(0, len(images), _BATCH):
        batch = scaling.apply(np.asarray(images[start : start + _BATCH]))
        outputs = tree.flatten(run(ops.convert_to_tensor(batch), training=False))
        found.append([reduce(each) for reduce, each in zip(reducers, outputs, strict=True)])
    joined = (np.concatenate(parts).astype(np.float32) for parts in zip(*found, strict=True))
    return dict(zip(tensors, joined, strict=True))


def reducer(graph: LayerGraph, ref: TensorRef, reduction: Reduction) -> Callable[[Any], np.ndarray]:
    """A function from the values of a tensor to its features `(n, d)`, see `layer_features`."""
    shape = graph.spec(ref).shape
    channels_first = _channels_first(graph, ref)
    if reduction == "pool":
        axes = tuple(range(2, len(shape))) if channels_first else tuple(range(1, len(shape) - 1))
        return lambda x: np.asarray(ops.mean(x, axis=axes) if axes else x)
    width = int(np.prod([axis or 1 for axis in shape[1:]]))
    if width <= _PROJECTED_WIDTH:
        return lambda x: np.asarray(ops.reshape(x, (x.shape[0], -1)))
    rng = np.random.default_rng(width)
    matrix = rng.standard_normal((width, _PROJECTED_WIDTH)).astype(np.float32)
    projection = ops.convert_to_tensor(matrix / np.sqrt(_PROJECTED_WIDTH))
    return lambda x: np.asarray(ops.matmul(ops.reshape(x, (x.shape[0], -1)), projection))


def _channels_first(graph: LayerGraph, ref: TensorRef) -> bool:
    for node in reversed(graph.nodes[: graph.position[ref.node] + 1]):
        data_format = graph.layer_of(node).config.get("data_format")
        if data_format is not None:
            return bool(data_format == "channels_first")
    return bool(keras.config.image_data_format() == "channels_first")
