"""Whole commands on models with one output unit, and on what looks like one but is not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image
from typer.testing import CliRunner

import prune_mi
from prune_mi.cli import app
from prune_mi.commands.search import search_architecture
from prune_mi.data import load_dataset

# One model of each kind for all.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("one_unit")]
SHORT: dict[str, Any] = {
    "max_accuracy_drop": 0.1,
    "generations": 1,
    "children": 2,
    "calibration_images": 200,
    "child_epochs": 2,
    "final_epochs": 0.5,
    "control": False,
    "workers": 1,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits below 5, and from 5 on."""
    path = tmp_path_factory.mktemp("data") / "halves.npz"
    arrays = {}
    for split, images, labels in load_dataset("digits").splits():
        arrays[f"x_{split}"] = np.round(images * (255 / 16)).astype(np.uint8)
        arrays[f"y_{split}"] = labels >= 5
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def _trained(data: Path, path: Path, activation: str | None, loss: Any, metrics: list[Any]) -> Path:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = layers.Rescaling(1 / 255)(inputs)
    for _ in range(3):
        x = layers.BatchNormalization(momentum=0.8)(layers.Conv2D(8, 3, padding="same")(x))
        x = layers.ReLU()(x)
    x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
    model = keras.Model(inputs, layers.Dense(1, activation=activation, name="five_or_more")(x))
    model.compile(keras.optimizers.Adam(3e-3), loss, metrics=metrics)
    arrays = np.load(data)
    model.fit(arrays["x_train"], arrays["y_train"], epochs=8, batch_size=32, verbose=0)
    model.save(path)
    return path


