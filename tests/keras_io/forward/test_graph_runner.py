"""A graph evaluated call by call gives what its model gives, and so does an edited one."""

import keras
import numpy as np
import pytest
from keras import layers, tree
from zoo import ZOO

from prune_mi.graph.edit import changed_nodes, without_noise
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.units.discovery import find_units, removable_units
from prune_mi.graph.units.removal import remove_unit
from prune_mi.keras_io.forward.forward_pass import forward_function
from prune_mi.keras_io.forward.graph_runner import GraphRunner
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model

pytestmark = pytest.mark.slow


def _fed(graph: LayerGraph, rng: np.random.Generator, count: int = 5) -> dict[TensorRef, object]:
    return {
        ref: rng.normal(size=(count, *graph.spec(ref).shape[1:])).astype("float32")
        for ref in graph.inputs
    }


def _model_outputs(graph: LayerGraph, fed: dict[TensorRef, object]) -> list[np.ndarray]:
    inputs = [fed[ref] for ref in graph.inputs]
    outputs = forward_function(build_model(graph))(
        inputs[0] if len(inputs) == 1 else inputs, training=False
    )
    return [np.asarray(each) for each in tree.flatten(outputs)]


@pytest.mark.parametrize("name", ZOO)
def test_every_tensor_and_every_removal_is_the_models_own(
    name: str, rng: np.random.Generator
) -> None:
    graph = trace_model(ZOO[name]())
    fed = _fed(graph, rng)
    runner = GraphRunner(graph)
    known = runner.run(fed)
    for ref, expected in zip(graph.outputs, _model_outputs(graph, fed), strict=True):
        np.testing.assert_allclose(np.asarray(known[ref]), expected, rtol=1e-5, atol=1e-6)
    units = removable_units(graph)
    assert units
    for unit in units:
        edited = remove_unit(graph, unit)
        (received,) = runner.rerun([edited], known)
        for got, expected in zip(received, _model_outputs(edited, fed), strict=True):
            np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-5, atol=1e-6)


def test_only_what_an_edit_changes_is_computed_again(rng: np.random.Generator) -> None:
    graph = trace_model(ZOO["residual"]())
    unit = next(unit for unit in removable_units(graph) if unit.kind == "branch")
    edited = remove_unit(graph, unit)
    again = {node.name for node in changed_nodes(graph, edited)}
    assert again < {node.name for node in edited.nodes}
    runner = GraphRunner(graph)
    known = runner.run(_fed(graph, rng))
    needed = {
        ref: value
        for ref, value in known.items()
        if ref.node not in again  # had one of these been read, this would be a KeyError
    }
    runner.rerun([edited], needed)


@pytest.mark.parametrize("name", ["residual", "channels_first", "mixed_precision"])
def test_batch_statistics_are_those_of_training(name: str, rng: np.random.Generator) -> None:
    graph = without_noise(trace_model(ZOO[name]()))
    assert any(layer.class_name == "BatchNormalization" for layer in graph.layers.values())
    fed = _fed(graph, rng, count=32)
    known = GraphRunner(graph, batch_statistics=True).run(fed)
    (batch,) = fed.values()
    model = build_model(graph)
    for layer in model.layers:
        layer.trainable = True  # a frozen batch norm keeps to its moving statistics
    outputs = tree.flatten(forward_function(model)(batch, training=True))
    loose = 2e-2 if name == "mixed_precision" else 1e-4
    for ref, expected in zip(graph.outputs, outputs, strict=True):
        found, wanted = (np.asarray(each, np.float32) for each in (known[ref], expected))
        np.testing.assert_allclose(found, wanted, rtol=loose, atol=loose)


@pytest.mark.parametrize("trainable", [True, False])
def test_batch_statistics_undo_a_shift_of_scale(rng: np.random.Generator, trainable: bool) -> None:
    inputs = keras.Input((4, 4, 2))
    x = layers.Rescaling(50.0, offset=7.0, name="shift")(inputs)
    x = layers.BatchNormalization(name="norm", trainable=trainable)(x)
    graph = trace_model(keras.Model(inputs, layers.Flatten()(x)))
    fed = _fed(graph, rng, count=64)
    runner = GraphRunner(graph, batch_statistics=True)
    known = runner.run(fed)
    unit = next(unit for unit in find_units(graph) if unit.name == "shift")
    ((without,),) = runner.rerun([remove_unit(graph, unit)], known)
    np.testing.assert_allclose(
        np.asarray(without), np.asarray(known[graph.outputs[0]]), rtol=1e-2, atol=1e-2
    )
    assert abs(float(np.mean(np.asarray(without)))) < 1e-4


@pytest.mark.parametrize("batch_statistics", [False, True])
@pytest.mark.parametrize("name", ZOO)
def test_edits_side_by_side_give_what_each_gives_by_itself(
    name: str, batch_statistics: bool, rng: np.random.Generator
) -> None:
    graph = trace_model(ZOO[name]())
    runner = GraphRunner(graph, batch_statistics=batch_statistics)
    known = runner.run(_fed(graph, rng, count=8))
    edited = [remove_unit(graph, unit) for unit in removable_units(graph)]
    together = runner.rerun([*edited, graph], known)
    for each, received in zip([*edited, graph], together, strict=True):
        (alone,) = runner.rerun([each], known)
        for got, expected in zip(received, alone, strict=True):
            np.testing.assert_allclose(np.asarray(got), np.asarray(expected), rtol=1e-3, atol=1e-4)
