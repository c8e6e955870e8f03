"""What a model was compiled with, read from old and new files and done again."""

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from zoo import ZOO

from prune_mi.keras_io.compiling import compile_like, read_compile_config
from prune_mi.keras_io.load import load_model

pytestmark = pytest.mark.slow
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
        ({"loss": "my_loss"}, "without its loss and optimizer: .*my_loss"),
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
    assert note is not None and "without its metrics" in note
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
