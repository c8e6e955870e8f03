"""Batch norms that an insertion has put in as the identity, made to be it in training too.

Of mean 0, variance 1 - epsilon, gamma 1 and beta 0 a batch norm is the identity in inference alone:
in training it takes the mean m and variance v of the batch. With

    gamma = sqrt(v + epsilon),  beta = m,  moving mean = m,  moving variance = v

over calibration images it is the identity in inference and, up to how much batches differ, in
training. What stands behind it, a ReLU that is to lose nothing above all, then gets what it got.
"""

from collections.abc import Iterable

import numpy as np
from keras import ops, tree

from prune_mi.graph.edit import with_named_weights, with_outputs
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.new_layers import is_identity_norm
from prune_mi.keras_io.forward.forward_pass import forward_function
from prune_mi.keras_io.model_graph.build import build_model


def identity_norms(graph: LayerGraph) -> tuple[str, ...]:
    """Names of the batch norms that are the identity in inference alone."""
    return tuple(name for name, layer in graph.layers.items() if is_identity_norm(layer))


def settled(graph: LayerGraph, batches: Iterable[np.ndarray]) -> LayerGraph:
    """Sets the weights of all batch norms that are the identity as inserted.

    Args:
        graph: A graph, in inference unchanged by this.
        batches: Scaled images in batches of equal size, float `(batch, ...)`.

    Returns:
        The graph with other weights; the same graph where there is no such batch norm.
    """
    names = identity_norms(graph)
    if not names:
        return graph
    read = {node.layer: node.inputs[0] for node in graph.nodes if node.inputs}
    refs = tuple(read[name] for name in names)
    run = forward_function(build_model(with_outputs(graph, refs)))
    sums = [(0.0, 0.0)] * len(names)
    count = 0
    for batch in batches:
        count += 1
        values = tree.flatten(run(ops.convert_to_tensor(batch), training=False))
        for place, value in enumerate(values):
            rows = np.asarray(value, dtype=np.float64).reshape(-1, value.shape[-1])
            mean, square = sums[place]
            sums[place] = (mean + rows.mean(axis=0), square + np.square(rows).mean(axis=0))
    if count == 0:
        raise ValueError("settled received no batches; expected at least one")
    updates = {}
    for name, (mean, square) in zip(names, sums, strict=True):
        mean, variance = mean / count, np.maximum(square / count - np.square(mean / count), 0.0)
        updates[name] = {
            "gamma": np.sqrt(variance + float(graph.layers[name].config["epsilon"])),
            "beta": mean,
            "moving_mean": mean,
            "moving_variance": variance,
        }
    return with_named_weights(graph, updates)
