"""What is inserted as the identity is the identity in training too, once it is settled."""

import numpy as np
import pytest
from zoo import ZOO

from prune_mi.costs.objective import named_objective
from prune_mi.graph.edit import without_noise
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.forward.forward_pass import forward_function
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.morphisms.catalog import CATALOG, apply
from prune_mi.morphisms.morphism import MorphContext, Morphed
from prune_mi.repair.recalibrate import identity_norms, recalibrate, settled

pytestmark = pytest.mark.slow
CONTEXT = MorphContext(ranking=(), objective=named_objective("accuracy"))


def _inserted(graph: LayerGraph, kinds: list[str], rng: np.random.Generator) -> LayerGraph:
    for kind in kinds:
        outcome = apply(CATALOG[kind], graph, CONTEXT, rng)
        assert isinstance(outcome, Morphed)
        graph = outcome.graph
    return graph


def _outputs(graph: LayerGraph, images: np.ndarray, *, training: bool) -> np.ndarray:
    return np.asarray(
        forward_function(build_model(without_noise(graph)))(images, training=training)
    )


@pytest.mark.parametrize("name", ["chain", "residual", "with_operations"])
@pytest.mark.parametrize("kinds", [["insert-batch-norm"], ["insert-conv", "insert-conv"]])
def test_an_insertion_is_the_identity_in_training_and_in_inference(
    name: str, kinds: list[str]
) -> None:
    rng = np.random.default_rng(0)
    graph = trace_model(ZOO[name]())
    images = rng.normal(size=(32, *graph.spec(graph.inputs[0]).shape[1:])).astype("float32")
    # So that the network does the same in training as in inference, but for what is inserted.
    graph = recalibrate(graph, [images])
    grown = _inserted(graph, kinds, rng)
    assert len(identity_norms(grown)) == len(kinds)
    done = settled(grown, [images])
    assert identity_norms(done) == ()
    for training in (False, True):
        expected = _outputs(graph, images, training=training)
        found = _outputs(done, images, training=training)
        np.testing.assert_allclose(found, expected, atol=2e-3)
    unsettled = _outputs(grown, images, training=True)
    assert np.abs(unsettled - _outputs(graph, images, training=True)).max() > 1e-2


def test_recalibration_leaves_the_identity_to_it() -> None:
    rng = np.random.default_rng(0)
    graph = trace_model(ZOO["residual"]())
    images = rng.normal(size=(32, *graph.spec(graph.inputs[0]).shape[1:])).astype("float32")
    grown = _inserted(graph, ["insert-conv"], rng)
    again = recalibrate(grown, [images])
    assert identity_norms(again) == identity_norms(grown)
    expected = _outputs(recalibrate(graph, [images]), images, training=False)
    np.testing.assert_allclose(_outputs(again, images, training=False), expected, atol=1e-5)
    done = settled(again, [images])
    np.testing.assert_allclose(_outputs(done, images, training=False), expected, atol=1e-4)


def test_where_nothing_was_inserted_nothing_is_done() -> None:
    graph = trace_model(ZOO["residual"]())
    assert settled(graph, []) is graph
