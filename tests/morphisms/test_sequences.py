"""Whatever sequence of morphisms is drawn, the graph stays sound and its model runs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zoo import ZOO

from prune_mi.costs.objective import named_objective
from prune_mi.graph.edit import validate_graph
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.units.discovery import find_units
from prune_mi.keras_io.forward.forward_pass import forward_function
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.morphisms.catalog import CATALOG, morph
from prune_mi.morphisms.morphism import MorphContext, SiteScore
from prune_mi.repair.recalibrate import recalibrate
from prune_mi.repair.refit import repaired

pytestmark = pytest.mark.slow
_GRAPHS: dict[str, LayerGraph] = {}


def _graph(name: str) -> LayerGraph:
    if name not in _GRAPHS:
        _GRAPHS[name] = trace_model(ZOO[name]())
    return _GRAPHS[name]


@settings(max_examples=settings.default.max_examples // 4)
@given(
    name=st.sampled_from([name for name in ZOO if name != "multi_output"]),
    seed=st.integers(0, 2**32 - 1),
    num_morphs=st.integers(1, 8),
    objective=st.sampled_from(["macs", "params", "accuracy"]),
)
def test_random_morphs_give_models_that_run(
    name: str, seed: int, num_morphs: int, objective: str
) -> None:
    graph = _graph(name)
    before = graph.structural_hash()
    ranking = [SiteScore(unit.name, 0.0, 0.0) for unit in find_units(graph)]
    changed, records = morph(
        graph,
        num_morphs=num_morphs,
        mix=dict.fromkeys(CATALOG, 1.0),
        context=MorphContext(ranking, named_objective(objective)),
        rng=np.random.default_rng(seed),
    )
    assert 1 <= len(records) <= num_morphs  # fewer where no site is left
    assert graph.structural_hash() == before
    validate_graph(changed)
    images = np.zeros((2, *graph.spec(graph.inputs[0]).shape[1:]), "float32")
    outputs = np.asarray(forward_function(build_model(changed))(images, training=False))
    assert outputs.shape == (2, 3)
    assert np.isfinite(outputs).all()
    last = changed.layer_of(changed.node_by_name[changed.outputs[0].node])
    if last.config.get("activation") == "softmax":
        np.testing.assert_allclose(outputs.sum(axis=1), 1.0, atol=1e-5)


_REMOVING = ("remove-at-random", "remove-skip", "narrow")
_GROWING = ("widen-conv", "widen-dense", "skip-add", "skip-concat")


@settings(max_examples=settings.default.max_examples // 8)
@given(
    name=st.sampled_from(["residual", "concatenated", "densely_connected", "parallel", "chain"]),
    kinds=st.lists(st.sampled_from(_REMOVING + _GROWING), min_size=2, max_size=5),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_loses_and_gains_channels_in_one_child_is_repaired(
    name: str, kinds: list[str], seed: int
) -> None:
    graph, rng = _graph(name), np.random.default_rng(seed)
    images = rng.normal(size=(16, *graph.spec(graph.inputs[0]).shape[1:])).astype("float32")
    graph = changed = recalibrate(graph, [images])
    context = MorphContext((), named_objective("accuracy"))
    for kind in kinds:
        changed, _ = morph(changed, num_morphs=1, mix={kind: 1.0}, context=context, rng=rng)
    fitted = repaired(graph, changed, images, rng=rng)
    validate_graph(fitted)
    assert fitted.structural_hash() == changed.structural_hash()
    assert np.isfinite(
        np.asarray(forward_function(build_model(fitted))(images, training=False))
    ).all()
    if not set(kinds) & set(_REMOVING):  # nothing was lost, so nothing is to be made good
        for layer in changed.layers.values():
            for old, new in zip(layer.weights, fitted.layers[layer.name].weights, strict=True):
                if layer.class_name != "BatchNormalization":  # whose statistics are those of images
                    np.testing.assert_allclose(new, old, atol=1e-3)
