"""What a model was compiled with, read from old and new files and done again."""

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from zoo import ZOO

from prune_mi.keras_io.files.model_file import read_model_file
from prune_mi.keras_io.loading.load import load_model
from prune_mi.keras_io.saving.compiling import compile_like, read_compile_config

pytestmark = pytest.mark.slow
FUNCTION = {"module": "builtins", "class_name": "function", "registered_name": "function"}
ADAM = {"class_name": "Custom>Adam", "config": {"learning_rate": 0.02, "decay": 0.0}}


def _compiled(**written: Any) -> tuple[keras.Model, str | None]:
    model = ZOO["chain"]()
    config = read_compile_config({"optimizer_config": ADAM, "loss": "mse", **written})
    return model, compile_like(model, config)


def test_nothing_is_compiled_where_nothing_is_said() -> None:
    model = ZOO["chain"]()
    assert read_compile_config(None) is None
    assert compile_like(model, None) is None
    assert not model.compiled


def test_names_and_settings() -> None:
    model, note = _compiled(metrics=["accuracy"], loss="sparse_categorical_crossentropy")
    assert note is None
    assert model.loss == "sparse_categorical_crossentropy"
    assert float(model.optimizer.learning_rate) == pytest.approx(0.02)
    images, labels = np.zeros((4, 8, 8, 2)), np.array([0, 1, 2, 0])
    found = model.evaluate(images, labels, verbose=0, return_dict=True)
    assert set(found) == {"loss", "accuracy"}


def test_objects_of_keras_2() -> None:
    loss = {
        "class_name": "SparseCategoricalCrossentropy",
        "config": {"reduction": "auto", "name": "ce", "from_logits": True, "fn": "x"},
    }
    top = {"class_name": "SparseTopKCategoricalAccuracy", "config": {"k": 2, "dtype": "float32"}}
    wrapped = {"name": "mae", "dtype": "float32", "fn": "mean_absolute_error"}
    metrics = [[{"class_name": "MeanMetricWrapper", "config": wrapped}, top]]
    rate = {
        "class_name": "ExponentialDecay",
        "config": {"initial_learning_rate": 0.1, "decay_steps": 9, "decay_rate": 0.5, "name": None},
    }
    adam = {"class_name": "Adam", "config": {"learning_rate": rate, "beta_1": 0.8, "clipnorm": 2.0}}
    model, note = _compiled(loss=loss, metrics=metrics, optimizer_config=adam)
    assert note is None
    assert model.loss.from_logits
    assert model.optimizer.beta_1 == 0.8
    assert model.optimizer.clipnorm == 2.0
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1)


def test_an_accuracy_is_chosen_anew() -> None:
    config = {"name": "accuracy", "fn": "categorical_accuracy"}  # a guess: see compiling.py
    metrics = [{"class_name": "MeanMetricWrapper", "config": config}]
    model, note = _compiled(loss="sparse_categorical_crossentropy", metrics=metrics)
    assert note is None
    model.train_on_batch(np.zeros((4, 8, 8, 2)), np.array([0, 1, 2, 0]))


@pytest.mark.parametrize(
    ("written", "class_name"),
    [
        ("adam", "Adam"),
        ({"class_name": "SGD", "config": {"lr": 0.1, "momentum": 0.9, "nesterov": True}}, "SGD"),
        (
            {"class_name": "RMSprop", "config": {"rho": 0.8, "is_legacy_optimizer": False}},
            "RMSprop",
        ),
        (
            {"class_name": "LossScaleOptimizer", "config": {"inner_optimizer": ADAM}},
            "Adam",
        ),
        (None, "RMSprop"),
    ],
)
def test_optimizers(written: Any, class_name: str) -> None:
    model, note = _compiled(optimizer_config=written)
    assert note is None
    assert type(model.optimizer).__name__ == class_name


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ({"loss": "my_loss"}, "without its loss and optimizer: .*'my_loss' .*--custom-objects"),
        ({"loss": FUNCTION | {"config": "mine>lost"}}, "its loss 'lost' is not .*--custom-objects"),
        ({"loss": {"class_name": "__lambda__", "config": {}}}, "its loss is a lambda, .* function"),
        ({"loss": "<lambda>"}, "its loss is a lambda"),
        ({"loss": {"class_name": "Mine", "config": {}}}, "'Mine' is not one of Keras 3's"),
        ({"optimizer_config": {"class_name": "Mine", "config": {}}}, "'Mine' is not one of"),
    ],
)
def test_what_cannot_be_kept_is_said(written: dict[str, Any], reason: str) -> None:
    model, note = _compiled(**written)
    assert not model.compiled
    assert note is not None
    assert re.search(reason, note)


