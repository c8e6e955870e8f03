"""Whole runs on models with several inputs and outputs, and on inputs that are no images."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from typer.testing import CliRunner

import prune_mi
from prune_mi.cli import app
from prune_mi.data import Dataset, load_dataset
from prune_mi.report import read_report

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("several_ends")]  # one model for all
SHORT: dict[str, Any] = {
    "max_accuracy_drop": 0.1,
    "generations": 1,
    "children": 2,
    "child_epochs": 8,
    "final_epochs": 1,
    "control": False,
    "workers": 1,
}


def _rows(images: np.ndarray) -> np.ndarray:
    """Facts of a digit: the mean of each row, a vector of 8."""
    return images[..., 0].mean(axis=2)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, digits: Dataset) -> Path:
    """Reads a digit and its rows; tells its class and, by another head, how bright it is."""
    keras.utils.set_random_seed(0)
    inputs = {"rows": keras.Input((8,), name="rows"), "image": keras.Input((8, 8, 1), name="image")}
    x = layers.Rescaling(1 / 16)(inputs["image"])
    for _ in range(3):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(x)))
    y = layers.Dense(8, activation="relu")(layers.Rescaling(1 / 16)(inputs["rows"]))
    x = layers.Concatenate()([layers.Flatten()(layers.MaxPooling2D()(x)), y])
    x = layers.Dense(24, activation="relu")(layers.Dense(24, activation="relu")(x))
    heads = {
        "brightness": layers.Dense(1, name="brightness")(layers.Dense(6, activation="relu")(x)),
        "digit": layers.Dense(10, activation="softmax", name="digit")(x),
    }
    model = keras.Model(inputs, heads)
    model.compile(
        keras.optimizers.Adam(3e-3),
        loss={"digit": "sparse_categorical_crossentropy", "brightness": "mse"},
        loss_weights={"digit": 1.0, "brightness": 0.5},
        metrics={"digit": ["accuracy"], "brightness": ["mae"]},
    )
    fed = {"rows": _rows(digits.x_train), "image": digits.x_train}
    wanted = {"digit": digits.y_train, "brightness": digits.x_train.mean(axis=(1, 2))}
    model.fit(fed, wanted, epochs=12, batch_size=32, verbose=0)
    path = tmp_path_factory.mktemp("model") / "two_by_two.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, digits: Dataset) -> Path:
    path = tmp_path_factory.mktemp("data") / "digits_and_rows.npz"
    arrays = {}
    for split, images, labels in digits.splits():
        arrays[f"x_{split}_image"], arrays[f"y_{split}"] = images, labels
        arrays[f"x_{split}_rows"] = _rows(images)
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")  # its state is new
def test_two_inputs_and_two_outputs(
    model: Path, data: Path, digits: Dataset, tmp_path: Path
) -> None:
    report = prune_mi.optimize(
        model,
        data=str(data),
        output="digit",
        out=tmp_path / "run",
        mix="deletion-by-rank",  # whole units: a short training wins little back of channels
        **SHORT,
    ).report
    assert report.smaller
    assert (report.input_scaling, report.augmentation) == ("none", "none")
    assert any("brightness" in note and "1 - R^2" in note for note in report.notes)
    assert not {"brightness", "digit", "image", "rows"} & {
        layer for removal in report.removals for layer in removal.layers
    }
    original = keras.models.load_model(model)
    result = keras.models.load_model(tmp_path / "run" / "best.keras")
    assert result.input.keys() == original.input.keys()
    assert result.output_names == original.output_names
    assert len(original.layers) == report.reference.num_layers
    assert len(result.layers) == report.result.num_layers
    fed = {"rows": _rows(digits.x_test), "image": digits.x_test}
    before, after = (each.predict(fed, verbose=0) for each in (original, result))
    right = float(np.mean(after["digit"].argmax(axis=1) == digits.y_test))
    assert right == pytest.approx(report.result.full_test_metric, abs=1e-9)
    moved = np.mean((after["brightness"] - before["brightness"]) ** 2)
    assert moved < 0.5 * before["brightness"].var()
    wanted = {"digit": digits.y_test, "brightness": digits.x_test.mean(axis=(1, 2))}
    scores = result.evaluate(fed, wanted, verbose=0, return_dict=True)
    assert scores["digit_accuracy"] == pytest.approx(right, abs=1e-6)
    assert read_report(tmp_path / "run" / "report.json") == report


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], r"2 outputs: 'brightness' (1), 'digit' (10); name the one to keep accurate with"),
        (["--output", "colour"], "'colour', but the model has no such output; expected one of"),
        (["--output", "brightness"], "not clearly better than chance with any input scaling: R²"),
        (["--output", "digit", "--scaling", "unit"], "`scaling` is 'unit', but the model has 2"),
        (["--output", "digit", "--data", "digits"], "the model has 2 inputs"),
    ],
)
def test_what_does_not_fit_is_refused(
    model: Path, data: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    arguments = ["optimize", str(model), "--data", str(data), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, [*arguments, *options])
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.stderr.split())
    assert not (tmp_path / "run").exists()


def test_flips_of_several_inputs_are_refused(model: Path, data: Path, tmp_path: Path) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("output: digit\ntraining: {augmentation: flip}\n")
    arguments = ["optimize", str(model), "--data", str(data), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, [*arguments, "--config", str(config)])
    assert result.exit_code == 2, result.output
    assert "`training.augmentation` is 'flip', but" in " ".join(result.stderr.split())


def _signals() -> keras.Model:
    """A digit as a signal of 8 steps with 8 channels."""
    inputs = keras.Input((8, 8))
    x = inputs
    for _ in range(3):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Conv1D(16, 3, padding="same")(x)))
    x = layers.Flatten()(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax", name="digit")(x))


def _words() -> keras.Model:
    """A digit as 64 words of 17."""
    inputs = keras.Input((64,), dtype="int32")
    x = layers.Flatten()(layers.Embedding(17, 2)(inputs))
    for _ in range(3):
        x = layers.Dense(32, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(10, name="digit")(x))


@pytest.mark.parametrize(
    ("build", "shape", "scale", "scaling"),
    [
        pytest.param(_signals, (8, 8), 16.0, "unit", marks=pytest.mark.thorough, id="signals"),
        pytest.param(_words, (64,), 1.0, "none", id="words"),
    ],
)
def test_one_input_that_is_no_image(
    build: Any, shape: tuple[int, ...], scale: float, scaling: str, digits: Dataset, tmp_path: Path
) -> None:
    keras.utils.set_random_seed(0)
    model = build()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=scaling == "none")
    model.compile(keras.optimizers.Adam(3e-3), loss)
    arrays = {}
    for split, images, labels in digits.splits():
        arrays[f"x_{split}"] = images.reshape(len(images), *shape)
        arrays[f"y_{split}"] = labels
    model.fit(arrays["x_train"] / scale, arrays["y_train"], epochs=15, verbose=0)
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "data.npz", **arrays)  # type: ignore[arg-type]
    report = prune_mi.optimize(
        tmp_path / "model.keras",
        data=str(tmp_path / "data.npz"),
        out=tmp_path / "run",
        output="digit",
        **SHORT,
    ).report
    assert report.smaller
    assert (report.input_scaling, report.augmentation) == (scaling, "none")
    assert report.result.full_test_metric > 0.8
