"""Models and arrays handed over in Python: as from files, untouched, in no file, resumed."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

import prune_mi
from prune_mi.cli import app
from prune_mi.data import load_dataset
from prune_mi.errors import ConfigError, ModelError, PruneMIError, RunFolderError
from prune_mi.records import Predictions, RunReport
from prune_mi.report import read_report

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("python")]  # one run for all
SETTINGS: dict[str, Any] = {
    "max_accuracy_drop": 0.2,
    "generations": 1,
    "children": 2,
    "calibration_images": 200,
    "child_epochs": 0.5,
    "final_epochs": 0.5,
    "quiet": True,
}
SHORT = ", ".join(f"{name}={value}" for name, value in SETTINGS.items())
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _carry_out(call: str, settings: str, model: keras.Model, arrays: Arrays) -> dict[str, Any]:
    """The block of docs/python.md that has a call, shortened by other settings."""
    page = Path(__file__).parent.parent / "docs" / "python.md"
    (block,) = [each for each in BLOCK.findall(page.read_text(encoding="utf-8")) if call in each]
    names: dict[str, Any] = {"model": model, "prune_mi": prune_mi}
    names |= zip(("x_train", "y_train", "x_test", "y_test"), arrays, strict=True)
    text, changed = re.subn(r'(max_accuracy_drop=0.02,\s+)?budget="\dm"', settings, block)
    assert changed == 1
    exec(text, names)
    return names


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    data = load_dataset("digits")
    return data.x_train.copy(), data.y_train.copy(), data.x_test.copy(), data.y_test.copy()


@pytest.fixture(scope="module")
def model(dense_model: Path) -> keras.Model:
    model = keras.models.load_model(dense_model)
    model.layers[1].trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def optimized(
    model: keras.Model, arrays: Arrays, tmp_path_factory: pytest.TempPathFactory
) -> prune_mi.Optimized:
    """Of a loaded model and arrays, which are as they were, and with nothing else written."""
    folder = tmp_path_factory.mktemp("python")
    weights, settings = model.get_weights(), model.get_config()
    optimizer, pixels = model.optimizer, [each.copy() for each in arrays]
    scratch = tmp_path_factory.mktemp("scratch")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(tempfile, "tempdir", str(scratch))
        names = _carry_out("prune_mi.optimize(", SHORT, model, arrays)
        found = prune_mi.resume("smaller")  # which has ended, and needs nothing
    assert [each.name for each in folder.iterdir()] == ["smaller"]
    assert isinstance(found, prune_mi.Optimized) and found.report == names["report"]
    assert list(scratch.iterdir()) == []
    for now, before in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, before)
    for now, before in zip(arrays, pixels, strict=True):
        np.testing.assert_array_equal(now, before)
    assert (model.optimizer is optimizer) and model.get_config() == settings
    assert not model.layers[1].trainable
    assert names["slim"].count_params() == found.report.result.num_params
    return found


def test_it_is_what_files_come_to(
    optimized: prune_mi.Optimized, model: keras.Model, arrays: Arrays, tmp_path: Path
) -> None:
    names = ("x_train", "y_train", "x_test", "y_test")
    np.savez(tmp_path / "data.npz", **dict(zip(names, arrays, strict=True)))
    model.save(tmp_path / "small.keras")
    found = prune_mi.optimize(
        tmp_path / "small.keras", data=tmp_path / "data.npz", out=tmp_path / "run", **SETTINGS
    )
    mine, other = optimized.report, found.report
    assert mine.removals == other.removals and mine.smaller
    assert (mine.reference, mine.limit) == (other.reference, other.limit)
    assert mine.result.test_metric == other.result.test_metric
    assert (mine.result.macs, mine.control) == (other.result.macs, other.control)
    assert (mine.model, mine.data) == ("small (in memory)", "arrays (in memory)")
    assert mine == read_report(optimized.path.parent / "report.json")


def test_it_unpacks_into_the_slim_model_and_the_report(
    optimized: prune_mi.Optimized, arrays: Arrays
) -> None:
    slim, report = optimized
    assert isinstance(report, RunReport) and slim is optimized.model
    assert slim.count_params() == report.result.num_params < report.reference.num_params
    assert isinstance(slim.optimizer, keras.optimizers.SGD)
    _, accuracy = slim.evaluate(arrays[2] / 16, arrays[3], verbose=0)
    assert accuracy == pytest.approx(report.result.full_test_metric, abs=1e-6)
    assert str(optimized).startswith("Smaller: -") and repr(optimized) == str(optimized)
    assert str(optimized).endswith("written smaller/best.keras")
    assert optimized._repr_html_().count("<table>") == 3


def test_other_functions_take_them(
    optimized: prune_mi.Optimized, model: keras.Model, arrays: Arrays, tmp_path: Path
) -> None:
    evaluation = prune_mi.evaluate(model, optimized.model, data=arrays, scaling="unit")
    assert [each.path for each in evaluation.models] == ["small (in memory)", "small (in memory)"]
    assert evaluation.models[1].num_params == optimized.report.result.num_params
    assert evaluation.models[0].size_bytes == evaluation.models[0].saved_bytes
    gates = {"max_accuracy_drop": 0.9}
    found = prune_mi.check(optimized, baseline=model, data=arrays, gates=gates, scaling="unit")
    assert found.passed
    left_out = found.evaluation.num_left_out
    assert (left_out > 0) == (optimized.report.validation == "test")  # known by its folder
    ranking = prune_mi.rank(model, data=arrays, samples=100, scaling="unit")
    assert {each.name for each in ranking.units} and ranking.model == "small (in memory)"
    assert prune_mi.inspect(model).total.macs == optimized.report.reference.macs
    with pytest.raises(ConfigError, match="received a loaded model and no `out`"):
        prune_mi.recalibrate(model, data=arrays)


def test_predictions_of_an_array(
    optimized: prune_mi.Optimized, model: keras.Model, arrays: Arrays
) -> None:
    def classes(found: Predictions) -> list[int]:
        return [int(each.class_name) for each in found.images]

    expected = optimized.model.predict(arrays[2][:20] / 16, verbose=0).argmax(axis=1)
    found = prune_mi.predict(optimized.model, arrays[2][:20] / 16 * 255, scaling="unit")
    assert classes(found) == expected.tolist()
    assert [each.image for each in found.images[:2]] == ["0", "1"]
    with pytest.raises(PruneMIError, match=r"the images have the shape \(20, 4, 8, 1\)"):
        prune_mi.predict(model, arrays[2][:20, :4])


def test_a_run_goes_on_with_the_same_objects_alone(
    optimized: prune_mi.Optimized,
    model: keras.Model,
    arrays: Arrays,
    dense_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = optimized.path.parent
    with pytest.raises(RunFolderError, match=r"handed its model and data in memory.*model and da"):
        prune_mi.resume(folder, generations=2)
    with pytest.raises(RunFolderError, match="expected data again, with the same content"):
        prune_mi.resume(folder, model=model, generations=2)
    events = (folder / "events.jsonl").read_bytes()
    other = keras.models.load_model(dense_model)
    other.layers[-1].bias.assign_add([0.01] * 10)
    with pytest.raises(RunFolderError, match=r"its model was small .* holds something else"):
        prune_mi.resume(folder, model=other, data=arrays, generations=2, quiet=True)
    found = CliRunner().invoke(app, ["optimize", "--resume", str(folder)])
    assert found.exit_code == 2 and "prune_mi.resume(" in found.output
    assert (folder / "events.jsonl").read_bytes() == events
    monkeypatch.chdir(folder.parent)
    names = _carry_out("prune_mi.resume(", "generations=2, quiet=True", model, arrays)
    resumed = names["optimized"]
    assert [each.index for each in resumed.report.generations] == [1, 2]
    assert json.loads((folder / "report.json").read_text())["model"] == "small (in memory)"


class _Own(keras.Model):
    def call(self, inputs: Any) -> Any:
        return inputs


class _Unregistered(keras.layers.Dense):
    pass


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: 5, "received an object of the type int as the model; expected the path"),
        (lambda: _Own(), "is a subclass of keras.Model with a `call` of its own"),
        (lambda: keras.Sequential([keras.layers.Dense(2)]), "is not built yet"),
        (
            lambda: keras.Sequential([keras.Input((4,)), _Unregistered(2)]),
            "is a _Unregistered, which Keras does not know.*register_keras_serializable",
        ),
        (
            lambda: keras.Sequential(
                [keras.Input((4,)), keras.layers.Lambda(lambda x: x), keras.layers.Dense(2)],
                name="odd",
            ),
            r"cannot open odd \(in memory\): the layer .* is a Lambda",
        ),
    ],
)
def test_models_that_cannot_be_taken(
    make: Any, message: str, arrays: Arrays, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=message):
        prune_mi.optimize(make(), data=arrays, out=tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