def test_metrics_that_cannot_be_kept_do_not_cost_the_loss() -> None:
    model, note = _compiled(metrics=["my_metric"])
    assert note is not None and "without its metrics: its metric 'my_metric'" in note
    assert model.compiled


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_what_keras_3_wrote_is_read_back(tmp_path: Path, suffix: str) -> None:
    model = ZOO["chain"]()
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 100)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    metrics = ["accuracy", keras.metrics.TopKCategoricalAccuracy(k=2, name="top2")]
    model.compile(keras.optimizers.SGD(schedule, momentum=0.5), loss, metrics=metrics)
    model.train_on_batch(np.zeros((2, 8, 8, 2)), np.eye(3)[:2])
    model.save(tmp_path / f"m{suffix}")
    loaded = load_model(tmp_path / f"m{suffix}")
    assert not loaded.model.compiled
    assert compile_like(loaded.model, loaded.compile_config) is None
    assert loaded.model.loss.label_smoothing == 0.1
    assert loaded.model.optimizer.momentum == 0.5
    assert float(loaded.model.optimizer.learning_rate) == pytest.approx(0.1)
    found = loaded.model.evaluate(
        np.zeros((2, 8, 8, 2)), np.eye(3)[:2], verbose=0, return_dict=True
    )
    assert set(found) == {"loss", "accuracy", "top2"}


@keras.saving.register_keras_serializable("mine")
def registered(wanted: Any, given: Any) -> Any:
    return keras.ops.mean(keras.ops.abs(wanted - given) ** 3, axis=-1)


def _two_ends() -> keras.Model:
    inputs = keras.Input((4,))
    ends = [keras.layers.Dense(3, activation="softmax", name=name)(inputs) for name in "ab"]
    return keras.Model(inputs, ends)


def _one_end() -> keras.Model:
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])


