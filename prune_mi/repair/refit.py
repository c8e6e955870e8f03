"""Least-squares refit: the first layers behind a deletion learn to answer as they did before.

Where a consumer computed Y = X W + b from the old tensor X, and now reads X', its kernel becomes
the ridge solution that starts from the old one,

    W' = W + (P^T P + s I)^-1 P^T (Q V - P W),  P = [X' 1], Q = [X 1], a convolution window a row,

over a sample of positions of the calibration images; V is the old kernel, W the same without the
rows of channels that are gone, s a small share of P^T P's mean diagonal.
No gradient and no label is needed. Consumers are refitted in graph order, each on what the refitted
ones before it now yield.

Source: He, Zhang, Sun (2017), Channel Pruning for Accelerating Very Deep Neural Networks, section
3.1 (a layer's output reconstructed by linear least squares).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops, tree

from prune_mi.graph.edit import with_outputs, with_weights
from prune_mi.graph.ir import LayerGraph, Node, TensorRef
from prune_mi.keras_io.forward.forward_pass import forward_function
from prune_mi.keras_io.model_graph.build import build_model

_RIDGE = 1e-2
_MAX_ROWS = 60_000
_BATCH = 128
_REFITTABLE = frozenset({"Conv2D", "Dense"})


def refit_consumers(
    old: LayerGraph,
    new: LayerGraph,
    images: np.ndarray,
    *,
    rng: np.random.Generator,
    max_consumers: int = 2,
) -> LayerGraph:
    """Refits the nearest kernel layers whose input the edit from `old` to `new` has changed.

    Args:
        old: The graph before the edit, whose outputs are the target.
        new: The graph after it.
        images: Scaled calibration images, float `(n, ...)`.
        rng: Draws the positions that are fitted.
        max_consumers: Only the nearest so many are refitted: in a deep residual network a change
            reaches every later block through the shortcuts.

    Returns:
        `new` with other kernels and biases; unchanged where no consumer can be refitted.
    """
    names = changed_consumers(old, new)[:max_consumers]
    if not names:
        return new
    before = _inputs_of(old, names, images)
    for name, old_inputs in zip(names, before, strict=True):
        (new_inputs,) = _inputs_of(new, (name,), images)
        kernel = old.layer_of(old.node_by_name[name]).weights[0]
        new = _refit(new, name, kernel, old_inputs, new_inputs, rng)
    return new


def changed_consumers(old: LayerGraph, new: LayerGraph) -> tuple[str, ...]:
    """Calls of refittable layers in both graphs that read a changed tensor, nearest to the edit.

    A tensor is changed if an edited call yields it or it is computed from a changed one; the walk
    ends at every layer with a kernel. Layers called more than once are left alone, and so are those
    that yield another shape than before: what they yielded is no aim for them.
    """
    changed: set[TensorRef] = set()
    found = []
    for node in new.nodes:
        before = old.node_by_name.get(node.name)
        touched = before is None or before.inputs != node.inputs or changed & set(node.inputs)
        if not touched:
            continue
        if any(name.endswith("kernel") for name in new.layer_of(node).weight_names):
            if before is not None and before.outputs == node.outputs and _is_refittable(new, node):
                found.append(node.name)
            continue
        changed.update(TensorRef(node.name, index) for index in range(len(node.outputs)))
    return tuple(found)


def _is_refittable(graph: LayerGraph, node: Node) -> bool:
    layer = graph.layer_of(node)
    return (
        layer.class_name in _REFITTABLE
        and layer.name not in graph.frozen
        and layer.weight_names[0] == "kernel"
        and graph.calls_of(layer.name) == 1
        and layer.config.get("groups", 1) == 1
        and len(set(layer.config.get("dilation_rate", (1, 1)))) == 1
        and layer.config.get("data_format", "channels_last") != "channels_first"
        and len(graph.spec(node.inputs[0]).shape) in (2, 4)
    )


def _inputs_of(graph: LayerGraph, names: Sequence[str], images: np.ndarray) -> list[np.ndarray]:
    """What calls read, on all images."""
    refs = tuple(graph.node_by_name[name].inputs[0] for name in names)
    run = forward_function(build_model(with_outputs(graph, refs)))
    collected: list[list[np.ndarray]] = [[] for _ in refs]
    for start in range(0, len(images), _BATCH):
        outputs = run(ops.convert_to_tensor(images[start : start + _BATCH]), training=False)
        for rows, output in zip(collected, tree.flatten(outputs), strict=True):
            rows.append(np.asarray(output))
    return [np.concatenate(rows) for rows in collected]


def _refit(
    graph: LayerGraph,
    name: str,
    old_kernel: np.ndarray,
    old_inputs: np.ndarray,
    new_inputs: np.ndarray,
    rng: np.random.Generator,
) -> LayerGraph:
    layer = graph.layer_of(graph.node_by_name[name])
    kernel, *biases = layer.weights
    weights = kernel.reshape(-1, kernel.shape[-1]).astype(np.float64)
    if biases:
        weights = np.concatenate([weights, biases[0][None].astype(np.float64)])
    old_rows = _windows(layer.config, old_kernel, old_inputs)
    new_rows = _windows(layer.config, kernel, new_inputs)
    if len(new_rows) > _MAX_ROWS:
        chosen = rng.choice(len(new_rows), _MAX_ROWS, replace=False)
        old_rows, new_rows = old_rows[chosen], new_rows[chosen]
    target = old_rows @ old_kernel.reshape(-1, old_kernel.shape[-1])
    change = (target - new_rows @ weights[: new_rows.shape[1]]).astype(np.float64)
    design = new_rows.astype(np.float64)
    if biases:
        design = np.concatenate([design, np.ones((len(design), 1))], axis=1)
    weights = weights + _ridge_solution(design, change)
    fitted = [weights[: new_rows.shape[1]].reshape(kernel.shape).astype(kernel.dtype)]
    fitted += [weights[-1].astype(bias.dtype) for bias in biases]
    return with_weights(graph, {layer.name: tuple(fitted)})


def _ridge_solution(design: np.ndarray, change: np.ndarray) -> np.ndarray:
    """(P^T P + s I)^-1 P^T D, which is P^T (P P^T + s I)^-1 D: whichever system is the smaller.

    A dense layer behind flattened maps reads thousands of values, of a few hundred images.
    """
    ridge = _RIDGE * float(np.square(design).sum()) / design.shape[1] + np.finfo(np.float32).tiny
    if len(design) < design.shape[1]:
        kernel = design @ design.T
        solution = design.T @ np.linalg.solve(kernel + ridge * np.eye(len(kernel)), change)
    else:
        gram = design.T @ design
        solution = np.linalg.solve(gram + ridge * np.eye(len(gram)), design.T @ change)
    return np.asarray(solution)


def _windows(config: Mapping[str, Any], kernel: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """The inputs that each output position multiplies with the kernel, `(positions, weights)`."""
    if kernel.ndim == 2:
        return inputs.reshape(-1, inputs.shape[-1])
    patches = ops.image.extract_patches(
        inputs,
        size=kernel.shape[:2],
        strides=tuple(config["strides"]),
        dilation_rate=config["dilation_rate"][0],
        padding=config["padding"],
        data_format="channels_last",
    )
    return np.asarray(patches).reshape(-1, int(np.prod(kernel.shape[:3])))
