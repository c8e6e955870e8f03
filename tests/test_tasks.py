"""Whole runs of tasks other than classes: labels, numbers, masks, and no labels at all."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image
from sklearn.metrics import jaccard_score, r2_score
from typer.testing import CliRunner

import prune_mi
from prune_mi.cli import app
from prune_mi.data import load_dataset
from prune_mi.records import RunReport

# One model of each task for all.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("tasks")]
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


def _convolved(x: Any, filters: int) -> Any:
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.8)(x))


def _columns(num: int, activation: str | None) -> keras.Model:
    inputs = keras.Input((8, 8, 1))
    x = layers.Rescaling(1 / 255)(inputs)
    for _ in range(3):
        x = _convolved(x, 8)
    x = layers.Flatten()(layers.MaxPooling2D()(x))
    return keras.Model(inputs, layers.Dense(num, activation=activation, name="answer")(x))


def _pixels() -> keras.Model:
    """A U-Net: a skip beside what is pooled and scaled up again."""
    inputs = keras.Input((8, 8, 1))
    skip = _convolved(layers.Rescaling(1 / 255)(inputs), 8)
    x = _convolved(_convolved(layers.MaxPooling2D()(skip), 12), 12)
    x = layers.Concatenate()([skip, layers.UpSampling2D()(x)])
    x = _convolved(x, 8)
    return keras.Model(inputs, layers.Conv2D(3, 1, activation="softmax", name="answer")(x))


def _labels(images: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """Whether a digit is 5 or more, is even, has a loop."""
    loops = np.isin(digits, (0, 6, 8, 9))
    return np.stack([digits >= 5, digits % 2 == 0, loops], axis=1).astype(np.uint8)


def _numbers(images: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """How much ink there is in the upper and in the lower half, in thousands."""
    halves = images[..., 0].reshape(-1, 2, 4, 8).astype(np.float32)
    return np.asarray(halves.sum(axis=(2, 3)) / 1000)


def _masks(images: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """Background, pale ink, dark ink."""
    return (images[..., 0] > 60).astype(np.uint8) + (images[..., 0] > 160)


@dataclass(frozen=True)
class Case:
    """A task, its labels, a network for it, and what keeps it."""

    build: Callable[[], keras.Model]
    labels: Callable[[np.ndarray, np.ndarray], np.ndarray] | None
    loss: str
    metric: str
    measure: Callable[[np.ndarray, np.ndarray], float]


def _iou(truth: np.ndarray, answers: np.ndarray) -> float:
    found = answers.argmax(axis=-1).ravel()
    return float(jaccard_score(truth.ravel(), found, average="macro"))


CASES = {
    "multi-label": Case(
        lambda: _columns(3, "sigmoid"),
        _labels,
        "binary_crossentropy",
        "labels",
        lambda truth, answers: float(((answers > 0.5) == truth).mean()),
    ),
    "regression": Case(lambda: _columns(2, None), _numbers, "mse", "r2", r2_score),
    "segmentation": Case(_pixels, _masks, "sparse_categorical_crossentropy", "mean-iou", _iou),
    "agreement": Case(
        lambda: _columns(10, "softmax"),
        None,
        "sparse_categorical_crossentropy",
        "accuracy",
        lambda truth, answers: float((answers.argmax(axis=1) == truth.argmax(axis=1)).mean()),
    ),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Path]]:
    """A model of a task and its data; both are made once."""
    root = tmp_path_factory.mktemp("tasks")

    def make(task: str) -> tuple[Path, Path]:
        model_path, data_path = root / f"{task}.keras", root / f"{task}.npz"
        if model_path.exists():
            return model_path, data_path
        case, arrays = CASES[task], {}
        for split, images, digits in load_dataset("digits").splits():
            pixels = np.round(images * (255 / 16)).astype(np.uint8)
            arrays[f"x_{split}"] = pixels
            arrays[f"y_{split}"] = digits if case.labels is None else case.labels(pixels, digits)
        keras.utils.set_random_seed(0)
        model = case.build()
        model.compile(keras.optimizers.Adam(5e-3), case.loss)
        model.fit(arrays["x_train"], arrays["y_train"], epochs=8, batch_size=32, verbose=0)
        model.save(model_path)
        if case.labels is None:
            arrays = {name: each for name, each in arrays.items() if name.startswith("x_")}
        np.savez(data_path, **arrays)  # type: ignore[arg-type]
        return model_path, data_path

    return make


@pytest.fixture(scope="module")
def run(
    made: Callable[[str], tuple[Path, Path]], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Path, RunReport]]:
    """A run of a task and its folder; each is carried out once."""
    known: dict[str, tuple[Path, RunReport]] = {}

    def optimized(task: str) -> tuple[Path, RunReport]:
        if task not in known:
            model, data = made(task)
            folder = tmp_path_factory.mktemp("run") / task
            metric = CASES[task].metric if task == "segmentation" else None
            report = prune_mi.optimize(
                model, data=str(data), out=folder, metric=metric, **SHORT
            ).report
            known[task] = folder, report
        return known[task]

    return optimized


@pytest.mark.parametrize("task", list(CASES))
@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")  # its state is new
def test_a_model_of_every_task_becomes_smaller(
    task: str,
    made: Callable[[str], tuple[Path, Path]],
    run: Callable[[str], tuple[Path, RunReport]],
) -> None:
    (model, data), (folder, report), case = made(task), run(task), CASES[task]
    assert (report.task, report.metric) == (task, case.metric)
    assert report.smaller and report.removals
    assert report.limit.drop <= report.limit.allowed == pytest.approx(0.1)
    assert report.result.val_metric >= report.reference.val_metric - 0.1
    original, result = (keras.models.load_model(each) for each in (model, folder / "best.keras"))
    assert result.output.shape == original.output.shape
    one, other = (each.get_layer("answer").get_config() for each in (original, result))
    assert one == other
    assert len(result.layers) == report.result.num_layers < report.reference.num_layers
    arrays = np.load(data)
    before, after = (each.predict(arrays["x_test"], verbose=0) for each in (original, result))
    truth = before if case.labels is None else arrays["y_test"]
    assert case.measure(truth, before) == pytest.approx(report.reference.full_test_metric, abs=1e-5)
    assert case.measure(truth, after) == pytest.approx(report.result.full_test_metric, abs=1e-5)
    assert set(report.result.metrics) >= {case.metric}
    if task == "agreement":
        assert report.reference.full_test_metric == 1.0
        assert any("no labels" in note for note in report.notes)


def _run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, list(map(str, arguments)))
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


def test_models_of_masks_are_set_side_by_side_and_checked(
    made: Callable[[str], tuple[Path, Path]], run: Callable[[str], tuple[Path, RunReport]]
) -> None:
    (model, data), (folder, report) = made("segmentation"), run("segmentation")
    options = ("--data", data, "--metric", "mean-iou", "--json")
    code, stdout, stderr = _run("evaluate", model, folder / "best.keras", *options)
    assert code == 0, stderr
    found = json.loads(stdout)
    assert (found["task"], found["metric"]) == ("segmentation", "mean IoU")
    before, after = found["models"]
    assert before["quality"] == pytest.approx(report.reference.test_metric, abs=1e-5)
    assert after["quality"] == pytest.approx(report.result.test_metric, abs=1e-5)
    assert after["metrics"] == pytest.approx(report.result.metrics, abs=1e-5)
    assert [each["name"] for each in after["classes"]] == ["0", "1", "2"]
    iou = np.mean([each["quality"] for each in after["classes"]])
    assert iou == pytest.approx(after["quality"], abs=1e-5)
    assert after["against_first"]["decisions"] == 64 * found["num_images"]
    gates = ("--max-accuracy-drop", 0.3, "--max-flips", 0.3, "--min-params-reduction", 0.01)
    code, stdout, stderr = _run(
        "check", folder, "--baseline", model, *options, *gates, "--max-size", 100
    )
    assert code == 6, stdout + stderr
    assert [each["decision"] for each in json.loads(stdout)["gates"]] == [
        *(["passed"] * 3),
        "failed",
    ]


def test_masks_replace_no_images_and_not_one_another(
    made: Callable[[str], tuple[Path, Path]], tmp_path: Path
) -> None:
    model, data = made("segmentation")
    pixels = np.load(data)["x_test"][0, ..., 0]
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.fromarray(pixels).save(tmp_path / folder / "1.png")
    before = (tmp_path / "a" / "1.png").read_bytes()
    code, _, stderr = _run("predict", model, tmp_path / "a", "--masks", tmp_path / "a")
    assert code == 2 and "which is an image" in stderr
    assert (tmp_path / "a" / "1.png").read_bytes() == before
    pair, out = (tmp_path / "a", tmp_path / "b"), tmp_path / "out"
    code, _, stderr = _run("predict", model, *pair, "--masks", out)
    assert code == 2 and "would both be" in stderr and not out.exists()
    code, _, stderr = _run("predict", model, tmp_path / "a", "--masks", out)
    assert code == 0, stderr
    assert np.asarray(Image.open(out / "1.png")).max() <= 2


@pytest.mark.parametrize(
    ("task", "changed", "message"),
    [
        ("multi-label", lambda y: y[:, :2], "has 2 labels for each sample, but the model yields 3"),
        ("multi-label", lambda y: y * 2, "holds 2 in row 1; expected rows of 0 and 1"),
        ("regression", lambda y: y[:, :1], "for each sample, but the model yields 2"),
        ("regression", lambda y: y * np.nan, "in row 0; expected finite numbers"),
        ("segmentation", lambda y: y[:, :4, :4], "masks of .* have the shape .*4.*8"),
        ("segmentation", lambda y: y[:, 0, 0], "One label for each image is classification"),
        ("segmentation", lambda y: y + 3, "they reach 5, so the data has at least 6 classes"),
    ],
)
def test_labels_of_another_task_are_refused(
    task: str,
    changed: Callable[[np.ndarray], np.ndarray],
    message: str,
    made: Callable[[str], tuple[Path, Path]],
    tmp_path: Path,
) -> None:
    model, data = made(task)
    arrays = dict(np.load(data))
    for name in [each for each in arrays if each.startswith("y_")]:
        arrays[name] = changed(arrays[name])
    np.savez(tmp_path / "data.npz", **arrays)
    out = tmp_path / "run"
    code, _, stderr = _run("optimize", model, "--data", tmp_path / "data.npz", "--out", out)
    assert code == 2, stderr
    assert "expected" in stderr
    assert re.search(message, stderr), stderr
    assert not (out / "report.json").exists()
