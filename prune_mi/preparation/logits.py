"""Whether a classifier yields probabilities or logits."""

import numpy as np

from prune_mi.errors import ModelError
from prune_mi.graph.interface.binary_output import is_one_unit, last_activations, unit_reading
from prune_mi.graph.ir import LayerGraph
from prune_mi.measure.quality import is_probabilities

_SIGMOIDS = frozenset({"sigmoid", "hard_sigmoid", "sparse_sigmoid"})


def refuse_many_labels(graph: LayerGraph, judged: int) -> None:
    """Refuses an output of several sigmoids, one yes or no a class.

    Of data with one class a sample the largest could be taken for the answer, but that is not what
    such a model says: each unit says yes or no by itself, at 0.5, and a training that only keeps
    the largest in its place would let the yeses and noes drift.

    Raises:
        ModelError: If it is such a one.
    """
    ref = graph.outputs[judged]
    if not is_one_unit(graph, ref) and last_activations(graph, ref) <= _SIGMOIDS:
        layer = graph.layer_of(graph.node_by_name[ref.node])
        raise ModelError(
            f"the model's output layer {layer.name!r} ends in a sigmoid, one yes or no a class: "
            "multi-label classification, which cannot be optimized yet (it comes in a later "
            "version); expected a softmax over the classes, logits, or one sigmoid unit for two "
            "classes. If each sample has just one class, train the model with a softmax in place "
            "of the sigmoid"
        )


def yields_logits(graph: LayerGraph, judged: int, outputs: np.ndarray) -> bool:
    """Whether an output is logits, by its last activation or else by its values.

    Args:
        graph: The classifier.
        judged: Place of the output.
        outputs: What it yielded for some samples, `(n, classes)`.

    Raises:
        ModelError: If it ends in several sigmoids.
    """
    refuse_many_labels(graph, judged)
    ref = graph.outputs[judged]
    if is_one_unit(graph, ref):
        return unit_reading(graph, ref) == "logit"
    layer = graph.layer_of(graph.node_by_name[ref.node])
    if layer.config.get("activation") == "softmax" or layer.class_name == "Softmax":
        return False
    return not is_probabilities(outputs)
