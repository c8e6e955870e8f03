"""Morphisms that keep a network's function: outputs are equal, in inference and in training."""

from collections.abc import Sequence

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zoo import ZOO

from prune_mi.costs.objective import named_objective
from prune_mi.graph.edit import validate_graph, with_config, with_weights
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.traits import DROPOUTS
from prune_mi.keras_io.forward.forward_pass import forward_function
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.morphisms.catalog import CATALOG, apply
from prune_mi.morphisms.morphism import MorphContext, Morphed

pytestmark = pytest.mark.slow
CONTEXT = MorphContext(ranking=(), objective=named_objective("accuracy"))
KEEPING = ("widen-conv", "widen-dense", "skip-add", "skip-concat", "insert-block")
NAMES = [name for name in ZOO if name != "multi_output"]
_GRAPHS: dict[str, LayerGraph] = {}


def _graph(name: str) -> LayerGraph:
    """A traced network whose batch norms are as after training, so that channels' places matter."""
    if name not in _GRAPHS:
        graph, rng = trace_model(ZOO[name]()), np.random.default_rng(0)
        weights = {
            layer.name: tuple(
                rng.uniform(0.5, 1.5, each.shape).astype("float32") for each in layer.weights
            )
            for layer in graph.layers.values()
            if layer.class_name in ("BatchNormalization", "PReLU")
        }
        _GRAPHS[name] = with_weights(graph, weights)
    return _GRAPHS[name]


def _outputs(graph: LayerGraph, *, training: bool) -> np.ndarray:
    """Outputs on the same images; dropout, which draws, lets everything pass."""
    rates = {
        name: {"rate": 0.0} for name, layer in graph.layers.items() if layer.class_name in DROPOUTS
    }
    size = graph.spec(graph.inputs[0]).shape[1:]
    images = np.random.default_rng(1).normal(size=(4, *size)).astype("float32")
    run = forward_function(build_model(with_config(graph, rates)))
    return np.asarray(run(keras.ops.convert_to_tensor(images), training=training))


def _morphed(graph: LayerGraph, kinds: Sequence[str], rng: np.random.Generator) -> LayerGraph:
    for kind in kinds:
        outcome = apply(CATALOG[kind], graph, CONTEXT, rng)
        graph = outcome.graph if isinstance(outcome, Morphed) else graph
    return validate_graph(graph)


@settings(max_examples=settings.default.max_examples // 4)  # each builds two networks
@given(
    name=st.sampled_from(NAMES),
    kinds=st.lists(st.sampled_from(KEEPING), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
    training=st.booleans(),
)
def test_outputs_stay(name: str, kinds: list[str], seed: int, training: bool) -> None:
    graph = _graph(name)
    changed = _morphed(graph, kinds, np.random.default_rng(seed))
    # bfloat16 has 8 bits: sums in another order are not the same.
    tolerance = 2e-2 if name == "mixed_precision" else 2e-5
    np.testing.assert_allclose(
        _outputs(changed, training=training),
        _outputs(graph, training=training),
        rtol=tolerance,
        atol=tolerance,
    )
