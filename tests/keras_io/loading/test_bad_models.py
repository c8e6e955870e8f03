"""Files that look like models until Keras opens them: refused with the reason, and without harm."""

import base64
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from zoo import ZOO

from prune_mi.errors import ModelError
from prune_mi.keras_io.loading.load import load_model

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of these are refused before Keras 2 is asked."""
    from prune_mi.keras_io.loading import load

    monkeypatch.delattr(load, "describe_with_keras2")


def _keras2_h5(path: Path, *layers: dict[str, Any], functional: bool = False) -> Path:
    config: dict[str, Any] = {"name": "m", "layers": list(layers)}
    if functional:
        config |= {"input_layers": [["in", 0, 0]], "output_layers": [["out", 0, 0]]}
    model = {"class_name": "Functional" if functional else "Sequential", "config": config}
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(model)
        file.attrs["keras_version"] = "2.12.0"
        file.attrs["backend"] = "tensorflow"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = []
    return path


def _layer(class_name: str, name: str, calls: Any = None, **config: Any) -> dict[str, Any]:
    entry = {"class_name": class_name, "config": {"name": name, **config}, "name": name}
    return entry if calls is None else {**entry, "inbound_nodes": calls}


def _input(name: str = "in", **more: Any) -> dict[str, Any]:
    return _layer("InputLayer", name, batch_input_shape=[None, 1000], dtype="float32", **more)


def test_an_architecture_of_terabytes(tmp_path: Path) -> None:
    path = _keras2_h5(
        tmp_path / "m.h5",
        _input(),
        _layer("Dense", "wide", units=10**7),
        _layer("Dense", "wider", units=10**7),
    )
    with pytest.raises(ModelError, match=r"asks for 100,01[\d,]{12,} weights, and the file holds"):
        load_model(path)


def test_an_architecture_of_terabytes_of_keras_3(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    ZOO["chain"]().save(path)
    changed = tmp_path / "n.keras"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                data = data.replace(b'"units": 3', b'"units": 300000000000')
            new.writestr(name, data)
    with pytest.raises(ModelError, match=r"asks for [\d,]{15,} weights, and the file holds"):
        load_model(changed)


def test_a_cycle(tmp_path: Path) -> None:
    path = _keras2_h5(
        tmp_path / "m.h5",
        _input(calls=[]),
        _layer("Dense", "a", [[["out", 0, 0, {}]]], units=3),
        _layer("Dense", "out", [[["a", 0, 0, {}]]], units=3),
        functional=True,
    )
    with pytest.raises(ModelError, match=r"cannot open .*m\.h5: .*a cycle through 'a', 'out'"):
        load_model(path)


def test_a_graph_that_is_cut(tmp_path: Path) -> None:
    path = _keras2_h5(
        tmp_path / "m.h5",
        _input(calls=[]),
        _layer("Dense", "out", [[["gone", 0, 0, {}]]], units=3),
        functional=True,
    )
    with pytest.raises(ModelError, match="'out' reads from 'gone'"):
        load_model(path)


def test_no_weights(tmp_path: Path) -> None:
    inputs = keras.Input((4,))
    path = tmp_path / "m.keras"
    keras.Model(inputs, keras.layers.ReLU()(inputs)).save(path)
    with pytest.raises(ModelError, match=r"m\.keras has no weights; expected a trained model"):
        load_model(path)


def test_a_lambda_of_keras_3(tmp_path: Path) -> None:
    inputs = keras.Input((4,))
    path = tmp_path / "m.keras"
    keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1, name="more")(inputs)).save(path)
    with pytest.raises(ModelError, match="'more' is a Lambda: Python code in the model file"):
        load_model(path)


def _cut(code: str) -> str:
    raw = base64.b64decode(code)
    return base64.b64encode(raw[: len(raw) // 2]).decode()


def test_a_lambda_of_another_python(tmp_path: Path) -> None:
    inputs = keras.Input((4,))
    x = keras.layers.Lambda(lambda x: x + 1, name="more")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    config = json.loads(model.to_json())
    function = config["config"]["layers"][1]["config"]["function"]["config"]
    path, model_json = tmp_path / "m.weights.h5", tmp_path / "m.json"
    model.save_weights(path)
    model_json.write_text(json.dumps(config))
    load_model(path, model_json=model_json, allow_unsafe=True)
    function["code"] = _cut(function["code"])
    model_json.write_text(json.dumps(config))
    with pytest.raises(
        ModelError, match=r"'more' .* compiled by another version of Python; this one"
    ):
        load_model(path, model_json=model_json, allow_unsafe=True)
    layer = _layer("Lambda", "more", function=[_cut("4wEAAAAAAAAAAAAAAAIAAAAD"), None, None])
    with pytest.raises(ModelError, match=r"'more' .* compiled by another version of Python"):
        load_model(_keras2_h5(tmp_path / "m.h5", _input(), layer), allow_unsafe=True)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_operations_in_hdf5(tmp_path: Path) -> None:
    inputs = keras.Input((4,))
    x = keras.layers.LSTM(3)(keras.layers.Embedding(9, 2, mask_zero=True)(inputs))
    keras.Model(inputs, x).save(tmp_path / "m.h5")
    with pytest.raises(ModelError, match=r"operation NotEqual of keras\.ops, .* as \.keras"):
        load_model(tmp_path / "m.h5")


def test_code_in_another_place(tmp_path: Path) -> None:
    code = {"class_name": "__lambda__", "config": {"value": "Y29kZQ=="}}
    layer = _layer("Dense", "d", units=3, activation=code)
    with pytest.raises(ModelError, match="Python code in the model file"):
        load_model(_keras2_h5(tmp_path / "m.h5", _input(), layer))


@pytest.mark.parametrize("function", ["io.write_file", "py_function", "compat.v1.py_func", ""])
def test_functions_of_tensorflow_that_do_more_than_compute(tmp_path: Path, function: str) -> None:
    layer = _layer("TFOpLambda", "tf.evil", function=function)
    with pytest.raises(ModelError, match=f"'tf.evil' calls TensorFlow's '{function}'"):
        load_model(_keras2_h5(tmp_path / "m.h5", _input(), layer))


def test_a_module_that_the_file_names_is_not_imported(tmp_path: Path) -> None:
    layer = {**_layer("system", "os"), "module": "os", "registered_name": "system"}
    with pytest.raises(ModelError, match=r"is a 'system', .*--custom-objects"):
        load_model(_keras2_h5(tmp_path / "m.h5", _input(), layer))


@pytest.mark.parametrize("config", ["x", None, [1]])
def test_an_operation_whose_configuration_is_none(tmp_path: Path, config: Any) -> None:
    layer = {**_layer("TFOpLambda", "tf.evil"), "config": config}
    with pytest.raises(ModelError, match=r"'tf\.evil' calls TensorFlow's ''"):
        load_model(_keras2_h5(tmp_path / "m.h5", _input(), layer))


@pytest.mark.parametrize("registered_name", [[], {}, 3])
def test_a_registered_name_that_is_no_name(tmp_path: Path, registered_name: Any) -> None:
    layer = {**_layer("Mine", "odd"), "module": "mine", "registered_name": registered_name}
    with pytest.raises(ModelError, match=r"'odd' is a 'Mine'.*--custom-objects"):
        load_model(_keras2_h5(tmp_path / "m.h5", _input(), layer))


@pytest.mark.parametrize("error", [AttributeError, KeyError, RecursionError, TypeError])
def test_an_architecture_with_things_in_the_wrong_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    from prune_mi.keras_io.loading import load

    def stumble(config: Any) -> None:
        raise error("over something")

    monkeypatch.setattr(load, "require_valid_graph", stumble)
    path = _keras2_h5(tmp_path / "m.h5", _input(), _layer("Dense", "out", units=3))
    with pytest.raises(ModelError, match=r"cannot open .*m\.h5: its architecture is damaged"):
        load_model(path)


@pytest.mark.parametrize("class_name", ["TensorFlowOpLayer", "InstanceMethod"])
def test_other_wrappers_of_tensorflow(tmp_path: Path, class_name: str) -> None:
    layer = {
        **_layer(class_name, "wrapped", node_def={"op": "WriteFile"}),
        "module": "keras.layers",
    }
    with pytest.raises(ModelError, match=f"'wrapped' is a {class_name}: a TensorFlow operation"):
        load_model(_keras2_h5(tmp_path / "m.h5", _input(), layer))


@pytest.mark.parametrize("module", ["builtins", "keras.utils", "os"])
def test_functions_that_no_layer_takes(tmp_path: Path, module: str) -> None:
    function = {"class_name": "function", "config": "system", "module": module}
    layer = _layer("Dense", "d", units=3, activation=function)
    with pytest.raises(ModelError, match=r"system', which is not one of .*--custom-objects"):
        load_model(_keras2_h5(tmp_path / "m.h5", _input(), layer))


@pytest.mark.parametrize("registered_name", ["relu", None])
def test_a_known_function_of_another_module(tmp_path: Path, registered_name: Any) -> None:
    function = {"class_name": "function", "config": "relu", "module": "pmi_evil"}
    function |= {"registered_name": registered_name}
    layer = _layer("Dense", "d", units=3, activation=function)
    with pytest.raises(ModelError, match=r"is a 'pmi_evil\.relu', which is not one of Keras 3's"):
        load_model(_keras2_h5(tmp_path / "m.h5", _input(), layer))


@pytest.mark.parametrize("module", ["keras", "tf_keras", None])
def test_a_class_with_a_dot(tmp_path: Path, module: str | None) -> None:
    layer = {**_layer("layers.Lambda", "odd"), "module": module}
    with pytest.raises(ModelError, match=r"'odd' is a 'layers\.Lambda': Keras never writes a"):
        load_model(_keras2_h5(tmp_path / "m.h5", _input(), layer))


@pytest.mark.parametrize("class_name", ["IntegerLookup", "StringLookup", "TextVectorization"])
def test_a_vocabulary_in_another_file(tmp_path: Path, class_name: str) -> None:
    layer = _layer(class_name, "words", vocabulary="/etc/passwd")
    with pytest.raises(ModelError, match=r"'words' takes its vocabulary from .*'/etc/passwd'"):
        load_model(_keras2_h5(tmp_path / "m.h5", _input(), layer))


def test_a_program_in_another_folder(tmp_path: Path) -> None:
    layer = _layer("TFSMLayer", "program", filepath="/tmp/program")
    with pytest.raises(ModelError, match=r"'program' is a TFSMLayer: a program of .*allow-unsafe"):
        load_model(_keras2_h5(tmp_path / "m.h5", _input(), layer))


@pytest.mark.parametrize(
    ("class_name", "mending"),
    [
        ("PruneLowMagnitude", r"strip_pruning"),
        ("QuantizeWrapperV2", r"before quantize_model"),
        ("Mine", r"--custom-objects"),
    ],
)
def test_unknown_layers_and_what_to_do(tmp_path: Path, class_name: str, mending: str) -> None:
    with pytest.raises(ModelError, match=rf"'odd' is a '?{class_name}.*{mending}"):
        load_model(_keras2_h5(tmp_path / "m.h5", _input(), _layer(class_name, "odd")))


def test_weights_that_are_not_the_architectures(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(ZOO["chain"]().to_json())
    ZOO["residual"]().save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ModelError, match=r"cannot load .*m\.weights\.h5"):
        load_model(tmp_path / "m.weights.h5", model_json=tmp_path / "m.json")


def test_a_damaged_archive(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    ZOO["chain"]().save(path)
    data = bytearray(path.read_bytes())
    data[200:240] = np.random.default_rng(0).bytes(40)
    path.write_bytes(bytes(data))
    with pytest.raises(ModelError, match=r"m\.keras"):
        load_model(path)
