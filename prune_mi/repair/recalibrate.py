"""Batch norms of a changed network, given what calibration images show.

Recalibration: exact statistics over all of these images.

With k batches of equal size, each with mean m_i and variance v_i, the statistics over all their
images are mean = avg(m_i) and var = avg(v_i + m_i^2) - mean^2 (law of total variance). Setting the
momentum to 0 makes a layer's moving statistics those of its last batch, so one forward pass in
training mode yields all m_i and v_i. A layer that is called several times gets a copy for each
call; its statistics are those over all calls. Dropout and other noise stay off.

Source: Wu & Johnson (2021), Rethinking "Batch" in BatchNorm, section 3 (precise BN).

Settling: batch norms that an insertion has put in as the identity are made to be it in training
too. Of mean 0, variance 1 - epsilon, gamma 1 and beta 0 a batch norm is the identity in inference
alone: in training it takes the mean m and variance v of the batch. With

    gamma = sqrt(v + epsilon),  beta = m,  moving mean = m,  moving variance = v

over calibration images it is the identity in inference and, up to how much batches differ, in
training. What stands behind it, a ReLU that is to lose nothing above all, then gets what it got.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from keras import ops, tree

from prune_mi.graph.edit import (
    fresh_name,
    renamed,
    validate_graph,
    with_config,
    with_named_weights,
    with_outputs,
    without_noise,
)
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.new_layers import is_identity_norm
from prune_mi.keras_io.forward.forward_pass import forward_function
from prune_mi.keras_io.model_graph.build import build_model


def recalibrate(
    graph: LayerGraph, batches: Iterable[np.ndarray], *, keep_frozen: bool = False
) -> LayerGraph:
    """Replaces every batch norm's moving statistics by exact ones.

    Args:
        graph: The changed graph.
        batches: Scaled images in batches of equal size, float `(batch, ...)`.
        keep_frozen: Whether norms that the model itself has frozen stay as they are, too: in a
            network that nothing has been taken from they fit.

    Returns:
        The graph with new moving statistics, frozen layers as they were, and so what is the
        identity as inserted, which `settled` sees to; the same graph if there is nothing to
        recalibrate.
    """
    inserted = identity_norms(graph)
    names = recalibrated_layers(graph, keep_frozen=keep_frozen)
    if not names:
        return graph
    modes: dict[str, dict[str, object]] = {
        name: {"momentum": 0.0, "trainable": True} for name in names
    }
    modes |= {name: {"trainable": False} for name in inserted}
    apart, copies = _called_once(with_config(graph, modes), names)
    model = build_model(without_noise(apart))
    run = forward_function(model)
    mean = dict.fromkeys(names, np.zeros(()))
    square = dict.fromkeys(names, np.zeros(()))
    count = 0
    for batch in batches:
        run(ops.convert_to_tensor(batch), training=True)
        count += 1
        for copy, name in copies.items():
            layer = model.get_layer(copy)
            batch_mean = np.asarray(layer.moving_mean, dtype=np.float64)
            batch_variance = np.asarray(layer.moving_variance, dtype=np.float64)
            mean[name] = mean[name] + batch_mean
            square[name] = square[name] + batch_variance + batch_mean**2
    if count == 0:
        raise ValueError("recalibrate received no batches; expected at least one")
    updates = {}
    for name in names:
        new_mean, variance = moments(mean[name], square[name], count * graph.calls_of(name))
        updates[name] = {"moving_mean": new_mean, "moving_variance": variance}
    return with_named_weights(graph, updates)


def _called_once(graph: LayerGraph, names: Sequence[str]) -> tuple[LayerGraph, dict[str, str]]:
    """The graph with a copy of such layers for each call after the first; whose copy each is."""
    nodes, layers, copies = [], dict(graph.layers), dict[str, str]()
    for node in graph.nodes:
        name = node.layer
        if name in copies:
            copy = fresh_name(replace(graph, layers=layers), name)
            layers[copy], copies[copy] = renamed(layers[name], copy), name
            node = replace(node, layer=copy)
        elif name in names:
            copies[name] = name
        nodes.append(node)
    return validate_graph(replace(graph, nodes=tuple(nodes), layers=layers)), copies


def recalibrated_layers(graph: LayerGraph, *, keep_frozen: bool = False) -> list[str]:
    """The batch norms whose statistics are to be new; see `recalibrate`."""
    left_alone = graph.frozen.union(identity_norms(graph))
    return [
        name
        for name, layer in graph.layers.items()
        if layer.class_name == "BatchNormalization"
        and name not in left_alone
        and not (keep_frozen and layer.config.get("trainable") is False)
    ]


def statistics_distance(one: LayerGraph, other: LayerGraph) -> float:
    """How far the moving variances of two graphs of the same layers lie apart.

    Returns:
        The mean over batch norms of their channels' mean |log ratio|; 0 where there are none.
    """
    distances = []
    for name, layer in one.layers.items():
        if layer.class_name == "BatchNormalization":
            place = layer.weight_names.index("moving_variance")
            pair = layer.weights[place], other.layers[name].weights[place]
            first, second = (np.log(each.astype(np.float64) + 1e-6) for each in pair)
            distances.append(float(np.mean(np.abs(first - second))))
    return float(np.mean(distances)) if distances else 0.0


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
    sums = [(np.zeros(()), np.zeros(()))] * len(names)
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
        mean, variance = moments(mean, square, count)
        updates[name] = {
            "gamma": np.sqrt(variance + float(graph.layers[name].config["epsilon"])),
            "beta": mean,
            "moving_mean": mean,
            "moving_variance": variance,
        }
    return with_named_weights(graph, updates)


def moments(means: np.ndarray, squares: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance from so many batches' means, and mean squares, added up."""
    mean = means / count
    return mean, np.maximum(squares / count - mean**2, 0.0)
