"""Models of several inputs and outputs: packed, edited, unpacked, and called as before."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from zoo_ends import JUDGED, MANY_ENDED, ONE_UNIT

from prune_mi.costs.objective import named_objective
from prune_mi.data import InputScaling
from prune_mi.graph.interface.packing import Packing, pack, pack_outputs, unpack, unpack_inputs
from prune_mi.graph.units.discovery import find_units, removable_units
from prune_mi.keras_io.forward.forward_pass import input_structure
from prune_mi.keras_io.forward.graph_runner import GraphRunner
from prune_mi.keras_io.loading.load import load_model
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import named_ends, trace_model
from prune_mi.keras_io.saving.compiling import compile_like
from prune_mi.keras_io.saving.save import save_verified
from prune_mi.measure.predictor import predict
from prune_mi.morphisms.catalog import CATALOG, morph
from prune_mi.morphisms.morphism import MorphContext, SiteScore
from prune_mi.preparation.interface import read_interface

pytestmark = pytest.mark.slow
PLAIN = InputScaling("none", None, None)
MODELS = MANY_ENDED | ONE_UNIT
HALVES = ("half_precision", "one_squeezed_operation")
_PACKED: dict[str, tuple[keras.Model, Packing]] = {}


def _packed(name: str) -> tuple[keras.Model, Packing]:
    if name not in _PACKED:
        model = MODELS[name]()
        judged = read_interface(model, JUDGED[name]).judged
        _PACKED[name] = model, pack(trace_model(model), judged=judged)
    return _PACKED[name]


def _rows(packing: Packing, count: int = 3) -> np.ndarray:
    """Whole numbers from 0 to 2, which every kind of input may be."""
    size = packing.graph.spec(packing.graph.inputs[0]).shape[1:]
    numbers = np.random.default_rng(0).integers(0, 3, (count, *size))
    return numbers.astype("float32")


@pytest.mark.parametrize("name", MODELS)
def test_a_packed_model_answers_as_the_original_does(name: str) -> None:
    model, packing = _packed(name)
    rows = _rows(packing)
    expected = pack_outputs(model(unpack_inputs(rows, packing), training=False), packing)
    received = predict(build_model(packing.graph), rows, PLAIN)
    np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-6)
    known = GraphRunner(packing.graph).run({packing.graph.inputs[0]: rows})
    output = np.asarray(known[packing.graph.outputs[0]])
    np.testing.assert_allclose(
        output,
        expected,
        rtol=1e-2 if name in HALVES else 1e-5,
        atol=1e-2 if name in HALVES else 1e-5,
    )
    assert output.shape[1] == expected.shape[1]


@pytest.mark.parametrize("name", MODELS)
def test_packing_and_unpacking_is_the_identity(name: str) -> None:
    model, packing = _packed(name)
    back = unpack(packing.graph, packing)
    assert back.nodes == packing.original.nodes
    assert back.structural_hash() == packing.original.structural_hash()
    rebuilt = build_model(back)
    inputs = unpack_inputs(_rows(packing), packing)
    _require_same_signature(model, rebuilt)
    for expected, received in zip(
        keras.tree.flatten(model(inputs)), keras.tree.flatten(rebuilt(inputs)), strict=True
    ):
        np.testing.assert_array_equal(np.asarray(received), np.asarray(expected))


def _require_same_signature(model: keras.Model, rebuilt: keras.Model) -> None:
    assert _described(input_structure(rebuilt)) == _described(input_structure(model))
    assert _described(rebuilt.output) == _described(model.output)
    assert rebuilt.output_names == model.output_names
    assert [each.name for each in rebuilt.inputs] == [each.name for each in model.inputs]


def _described(structure: Any) -> Any:
    if isinstance(structure, Mapping):
        return {key: _described(value) for key, value in structure.items()}
    if isinstance(structure, list | tuple):
        return [_described(value) for value in structure]
    return tuple(structure.shape), str(structure.dtype)


@settings(max_examples=settings.default.max_examples // 8)
@example(name="by_name", seed=25400, num_morphs=4)  # an output that adds up what is left alike
@given(
    name=st.sampled_from(list(MODELS)),
    seed=st.integers(0, 2**32 - 1),
    num_morphs=st.integers(1, 6),
)
def test_random_morphs_leave_every_end_in_its_place(name: str, seed: int, num_morphs: int) -> None:
    model, packing = _packed(name)
    ranking = [SiteScore(unit.name, 0.0, 0.0) for unit in find_units(packing.graph)]
    changed, _ = morph(
        packing.graph,
        num_morphs=num_morphs,
        mix=dict.fromkeys(CATALOG, 1.0),
        context=MorphContext(ranking, named_objective("macs")),
        rng=np.random.default_rng(seed),
    )
    assert packing.graph.protected <= changed.layers.keys()
    built = build_model(unpack(changed, packing))
    _require_same_signature(model, built)
    inputs = unpack_inputs(_rows(packing, 2), packing)
    answered = pack_outputs(built(inputs, training=False), packing)
    received = predict(build_model(changed), _rows(packing, 2), PLAIN)
    np.testing.assert_allclose(answered, received, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_something_can_go_but_no_end(name: str) -> None:
    _, packing = _packed(name)
    units = removable_units(packing.graph)
    assert units or name == "half_precision"
    going = {packing.graph.node_by_name[each].layer for unit in units for each in unit.nodes}
    assert not going & packing.graph.protected


def test_names_and_shapes_are_keras_own() -> None:
    model = MANY_ENDED["by_name"]()
    inputs, outputs = named_ends(model)
    graph = trace_model(model)
    assert [name for name, _ in inputs] == [ref.node for ref in graph.inputs]
    assert sorted(name for name, _ in outputs) == sorted(model.output_names)
    assert [spec for _, spec in outputs] == [graph.spec(ref) for ref in graph.outputs]


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("form", ["by name", "in order"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
def test_losses_and_metrics_of_several_outputs_survive(
    tmp_path: Path, suffix: str, form: str
) -> None:
    heads = MANY_ENDED["two_heads"]()
    model = heads
    losses = {"kind": "sparse_categorical_crossentropy", "colour": keras.losses.Huber(2.0)}
    metrics = {"kind": ["accuracy"], "colour": ["mean_absolute_error"]}
    weights = {"kind": 1.0, "colour": 0.25}
    if form == "by name":
        model.compile("adam", losses, metrics=metrics, loss_weights=weights)
    else:
        model = keras.Model(heads.input, [heads.output[name] for name in losses])
        parts = [list(each.values()) for each in (losses, metrics, weights)]
        model.compile("adam", parts[0], metrics=parts[1], loss_weights=parts[2])
    images = np.random.default_rng(0).normal(size=(6, 8, 8, 2)).astype("float32")
    wanted: Any = {"kind": np.arange(6) % 3, "colour": np.ones((6, 2), "float32")}
    if form == "in order":
        wanted = list(wanted.values())
    expected = model.evaluate(images, wanted, verbose=0, return_dict=True)
    model.save(tmp_path / f"model{suffix}")
    loaded = load_model(tmp_path / f"model{suffix}")
    graph = trace_model(loaded.model)
    packing = pack(graph, judged=read_interface(loaded.model, "kind").judged)
    result = build_model(unpack(packing.graph, packing))
    assert compile_like(result, loaded.compile_config) is None
    save_verified(result, tmp_path / f"best{suffix}", images)
    again = keras.models.load_model(tmp_path / f"best{suffix}")
    received = again.evaluate(images, wanted, verbose=0, return_dict=True)
    assert received == pytest.approx(expected, rel=1e-5)
