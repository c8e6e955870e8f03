"""Block influence: cosines of what goes in and what comes out, against those of whole tensors."""

import numpy as np
import pytest
from ranking_requests import ranking_request
from zoo import ZOO

from prune_mi.graph.edit import with_outputs, with_weights
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.information.criteria.block_influence import block_influence
from prune_mi.keras_io.forward.forward_pass import forward_function
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model

pytestmark = pytest.mark.slow


def _images(graph: LayerGraph) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    shape = graph.spec(graph.inputs[0]).shape[1:]
    return rng.normal(size=(40, *shape)).astype("float32"), np.arange(40) % 2


def _values(graph: LayerGraph, ref: TensorRef, images: np.ndarray) -> np.ndarray:
    run = forward_function(build_model(with_outputs(graph, [ref])))
    return np.asarray(run(images, training=False), dtype=np.float64).reshape(len(images), -1)


@pytest.mark.parametrize("name", ["residual", "parallel", "concatenated", "with_operations"])
def test_it_is_one_minus_the_mean_cosine(name: str) -> None:
    graph = trace_model(ZOO[name]())
    images, labels = _images(graph)
    request = ranking_request(graph, images, labels)
    scores = block_influence(request)
    for site, gain in zip(request.sites, scores.gains, strict=True):
        behind = _values(graph, site.after, images)
        if site.kind == "part":
            node = graph.node_by_name[site.after.node]
            squares = [np.square(_values(graph, ref, images)).sum(1) for ref in node.inputs]
            rest = sum(squares) - squares[site.position or 0]
            cosines = np.sqrt(rest / sum(squares))
        else:
            before = _values(graph, site.before, images)
            lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(behind, axis=1)
            cosines = (before * behind).sum(axis=1) / lengths
        # What is wider than 256 is projected: an angle is kept to about 1 / 16.
        assert gain == pytest.approx(1 - cosines.mean(), abs=0.1), site.name
        assert 0 <= gain <= 2


def test_what_changes_nothing_has_no_influence() -> None:
    graph = trace_model(ZOO["residual"]())
    request = ranking_request(graph, *_images(graph))
    site = next(each for each in request.sites if each.kind == "branch")
    last = graph.layer_of(graph.node_by_name[site.nodes[-2]])  # the last is the sum
    silent = with_weights(graph, {last.name: tuple(np.zeros_like(each) for each in last.weights)})
    images, labels = _images(silent)
    scores = block_influence(ranking_request(silent, images, labels))
    found = {each.name: gain for each, gain in zip(request.sites, scores.gains, strict=True)}
    assert found[site.name] == pytest.approx(0, abs=1e-6)
    assert max(found.values()) > 1e-3
