"""Models that this process has been asked about: building and compiling one takes seconds.

A run asks the same few models again and again: the original about several sets of images, and the
same architecture with other batch-norm statistics or with weights that were trained. Those are
built once, and get their weights each time.
"""

import hashlib
import json
from collections import OrderedDict
from typing import Any

import numpy as np

from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.model_graph.build import build_model, set_weights
from prune_mi.measure.predictor import Predictor

_MOST, _MOST_BYTES = 2, 2**28
_KEPT: OrderedDict[str, Predictor] = OrderedDict()


def kept_predictor(graph: LayerGraph) -> Predictor:
    """A predictor of a graph, from now until this is called again.

    Large models, and those with layers whose weights alone do not say what they compute, are built
    each time.

    Raises:
        GraphError: If the graph cannot be built.
    """
    num_bytes = sum(w.nbytes for each in graph.layers.values() for w in each.weights)
    simple = all(_keeps_its_state_in_weights(each.serialized) for each in graph.layers.values())
    if not simple or _MOST * num_bytes > _MOST_BYTES:
        return Predictor(build_model(graph))
    key = architecture_digest(graph)
    predictor = _KEPT.pop(key, None)
    if predictor is None:
        predictor = Predictor(build_model(graph))
    else:
        set_weights({each.name: each for each in predictor.model.operations}, graph)
    _KEPT[key] = predictor
    while len(_KEPT) > _MOST:
        _KEPT.popitem(last=False)
    return predictor


def architecture_digest(graph: LayerGraph) -> str:
    """A text that is the same for two graphs that differ in their weights alone."""
    layers = [
        [name, each.serialized, [list(weight.shape) for weight in each.weights]]
        for name, each in graph.layers.items()
    ]
    nodes = [[each.name, each.layer, each.args, each.kwargs, each.outputs] for each in graph.nodes]
    ends = [graph.inputs, graph.outputs, graph.input_structure, graph.output_structure]
    text = json.dumps([layers, nodes, ends], default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _keeps_its_state_in_weights(serialized: Any) -> bool:
    """Whether a layer computes with its weights alone, so that new ones are all that it needs.

    Normalization computes with constants made of them, and nobody knows what a user's own layer
    does.
    """
    module = str(serialized.get("module") or "")
    return module.split(".")[0] == "keras" and serialized.get("class_name") != "Normalization"


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        data = np.ascontiguousarray(value)
        return [data.dtype.str, data.shape, hashlib.sha256(data.tobytes()).hexdigest()]
    return repr(value)