SPELLINGS: dict[str, dict[str, Any]] = {
    "functions": {
        "loss": keras.losses.categorical_crossentropy,
        "metrics": [keras.metrics.categorical_accuracy, keras.losses.huber],
    },
    "strings": {"loss": "mse", "metrics": ["mae", "accuracy"], "optimizer": "sgd"},
    "objects": {
        "loss": keras.losses.CategoricalCrossentropy(label_smoothing=0.2, reduction="sum"),
        "weighted_metrics": [keras.metrics.TopKCategoricalAccuracy(2, name="top2")],
        "optimizer": keras.optimizers.SGD(
            keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5), momentum=0.5
        ),
    },
    "registered": {"loss": registered, "metrics": [registered, "accuracy"]},
    "a list of one": {"loss": [keras.losses.mean_squared_error], "metrics": ["mae"]},
    "wrapped": {
        "loss": "mse",
        "metrics": [keras.metrics.MeanMetricWrapper(registered, name="cubes")],
    },
    "dicts": {
        "loss": {"a": keras.losses.mean_squared_error, "b": "mae"},
        "metrics": {
            "a": [keras.metrics.mean_absolute_error],
            "b": ["mse", keras.metrics.CategoricalAccuracy()],
        },
        "loss_weights": {"a": 1.0, "b": 2.0},
    },
    "lists": {
        "loss": [keras.losses.mean_squared_error, keras.losses.MeanAbsoluteError()],
        "metrics": [["mae"], [keras.metrics.mean_squared_error]],
        "loss_weights": [1.0, 2.0],
    },
}


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_the_result_is_compiled_as_the_original_was(
    spelling: str, suffix: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    model = _two_ends() if spelling in ("dicts", "lists") else _one_end()
    model.compile(**{"optimizer": keras.optimizers.Adam(0.02), **SPELLINGS[spelling]})
    path = tmp_path / f"model{suffix}"
    model.save(path)
    before = _written(path)
    result = load_model(path).model
    assert compile_like(result, load_model(path).compile_config) is None
    images, labels = rng.random((6, 4), np.float32), np.eye(3, dtype="float32")[[0, 1, 2, 0, 1, 2]]
    wanted = [labels] * len(model.outputs) if len(model.outputs) > 1 else labels
    asked = {"x": images, "y": wanted, "verbose": 0, "return_dict": True, "batch_size": 6}
    model.run_eagerly = result.run_eagerly = True
    assert result.evaluate(**asked) == pytest.approx(model.evaluate(**asked), rel=1e-5)
    result.save(path)
    assert _written(path) == before


def _written(path: Path) -> Any:
    """What a file says of how its model was compiled, without the numbers that Keras counts up."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: re.sub(r"_\d+$", "", item) if key == "name" else plain(item)
                for key, item in value.items()
                if key != "shared_object_id"
            }
        return [plain(item) for item in value] if isinstance(value, list) else value

    return plain(read_model_file(path).compile_config)


def _wrapped_by_keras_2(name: str, function: str) -> dict[str, Any]:
    config = {"name": name, "dtype": "float32", "fn": function}
    return {"class_name": "MeanMetricWrapper", "config": config}


@pytest.mark.parametrize(
    ("written", "names"),
    [
        (  # HDF5 and SavedModel, where functions are names
            {
                "loss": {"a": "mean_squared_error", "b": "mine>registered"},
                "metrics": [
                    [_wrapped_by_keras_2("a_mae", "mean_absolute_error")],
                    [
                        _wrapped_by_keras_2("b_registered", "mine>registered"),
                        _wrapped_by_keras_2("b_accuracy", "categorical_accuracy"),
                        {
                            "class_name": "MeanSquaredError",
                            "config": {"name": "b_b_mean_squared_error", "dtype": "float32"},
                        },
                    ],
                ],
            },
            {"a_mae", "b_registered", "b_accuracy", "b_mean_squared_error"},
        ),
        (  # the archive
            {
                "loss": [FUNCTION | {"config": "mean_squared_error"}, "mae"],
                "metrics": {"a": [FUNCTION | {"config": "mine>registered"}], "b": ["mse"]},
            },
            {"a_registered", "b_mse"},
        ),
    ],
)
def test_functions_in_files_of_keras_2(written: dict[str, Any], names: set[str]) -> None:
    model = _two_ends()
    config = read_compile_config({"optimizer_config": ADAM, **written})
    assert compile_like(model, config) is None
    labels = np.eye(3, dtype="float32")
    model.run_eagerly = True
    found = model.evaluate(
        np.ones((3, 4)), [labels, labels], verbose=0, return_dict=True, batch_size=3
    )
    assert set(found) == {"loss", "a_loss", "b_loss"} | names


def test_functions_of_the_users_file(tmp_path: Path) -> None:
    code = tmp_path / "my_losses.py"
    code.write_text(
        "import keras\n\ndef cubes(y, p):\n    return keras.ops.mean(abs(y - p) ** 3, axis=-1)\n"
    )
    model = _one_end()
    scope: dict[str, Any] = {}
    exec(code.read_text(), scope)
    model.compile("adam", scope["cubes"])
    model.save(tmp_path / "model.keras")
    with keras.saving.custom_object_scope({}):
        loaded = load_model(tmp_path / "model.keras")
        note = compile_like(loaded.model, loaded.compile_config)
        assert note is not None and "'cubes' is not one of Keras 3's" in note
    known = dict(keras.saving.get_custom_objects())
    try:
        loaded = load_model(tmp_path / "model.keras", custom_objects=str(code))
        assert compile_like(loaded.model, loaded.compile_config) is None
        assert loaded.model.loss.__name__ == "cubes"
    finally:
        keras.saving.get_custom_objects().clear()
        keras.saving.get_custom_objects().update(known)
