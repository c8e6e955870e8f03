"""What narrowing promises, checked in Keras."""

from collections import Counter

import keras
import numpy as np
from silenced import Gone, silenced, without_loud

from prune_mi.equivalence import relative_difference
from prune_mi.graph.channels.narrowing import Narrowed, narrow
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph, TensorSpec
from prune_mi.keras_io.forward.forward_pass import outputs_of
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model

_TOLERANCE = 1e-4  # of the largest output


def check_narrowed(graph: LayerGraph, gone: Gone, inputs: np.ndarray) -> LayerGraph:
    """Narrows a graph: it builds, costs what it says, and answers as with silent channels.

    The answers are compared without channels that are not zero where they are read, see
    `without_loud`; built and counted is the graph without all of them.
    """
    everything = _narrowed(graph, gone)
    _built(everything)
    quiet = without_loud(graph, gone)
    narrowed = everything if quiet == gone else _narrowed(graph, quiet)
    received = outputs_of(_built(narrowed), inputs)
    expected = outputs_of(build_model(silenced(graph, quiet)), inputs)
    for one, other in zip(received, expected, strict=True):
        assert one.shape == other.shape
        assert np.isfinite(other).all()
    assert relative_difference(received, expected) < _TOLERANCE
    return everything


def _narrowed(graph: LayerGraph, gone: Gone) -> LayerGraph:
    outcome = narrow(graph, gone)
    assert isinstance(outcome, Narrowed), outcome
    return outcome.graph


def _built(graph: LayerGraph) -> keras.Model:
    model = build_model(graph)
    traced = trace_model(model)
    assert graph_cost(graph).num_params == model.count_params()
    assert graph_cost(graph) == graph_cost(traced)
    assert _shapes(graph) == _shapes(traced)
    return model


def _shapes(graph: LayerGraph) -> Counter[tuple[str, tuple[TensorSpec, ...]]]:
    """What layers yield; calls bear other names once an earlier one has gone."""
    return Counter((node.layer, node.outputs) for node in graph.nodes)
