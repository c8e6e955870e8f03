"""Inserted identities are numerically the identity."""

import numpy as np
import pytest
from zoo import ZOO

from prune_mi.keras_io.build import build_model
from prune_mi.keras_io.trace import trace_model
from prune_mi.morphisms.catalog import CATALOG
from prune_mi.morphisms.morphism import MorphContext, Morphed, NoSite

pytestmark = pytest.mark.slow
CONTEXT = MorphContext(ranking=(), objective="accuracy")


@pytest.mark.parametrize("kind", ["insert-conv", "insert-batch-norm", "insert-dropout"])
@pytest.mark.parametrize("name", ["residual", "chain", "with_operations"])
@pytest.mark.parametrize("seed", range(3))
def test_an_insertion_keeps_the_outputs(kind: str, name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = trace_model(ZOO[name]())
    outcome = CATALOG[kind].apply(graph, CONTEXT, rng)
    assert isinstance(outcome, Morphed)
    assert len(outcome.graph.nodes) == len(graph.nodes) + len(outcome.record.layers)
    images = rng.normal(size=(4, 8, 8, 2)).astype("float32")
    expected = np.asarray(build_model(graph)(images, training=False))
    received = np.asarray(build_model(outcome.graph)(images, training=False))
    np.testing.assert_allclose(received, expected, atol=2e-6)


def test_a_graph_without_a_site_says_why() -> None:
    graph = trace_model(ZOO["concatenated"]())
    outcome = CATALOG["remove-dropout"].apply(graph, CONTEXT, np.random.default_rng(0))
    assert outcome == NoSite("the graph has no dropout layer")