@pytest.fixture(scope="module")
def sigmoid(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    path = tmp_path_factory.mktemp("sigmoid") / "model.keras"
    return _trained(data, path, "sigmoid", "binary_crossentropy", ["accuracy", keras.metrics.AUC()])


@pytest.fixture(scope="module")
def logit(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    metrics = [keras.metrics.BinaryAccuracy(threshold=0.0)]
    return _trained(data, tmp_path_factory.mktemp("logit") / "model.keras", None, loss, metrics)


def _run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, list(map(str, arguments)))
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("kind", "reading", "loss", "metrics", "threshold"),
    [
        pytest.param(
            "sigmoid",
            "is one sigmoid unit: it is read as the probability of class 1",
            "binary_crossentropy",
            ["accuracy", "auc"],
            0.5,
            marks=pytest.mark.thorough,
        ),
        (
            "logit",
            "is one linear unit, and all labels are 0 or 1: it is read as the logit of",
            "BinaryCrossentropy",
            ["binary_accuracy"],
            0.0,
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")  # its state is new
def test_the_result_keeps_its_one_unit(
    kind: str,
    reading: str,
    loss: str,
    metrics: list[str],
    threshold: float,
    data: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    model = request.getfixturevalue(kind)
    report = prune_mi.optimize(model, data=str(data), out=tmp_path / "run", **SHORT).report
    assert report.smaller
    assert any(reading in note for note in report.notes)
    assert report.reference.full_test_metric > 0.9
    original, result = (
        keras.models.load_model(path) for path in (model, tmp_path / "run" / "best.keras")
    )
    assert result.output.shape == (None, 1) == original.output.shape
    assert result.output_names == ["five_or_more"]
    head, before = (each.get_layer("five_or_more") for each in (result, original))
    assert head.get_config() == before.get_config()
    assert len(original.layers) == report.reference.num_layers
    assert len(result.layers) == report.result.num_layers
    arrays = np.load(data)
    answers = result.predict(arrays["x_test"], verbose=0)[:, 0]
    right = float(np.mean((answers > threshold) == arrays["y_test"]))
    assert right == pytest.approx(report.result.full_test_metric, abs=1e-9)
    written = getattr(result.loss, "name", result.loss)
    assert str(written).replace("_", "").lower() == loss.replace("_", "").lower()
    labels = arrays["y_test"].astype(int)
    scores = result.evaluate(arrays["x_test"], labels, verbose=0, return_dict=True)
    assert scores.keys() == {"loss", *metrics}
    assert scores[metrics[0]] == pytest.approx(right, abs=1e-6)


def test_units_are_ranked(sigmoid: Path, data: Path) -> None:
    code, stdout, stderr = _run("rank", sigmoid, "--data", data, "--json", "--samples", 200)
    assert code == 0, stderr
    found = json.loads(stdout)
    assert found["units"] and any("one sigmoid unit" in note for note in found["notes"])
    code, stdout, _ = _run("inspect", sigmoid, "--json")
    assert code == 0
    named = {each["name"]: each for each in json.loads(stdout)["layers"]}
    assert named["five_or_more"]["reason"] is not None


@pytest.mark.parametrize("kind", ["sigmoid", "logit"])
def test_images_are_put_into_two_classes(
    kind: str, data: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    model = tmp_path / "model.keras"
    model.write_bytes(request.getfixturevalue(kind).read_bytes())
    arrays = np.load(data)
    for index in range(20):
        Image.fromarray(arrays["x_test"][index, ..., 0]).save(tmp_path / f"{index:02}.png")
    code, stdout, stderr = _run("predict", model, tmp_path, "--json")
    assert code == 0, stderr
    found = json.loads(stdout)
    unit = keras.models.load_model(model).predict(arrays["x_test"][:20], verbose=0)[:, 0]
    second = unit if kind == "sigmoid" else 1 / (1 + np.exp(-unit))
    for image, probability in zip(found["images"], second, strict=True):
        assert image["class_name"] == str(int(probability > 0.5))
        assert image["probability"] == pytest.approx(max(probability, 1 - probability), abs=1e-4)
    assert any("is read as the" in note for note in found["notes"])
    described = {"classes": ["few", "many"], "scaling": "none", "pixel_range": 255.0}
    (tmp_path / "classes.json").write_text(json.dumps({**described, "input": [8, 8, 1]}))
    found = json.loads(_run("predict", model, tmp_path / "00.png", "--json")[1])
    assert found["images"][0]["class_name"] == ("many" if second[0] > 0.5 else "few")
    assert any("class 1 (many)" in note for note in found["notes"])


def test_models_of_one_unit_are_averaged(
    sigmoid: Path, logit: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "both.keras"
    code, _, stderr = _run("average", sigmoid, logit, "--data", data, "--out", out)
    assert code == 0, stderr
    arrays = np.load(data)
    one, two, both = (
        keras.models.load_model(path).predict(arrays["x_test"], verbose=0)
        for path in (sigmoid, logit, out)
    )
    np.testing.assert_allclose(both, (one + 1 / (1 + np.exp(-two))) / 2, atol=1e-5)
    code, stdout, stderr = _run(
        "average", out, sigmoid, "--data", data, "--out", out.with_name("more.keras")
    )
    assert code == 0, stderr  # the average is a model of one sigmoid unit itself
    assert f"{np.mean((both[:, 0] > 0.5) == arrays['y_test']):.4f}" in stdout


@pytest.mark.thorough
def test_a_search_goes_on_from_one_unit(sigmoid: Path, data: Path, tmp_path: Path) -> None:
    report = search_architecture(
        model=sigmoid,
        data=str(data),
        out=tmp_path / "found",
        generations=1,
        children=1,
        morphs=1,
        child_epochs=1.0,
        final_epochs=0.5,
        ensemble=2,
        workers=1,
    )
    arrays = np.load(data)
    models = {"best.keras": report.result, "ensemble.keras": report.ensemble}
    for name, facts in models.items():
        assert facts is not None
        unit = keras.models.load_model(tmp_path / "found" / name)
        answers = unit.predict(arrays["x_test"], verbose=0)
        assert answers.shape[1:] == (1,)
        right = float(np.mean((answers[:, 0] > 0.5) == arrays["y_test"]))
        assert right == pytest.approx(facts.full_test_metric, abs=1e-9)


def _model(units: int, activation: str | None, *, loss: str | None = None) -> keras.Model:
    inputs = keras.Input((8, 8, 1))
    x = layers.Dense(units, activation=activation, name="answer")(layers.Flatten()(inputs))
    model = keras.Model(inputs, x)
    if loss is not None:
        model.compile("adam", loss)
    return model


def _labels(num: int) -> np.ndarray:
    return np.arange(num) % 10


@pytest.mark.parametrize(
    ("model", "labels", "message"),
    [
        (_model(1, None), _labels, "not clearly better than chance"),  # of numbers
        (_model(1, None), lambda num: _labels(num) / 7, "the best constant answer gets 0.000"),
        (
            _model(1, "sigmoid"),
            lambda num: _labels(num) % 3,
            "is one sigmoid unit, which is for two",
        ),
        (_model(1, "sigmoid"), lambda num: 1 + _labels(num) % 2, "write 0 for 1 and 1 for 2"),
        (_model(1, "sigmoid"), lambda num: np.eye(3)[_labels(num) % 3], "are 0, 1, 2, but"),
        (_model(4, None), lambda num: np.outer(_labels(num), np.ones(4)), "R² on"),
        (
            _model(3, "sigmoid"),
            lambda num: _labels(num) % 3,
            "column of 0 and 1 for each class",
        ),
        (_model(1, "softmax"), lambda num: _labels(num) % 2, "is 1 for every input"),
    ],
)
def test_what_does_not_fit_the_labels_is_refused_as_what_it_is(
    model: keras.Model, labels: Callable[[int], np.ndarray], message: str, tmp_path: Path
) -> None:
    model.save(tmp_path / "model.keras")
    images = np.random.default_rng(0).integers(0, 255, (60, 8, 8, 1)).astype(np.uint8)
    path = tmp_path / "data.npz"
    np.savez(path, x_train=images[:40], y_train=labels(40), x_test=images[40:], y_test=labels(20))
    code, _, stderr = _run(
        "optimize", tmp_path / "model.keras", "--data", path, "--out", tmp_path / "run"
    )
    assert (code, message.format(data=path) in stderr) == (2, True), stderr
    assert "expected" in stderr or "Likely causes" in stderr
    assert not (tmp_path / "run" / "report.json").exists()


def test_numbers_are_predicted_as_numbers(tmp_path: Path) -> None:
    _model(1, None, loss="mse").save(tmp_path / "model.keras")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    code, stdout, stderr = _run("predict", tmp_path / "model.keras", tmp_path / "a.png", "--json")
    assert code == 0, stderr
    found = json.loads(stdout)
    assert found["task"] == "regression"
    assert list(found["images"][0]["values"].values()) == [0.0]


def test_a_unit_trained_by_squares_may_have_another_bound(tmp_path: Path) -> None:
    labels = np.arange(60) % 2
    images = np.full((60, 8, 8, 1), 200, np.uint8) * labels[:, None, None, None].astype(np.uint8)
    np.savez(tmp_path / "data.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    model = _model(1, None, loss="mse")
    kernel = np.full((64, 1), 0.9 / 200 / 64)
    model.get_layer("answer").set_weights([kernel, np.array([0.05])])  # 0.05 and 0.95
    model.save(tmp_path / "model.keras")
    arguments = ("rank", tmp_path / "model.keras", "--data", tmp_path / "data.npz")
    code, stdout, stderr = _run(*arguments, "--json")
    told = " ".join([stdout, stderr])
    assert "Task: regression" in told, told
    arguments = ("optimize", *arguments[1:], "--out", tmp_path / "run", "--task", "binary")
    code, _, stderr = _run(*arguments)
    assert code == 2
    assert "'answer' is one linear unit that was trained with mse. With labels 0 and 1" in stderr
    assert "probably 0.5, not 0; train it with binary cross-entropy and from_logits=True" in stderr
    assert "better than chance" in stderr
    Image.fromarray(images[1, ..., 0]).save(tmp_path / "a.png")
    arguments = ("predict", tmp_path / "model.keras", tmp_path / "a.png", "--classes", "dark,light")
    code, stdout, stderr = _run(*arguments)
    assert code == 0, stderr
    assert "class 1 (light) where it is above 0" in " ".join(stdout.split())


def test_three_folders_for_one_unit(tmp_path: Path) -> None:
    for name in ("ant", "bee", "cat"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for index in range(8):
            Image.fromarray(np.full((8, 8), index, np.uint8)).save(
                tmp_path / "images" / name / f"{index}.png"
            )
    _model(1, "sigmoid").save(tmp_path / "model.keras")
    code, _, stderr = _run("optimize", tmp_path / "model.keras", "--data", tmp_path / "images")
    assert code == 2
    assert "has 3 classes (ant, bee, cat), but the model's output 'answer' is one sigmoid" in stderr
