"""Whatever is wrong with the input: one clear message, exit code 2, no traceback, nothing lost."""

import os
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from typer.testing import CliRunner

from prune_mi.cli import app

pytestmark = pytest.mark.slow
Arrays = dict[str, np.ndarray]


def _optimize(model: Path, data: Path | str, out: Path, *options: str) -> tuple[int, str]:
    arguments = ["optimize", str(model), "--data", str(data), "--out", str(out), *options]
    result = CliRunner().invoke(app, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.exit_code, " ".join(result.stderr.split())


def _changed(npz: Path, path: Path, change: Callable[[Arrays], Arrays]) -> Path:
    with np.load(npz) as arrays:
        np.savez(path, **change(dict(arrays)))  # type: ignore[arg-type]
    return path


def test_no_such_model(tmp_path: Path) -> None:
    code, message = _optimize(tmp_path / "absent.h5", "digits", tmp_path / "run")
    assert code == 2
    assert "no such file" in message and "absent.h5" in message


def test_no_such_criterion(tmp_path: Path) -> None:
    options = ("--criterion", "entropy")
    code, message = _optimize(tmp_path / "absent.h5", "digits", tmp_path / "run", *options)
    assert code == 2
    assert "criterion" in message and "'entropy'" in message
    assert "'bypass'" in message and "'leave-one-out'" in message


def test_not_a_model(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.write_text("not a model")
    code, message = _optimize(path, "digits", tmp_path / "run")
    assert (code, "not a Keras model" in message) == (2, True)


def test_weights_only(tmp_path: Path, digits_model: Path) -> None:
    path = tmp_path / "only.weights.h5"
    keras.models.load_model(digits_model).save_weights(path)
    code, message = _optimize(path, "digits", tmp_path / "run")
    assert (code, "holds weights alone" in message) == (2, True)


def test_classes_for_a_model_of_pixels(tmp_path: Path) -> None:
    inputs = keras.Input((8, 8, 1))
    path = tmp_path / "features.keras"
    keras.Model(inputs, layers.Conv2D(2, 3)(inputs)).save(path)
    code, message = _optimize(path, "digits", tmp_path / "run")
    assert code == 2
    assert "digits has one class for each image; expected a mask for each" in message


def test_class_counts_that_differ(tmp_path: Path) -> None:
    inputs = keras.Input((8, 8, 1))
    path = tmp_path / "seven.keras"
    keras.Model(inputs, layers.Dense(7, "softmax")(layers.Flatten()(inputs))).save(path)
    code, message = _optimize(path, "digits", tmp_path / "run")
    assert code == 2
    assert "10" in message and "7" in message


def test_image_shapes_that_differ(tmp_path: Path) -> None:
    inputs = keras.Input((9, 9, 1))
    path = tmp_path / "nine.keras"
    keras.Model(inputs, layers.Dense(10, "softmax")(layers.Flatten()(inputs))).save(path)
    code, message = _optimize(path, "digits", tmp_path / "run")
    assert code == 2
    assert "9" in message and "8" in message


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        (lambda a: {**a, "y_train": a["y_train"] + 5}, "label"),
        (lambda a: {**a, "y_train": a["y_train"] - 1}, "label"),
        (lambda a: {**a, "x_test": a["x_test"][:0], "y_test": a["y_test"][:0]}, "test"),
        (lambda a: {**a, "x_train": np.full_like(a["x_train"], np.nan)}, "NaN"),
        (lambda a: {k: v for k, v in a.items() if k != "y_test"}, "y_test"),
        (lambda a: {**a, "y_train": a["y_train"][:-1]}, "one label an image"),
    ],
    ids=["labels too high", "labels negative", "empty", "NaN", "missing array", "lengths"],
)
def test_broken_arrays(
    tmp_path: Path,
    digits_model: Path,
    digits_npz: Path,
    change: Callable[[Arrays], Arrays],
    fragment: str,
) -> None:
    data = _changed(digits_npz, tmp_path / "broken.npz", change)
    code, message = _optimize(digits_model, data, tmp_path / "run")
    assert code == 2
    assert fragment in message
    assert not (tmp_path / "run").exists()


def test_a_model_that_was_not_trained_on_this_data(tmp_path: Path) -> None:
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, activation="relu")(inputs)
    path = tmp_path / "untrained.keras"
    keras.Model(inputs, layers.Dense(10, "softmax")(layers.Flatten()(x))).save(path)
    code, message = _optimize(path, "digits", tmp_path / "run")
    assert code == 2
    assert "chance" in message and "mean-image" in message


def test_a_run_folder_in_use_keeps_its_files(tmp_path: Path, digits_model: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "report.json").write_text("precious")
    code, message = _optimize(digits_model, "digits", tmp_path / "run")
    assert code == 2
    assert "not empty" in message and "--overwrite" in message
    assert (tmp_path / "run" / "report.json").read_text() == "precious"


def test_a_run_folder_that_is_a_file(tmp_path: Path, digits_model: Path) -> None:
    (tmp_path / "run").write_text("a file")
    code, message = _optimize(digits_model, "digits", tmp_path / "run")
    assert (code, "is a file" in message) == (2, True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_run_folder_that_cannot_be_written(tmp_path: Path, digits_model: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    code, message = _optimize(digits_model, "digits", tmp_path / "locked" / "run")
    assert (code, "cannot write the run folder" in message) == (2, True)


def test_a_run_folder_under_a_file(tmp_path: Path, digits_model: Path) -> None:
    (tmp_path / "file").write_text("a file")
    code, message = _optimize(digits_model, "digits", tmp_path / "file" / "run")
    assert (code, "cannot write the run folder" in message) == (2, True)


def test_a_budget_too_short_to_measure_anything(tmp_path: Path, digits_model: Path) -> None:
    code, message = _optimize(digits_model, "digits", tmp_path / "run", "--budget", "1s")
    assert code == 2
    assert "too short" in message and "expected for instance --budget" in message


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        (["--budget", "soon"], "`--budget` is 'soon'; expected a duration"),
        (["--objective", "speed"], "`--objective` is 'speed'"),
        (["--scaling", "sideways"], "`--scaling` is 'sideways'"),
        (["--max-accuracy-drop", "2"], "`--max-accuracy-drop` is 2"),
        (["--generations", "0"], "`--generations` is 0"),
        (["--mix", "deletion"], "unknown mix 'deletion'"),
        (["--seed", "-1"], "`--seed` is -1"),
    ],
)
def test_wrong_options(
    tmp_path: Path, digits_model: Path, options: list[str], fragment: str
) -> None:
    code, message = _optimize(digits_model, "digits", tmp_path / "run", *options)
    assert code == 2
    assert fragment in message


def test_an_unknown_setting_names_the_nearest(tmp_path: Path, digits_model: Path) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("generatoins: 3\n")
    code, message = _optimize(digits_model, "digits", tmp_path / "run", "--config", str(config))
    assert code == 2
    assert f"unknown setting `generatoins` in {config}; did you mean `generations`?" in message


def test_unknown_data_lists_what_is_accepted(tmp_path: Path, digits_model: Path) -> None:
    code, message = _optimize(digits_model, "cifar11", tmp_path / "run")
    assert code == 2
    assert "cifar10" in message


def test_no_data() -> None:
    result = CliRunner().invoke(app, ["optimize", "model.keras"])
    assert result.exit_code == 2
    assert "--data" in result.stderr


def test_an_unknown_option_is_a_usage_error() -> None:
    result = CliRunner().invoke(app, ["optimize", "model.keras", "--dta", "digits"])
    assert result.exit_code == 2
    assert "--dta" in result.stderr
