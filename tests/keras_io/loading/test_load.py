"""Files of Keras 2 and 3: what opens, with which outputs, names and flags; what is refused."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from zoo import ZOO

from prune_mi.equivalence import relative_difference
from prune_mi.errors import ModelError
from prune_mi.keras_io.forward.forward_pass import input_structure, outputs_of
from prune_mi.keras_io.loading import load
from prune_mi.keras_io.loading.load import LoadedModel, load_model
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.keras_io.saving.compiling import compile_like
from prune_mi.keras_io.upgrade.rewriting import ACTIVATIONS, LAYERS

pytestmark = pytest.mark.slow
Open = Callable[..., LoadedModel]
REBUILT = (
    *("mobile", "nested", "backbone", "backbone_folder", "ends", "many_layers", "arithmetic"),
    *(
        "half",
        "custom",
        "flat_apart",
        "mobile_apart",
        "digits",
        "backbone_old",
        "hard",
        "hard_flat",
    ),
    *("states", "masked", "floats_as_indices", "lookup"),
)


def _require_equal(model: keras.Model, file: Any, tolerance: float = 1e-5) -> None:
    inputs, expected = file.answer
    asked = keras.tree.pack_sequence_as(input_structure(model), inputs)
    received = outputs_of(model, asked)
    assert relative_difference(received, expected) < tolerance


@pytest.mark.parametrize("name", REBUILT)
def test_what_keras_2_alone_opens_is_rebuilt_with_equal_outputs(
    open_old: Open, old_files: dict[str, Any], name: str
) -> None:
    loaded = open_old(name)
    assert not loaded.as_it_is
    assert loaded.difference is not None
    assert "was rebuilt layer by layer" in loaded.notes[-1]
    assert not any(isinstance(layer, keras.Model) for layer in loaded.model.layers)
    if name != "digits":  # its answer is from before it was trained
        _require_equal(loaded.model, old_files[name], 1e-2 if name == "half" else 1e-5)


def test_a_flat_h5_of_keras_2_is_opened_without_keras_2(
    old_files: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(load, "describe_with_keras2")
    loaded = load_model(old_files["flat"].path)
    assert loaded.as_it_is
    assert (loaded.difference, loaded.notes) == (None, ())
    assert loaded.written_by.startswith("2.")
    _require_equal(loaded.model, old_files["flat"])


@pytest.mark.filterwarnings("ignore:Argument `alpha` is deprecated")
def test_so_is_one_of_all_layers_by_which_both_mean_the_same(
    old_files: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(load, "describe_with_keras2")
    loaded = load_model(old_files["agreeing"].path)
    assert loaded.as_it_is
    _require_equal(loaded.model, old_files["agreeing"])
    classes = {type(layer).__name__ for layer in loaded.model.layers}
    assert classes == LAYERS
    settings = [layer.get_config() for layer in loaded.model.layers]
    found = {each["activation"] for each in settings if "activation" in each}
    assert found == ACTIVATIONS - {"swish"}  # which Keras 3 calls silu


def test_it_is_compared_where_that_is_not_known(open_old: Open, old_files: dict[str, Any]) -> None:
    loaded = open_old("unlisted")
    assert loaded.as_it_is
    assert loaded.difference is not None and loaded.difference < 1e-5
    _require_equal(loaded.model, old_files["unlisted"])


def test_hard_sigmoid_is_split_off(open_old: Open) -> None:
    loaded = open_old("hard_flat")
    assert "opens the file directly, but the outputs differ" in loaded.notes[0]
    model = open_old("hard").model
    assert isinstance(model.get_layer("bare"), keras.layers.ReLU)
    assert model.get_layer("fused").activation is keras.activations.linear
    assert isinstance(model.get_layer("shared_hard_sigmoid"), keras.layers.ReLU)
    graph = trace_model(model)
    assert len([node for node in graph.nodes if node.layer == "shared_hard_sigmoid"]) == 2


@pytest.mark.parametrize("name", ["flat", "chain"])
def test_it_is_compared_with_keras_2_where_that_is_asked(open_old: Open, name: str) -> None:
    loaded = open_old(name, verify=True)
    assert loaded.as_it_is
    assert loaded.difference is not None and loaded.difference < 1e-5


def test_a_wrong_model_of_keras_3_is_not_taken(
    open_old: Open, old_files: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_wrongly(file: Any, trust: Any) -> keras.Model:
        model = keras.models.load_model(file.path, compile=False)
        model.set_weights([weight + 0.01 for weight in model.get_weights()])
        return model

    monkeypatch.setattr(load, "open_with_keras3", open_wrongly)
    loaded = open_old("flat", verify=True)
    assert not loaded.as_it_is
    assert "that model was not used" in loaded.notes[0]
    _require_equal(loaded.model, old_files["flat"])


def test_a_wrong_rebuilt_model_is_refused(open_old: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    original = load.rebuild

    def rebuild_wrongly(old: Any) -> keras.Model:
        model = original(old)
        model.set_weights([weight + 0.01 for weight in model.get_weights()])
        return model

    monkeypatch.setattr(load, "rebuild", rebuild_wrongly)
    with pytest.raises(ModelError, match=r"its outputs differ from those of Keras 2 by 0\.\d+"):
        open_old("mobile")


def test_names_are_kept_and_made_unique_by_the_inner_models(open_old: Open) -> None:
    names = [operation.name for operation in open_old("nested").model.operations]
    inner = {"norm", "inner_conv", "drop", "last", "act", "first"}
    assert set(names) == {"image", "conv", *inner, "sum", "pool", "classes"}
    assert open_old("nested").model.name == "outer"
    assert "a_slash" in [layer.name for layer in open_old("many_layers").model.layers]


def test_a_model_that_is_called_twice_is_its_layers_called_twice(open_old: Open) -> None:
    graph = trace_model(open_old("nested").model)
    calls = [node for node in graph.nodes if node.layer == "inner_conv"]
    assert len(calls) == 2
    assert graph.layers["inner_conv"].num_params == 4 * 4 * 9 + 4


def test_training_false_reaches_the_layers_that_take_it(open_old: Open) -> None:
    graph = trace_model(open_old("nested").model)
    said = {node.name: node.kwargs.get("training") for node in graph.nodes}
    assert [said["norm"], said["norm:1"]] == [None, False]
    assert said["drop:1"] is False
    assert said["inner_conv:1"] is None


def test_frozen_layers_stay_frozen(open_old: Open) -> None:
    flags = {layer.name: layer.trainable for layer in open_old("nested").model.layers}
    assert [name for name, trainable in flags.items() if not trainable] == ["first"]
    flags = {layer.name: layer.trainable for layer in open_old("backbone").model.layers}
    assert [name for name, trainable in flags.items() if trainable][-2:] == ["flat", "classes"]
    assert sum(not trainable for trainable in flags.values()) == 6


def test_dtype_policies_are_kept(open_old: Open) -> None:
    policies = {layer.name: layer.dtype_policy.name for layer in open_old("half").model.layers}
    assert policies["depthwise"] == "mixed_float16"
    assert policies["classes"] == "float32"


def test_structures_of_inputs_and_outputs_are_kept(open_old: Open) -> None:
    model = open_old("ends").model
    assert [tensor.name for tensor in model.input] == ["left", "right"]
    assert set(model.output) == {"a", "b"}


def test_operations_become_layers_where_there_are_such(open_old: Open) -> None:
    model = open_old("half").model
    assert all(isinstance(each, keras.layers.Layer) for each in model.operations)
    assert isinstance(model.get_layer("tf.nn.relu_1"), keras.layers.ReLU)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("with_code", r"'halve' is a Lambda: Python code.*--allow-unsafe"),
        ("unknown_operation", r"calls TensorFlow's 'math\.bessel_i0'"),
        ("unknown_layer", r"'local' is a 'LocallyConnected2D'.*--custom-objects"),
        ("random", "different outputs for the same inputs"),
        ("hard_inside", r"'steps' \(ConvLSTM2D\) has recurrent_activation='hard_sigmoid'.*inside"),
    ],
)
def test_refused_for_the_stated_reason(open_old: Open, name: str, reason: str) -> None:
    with pytest.raises(ModelError, match=rf"cannot open .*{name}\.h5: .*{reason}"):
        open_old(name)


def test_a_saved_model_that_keras_did_not_write(old_folder: Path) -> None:
    with pytest.raises(ModelError, match=r"without Keras's metadata.*model\.save"):
        load_model(old_folder / "exported")


def test_a_layer_of_the_users_must_be_made_known(open_old: Open) -> None:
    with pytest.raises(ModelError, match=r"'scale' is a 'tests>Scale'.*--custom-objects"):
        open_old("custom", custom_objects=None)


def test_code_runs_where_that_is_allowed(open_old: Open, old_files: dict[str, Any]) -> None:
    opened: list[LoadedModel] = []
    # What Keras may load is a setting of the thread; it must not last.
    thread = threading.Thread(
        target=lambda: opened.append(open_old("with_code", allow_unsafe=True))
    )
    thread.start()
    thread.join()
    assert opened[0].trust.allow_unsafe
    _require_equal(opened[0].model, old_files["with_code"])


@pytest.mark.parametrize("name", sorted(ZOO))
def test_a_model_of_keras_3_opens_as_it_is(tmp_path: Path, name: str) -> None:
    model = ZOO[name]()
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras", verify=True)
    assert loaded.as_it_is
    assert loaded.written_by == keras.__version__
    inputs = np.ones((2, *model.inputs[0].shape[1:]))
    assert relative_difference(outputs_of(loaded.model, inputs), outputs_of(model, inputs)) == 0


@pytest.mark.parametrize("suffix", [".h5", ".weights.h5"])
def test_weights_of_keras_3_beside_their_architecture(tmp_path: Path, suffix: str) -> None:
    model = ZOO["residual"]()
    (tmp_path / "model.json").write_text(model.to_json())
    path = tmp_path / f"model{suffix}"
    model.save_weights(tmp_path / "model.weights.h5")
    (tmp_path / "model.weights.h5").rename(path)  # what it is called does not matter
    loaded = load_model(path, model_json=tmp_path / "model.json")
    assert not loaded.as_it_is
    images = np.ones((1, 8, 8, 2))
    assert relative_difference(outputs_of(loaded.model, images), outputs_of(model, images)) == 0


def test_what_it_was_compiled_with_comes_along(open_old: Open) -> None:
    loaded = open_old("flat")
    assert loaded.compile_config is not None
    assert loaded.compile_config.loss == "mse"
    assert compile_like(loaded.model, loaded.compile_config) is None
    assert loaded.model.loss == "mse"


def test_weights_alone_need_their_architecture(old_files: dict[str, Any]) -> None:
    for name in ("flat_apart", "mobile_apart"):
        with pytest.raises(ModelError, match=r"holds weights alone.*--model-json model\.json"):
            load_model(old_files[name].path)


def test_no_temporary_folders_are_left(
    old_files: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")  # neither of the two may reach the process
    monkeypatch.setenv("KERAS_BACKEND", "nonsense")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert not load_model(old_files["mobile"].path).as_it_is
    assert list(tmp_path.iterdir()) == []
