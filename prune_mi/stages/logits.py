"""Whether a classifier yields probabilities or logits."""

import numpy as np

from prune_mi.errors import ModelError
from prune_mi.graph.ir import LayerGraph
from prune_mi.measure.quality import is_probabilities


def yields_logits(graph: LayerGraph, judged: int, outputs: np.ndarray) -> bool:
    """Whether an output is logits, by its last activation or else by its values.

    Args:
        graph: The classifier.
        judged: Place of the output.
        outputs: What it yielded for some samples, `(n, classes)`.

    Raises:
        ModelError: If it ends in a sigmoid.
    """
    layer = graph.layer_of(graph.node_by_name[graph.outputs[judged].node])
    activation = layer.config.get("activation")
    if activation == "sigmoid":
        raise ModelError(
            f"the model's output layer {layer.name!r} ends in a sigmoid, one yes or no a class; "
            "expected a softmax over the classes, or logits"
        )
    if activation == "softmax" or layer.class_name == "Softmax":
        return False
    return not is_probabilities(outputs)
