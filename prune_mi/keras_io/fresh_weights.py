"""The same architecture with newly drawn weights: what retraining from scratch begins with."""

import keras
import numpy as np

from prune_mi.graph.edit import with_weights
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.build import build_untrained
from prune_mi.keras_io.trace import read_weights


def with_fresh_weights(graph: LayerGraph, *, rng: np.random.Generator) -> LayerGraph:
    """Draws the weights of all layers that learn, as their own initializers say.

    An initializer with a seed of its own in the model draws what it always draws. Frozen layers
    keep their weights, and so do those that have none to learn, such as `Normalization` with its
    statistics. Batch norms begin with mean 0 and variance 1.

    Args:
        graph: The network.
        rng: One number is taken from it to seed Keras's generators, which are global: weights, and
            whatever else Keras draws after this call, depend on it alone.

    Raises:
        GraphError: If Keras refuses the graph.
    """
    keras.utils.set_random_seed(int(rng.integers(2**31)))
    model = build_untrained(graph)
    learning = {
        layer.name
        for layer in model.layers
        if layer.trainable_weights and layer.name not in graph.frozen
    }
    drawn = read_weights(model, graph)
    return with_weights(graph, {name: drawn[name] for name in drawn if name in learning})
