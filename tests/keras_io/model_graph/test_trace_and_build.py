"""Model -> graph -> model: the same outputs, the same weights, the same count."""

import keras
import numpy as np
import pytest
from zoo import ZOO

from prune_mi.errors import GraphError, ModelError
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.edit import with_config
from prune_mi.graph.units.discovery import removable_units
from prune_mi.graph.units.removal import remove_unit
from prune_mi.keras_io.forward.forward_pass import forward_function
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model

pytestmark = pytest.mark.slow


def _outputs(model: keras.Model, images: np.ndarray) -> list[np.ndarray]:
    return [
        np.asarray(each)
        for each in keras.tree.flatten(forward_function(model)(images, training=False))
    ]


@pytest.mark.parametrize("name", ZOO)
def test_a_rebuilt_model_gives_equal_outputs(name: str, rng: np.random.Generator) -> None:
    model = ZOO[name]()
    images = rng.normal(size=(3, *model.inputs[0].shape[1:])).astype("float32")
    rebuilt = build_model(trace_model(model))
    for expected, received in zip(_outputs(model, images), _outputs(rebuilt, images), strict=True):
        np.testing.assert_array_equal(received, expected)


@pytest.mark.parametrize("name", ZOO)
def test_the_graph_counts_as_keras_does(name: str) -> None:
    model = ZOO[name]()
    graph = trace_model(model)
    assert graph_cost(graph).num_params == model.count_params()
    assert trace_model(build_model(graph)).structural_hash() == graph.structural_hash()


@pytest.mark.parametrize("name", ZOO)
def test_every_removable_unit_can_go(name: str, rng: np.random.Generator) -> None:
    model = ZOO[name]()
    graph = trace_model(model)
    images = rng.normal(size=(2, *model.inputs[0].shape[1:])).astype("float32")
    shapes = [each.shape for each in _outputs(model, images)]
    units = removable_units(graph)
    assert units
    for unit in units:
        slimmed = build_model(remove_unit(graph, unit))
        assert [each.shape for each in _outputs(slimmed, images)] == shapes, unit.name


def test_a_model_with_named_outputs_still_returns_them_by_name() -> None:
    rebuilt = build_model(trace_model(ZOO["multi_output"]()))
    outputs = rebuilt(np.zeros((1, 8, 8, 2), "float32"))
    assert sorted(outputs) == ["coarse", "fine"]


def test_frozen_flags_and_names_survive() -> None:
    model = ZOO["residual"]()
    model.layers[1].trainable = False
    rebuilt = build_model(trace_model(model))
    assert [layer.name for layer in rebuilt.layers] == [layer.name for layer in model.layers]
    assert [layer.trainable for layer in rebuilt.layers] == [
        layer.trainable for layer in model.layers
    ]


def test_inner_models_are_laid_out_flat_under_their_own_names() -> None:
    names = set(trace_model(ZOO["nested"]()).layers)
    assert {"conv", "backbone_conv", "norm", "dense"} <= names
    shared = trace_model(ZOO["shared_nested"]())
    calls = [node.layer for node in shared.nodes]
    (conv,) = {name for name in calls if calls.count(name) == 4}
    assert shared.layers[conv].class_name == "Conv2D"


def test_a_subclassed_model_is_refused() -> None:
    class NotApplicable(keras.Model):
        def call(self, x: object) -> object:
            return x

    with pytest.raises(ModelError, match="expected a Functional or Sequential model"):
        trace_model(NotApplicable())


def test_a_graph_that_keras_refuses_is_a_graph_error() -> None:
    graph = trace_model(ZOO["chain"]())
    conv = next(name for name, layer in graph.layers.items() if layer.class_name == "Conv2D")
    with pytest.raises(GraphError, match="cannot build the graph"):
        build_model(with_config(graph, {conv: {"filters": -1}}))


def test_building_leaves_the_graph_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    from_config = keras.layers.Conv2D.from_config

    def changing(config: dict[str, object]) -> keras.layers.Layer:
        layer = from_config(dict(config))
        config["filters"] = "used up"  # as Lambda does with its function
        return layer

    monkeypatch.setattr(keras.layers.Conv2D, "from_config", changing)
    graph = trace_model(ZOO["chain"]())
    build_model(graph)
    build_model(graph)
