"""`prune-mi average`: several models as one."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from typer.testing import CliRunner

from prune_mi.cli import app

pytestmark = pytest.mark.slow


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = rng.integers(0, 256, (60, 6, 6, 1)).astype(np.uint8)
    path = tmp_path / "data.npz"
    np.savez(path, x_train=images, y_train=labels, x_test=images[:30], y_test=labels[:30])
    return path


def _model(path: Path, *, classes: int = 3, logits: bool = False) -> keras.Model:
    inputs = keras.Input((6, 6, 1))
    x = layers.Flatten()(layers.Rescaling(1 / 255)(inputs))
    x = layers.Dense(classes, activation=None if logits else "softmax")(x)
    model = keras.Model(inputs, x)
    model.save(path)
    return model


def _average(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["average", *map(str, arguments)])
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


def test_the_average_answers_as_its_members_do_in_the_mean(data: Path, tmp_path: Path) -> None:
    one = _model(tmp_path / "one.keras")
    two = _model(tmp_path / "two.keras", logits=True)
    (tmp_path / "classes.json").write_text("{}")
    out = tmp_path / "all" / "both.keras"
    code, told, _ = _average(
        tmp_path / "one.keras", tmp_path / "two.keras", "--data", data, "--out", out
    )
    assert code == 0
    images, labels = np.load(data)["x_test"], np.load(data)["y_test"]
    softmax = keras.ops.softmax(two.predict(images, verbose=0))
    expected = (one.predict(images, verbose=0) + np.asarray(softmax)) / 2
    answers = keras.models.load_model(out).predict(images, verbose=0)
    np.testing.assert_allclose(answers, expected, atol=1e-5)
    assert (out.parent / "classes.json").read_text() == "{}"
    right = np.mean(expected.argmax(axis=1) == labels)
    assert f"{right:.4f}" in told
    assert f"{one.count_params() + two.count_params()}" in told
    assert "Accuracy on 30 test images." in told


def test_images_of_16_bits_are_scaled_by_all_of_them(tmp_path: Path) -> None:
    labels = np.arange(40) % 2
    images = np.where(labels, 30000, 10000).astype(np.uint16).reshape(40, 1, 1, 1)
    path = tmp_path / "data.npz"
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    inputs = keras.Input((1, 1, 1))
    model = keras.Model(inputs, layers.Dense(2, "softmax")(layers.Flatten()(inputs)))
    kernel, bias = np.array([[0.0, 65535.0]]), np.array([0.0, -20000.0])  # of the data in 0..1
    model.layers[-1].set_weights([kernel, bias])
    model.save(tmp_path / "one.keras")
    one = tmp_path / "one.keras"
    code, told, error = _average(
        one, one, "--data", path, "--out", tmp_path / "all.keras", "--scaling", "unit"
    )
    assert code == 0, error
    assert "1.0000" in told and "0.5000" not in told


def test_the_order_of_classes_may_be_said(data: Path, tmp_path: Path) -> None:
    model = _model(tmp_path / "one.keras")
    one, out = tmp_path / "one.keras", tmp_path / "all" / "average.keras"
    arguments = (one, one, "--data", data, "--out", out, "--overwrite")
    images, labels = np.load(data)["x_test"], np.load(data)["y_test"]
    answers = model.predict(images, verbose=0).argmax(axis=1)
    expected = f"{np.mean(np.array([2, 0, 1])[answers] == labels):.4f}"
    code, told, error = _average(*arguments, "--classes", "2,0,1")
    assert code == 0, error
    assert expected in told
    one.with_name("classes.json").write_text('["2", "0", "1"]')
    assert expected in _average(*arguments)[1]
    code, _, error = _average(*arguments, "--classes", "a,b")
    assert (code, "2 classes were given" in error) == (2, True)


def test_other_orders_of_classes_are_named(tmp_path: Path) -> None:
    images, labels = np.zeros((48, 6, 6, 1), np.uint8), np.arange(48) % 12
    path = tmp_path / "data.npz"
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    _model(tmp_path / "one.keras", classes=12)
    one, out = tmp_path / "one.keras", tmp_path / "all.keras"
    code, told, error = _average(one, one, "--data", path, "--out", out)
    assert code == 0, error
    assert "have them sorted as strings, pass their order with --classes." in " ".join(told.split())


def test_runs_folders_will_do_and_their_class_files_are_not_replaced(
    data: Path, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("one", "two", "other")]
    for folder in folders:
        folder.mkdir()
        _model(folder / "best.keras")
        (folder / "classes.json").write_text("{}")
    (folders[2] / "classes.json").write_text('{"classes": []}')
    arguments = (*folders[:2], "--data", data, "--out")
    code, _, error = _average(*arguments, folders[2] / "average.keras")
    assert code == 2
    assert "other/classes.json already exists; choose another folder or name" in error
    assert (folders[2] / "classes.json").read_text() == '{"classes": []}'
    code, _, _ = _average(*arguments, folders[0] / "average.keras")
    assert code == 0  # the same class file


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        (("one",), (), "received 1 model; expected two or more to average"),
        (("one", "four"), (), "the models cannot be averaged: member 2"),
        (("one", "nowhere"), (), "nowhere.keras"),
        (("one", "one"), ("--scaling", "best"), "`scaling` is 'best'; expected one of none, unit"),
        (("one", "one"), ("--scaling", "caffe"), "for images with three colour channels, but"),
        (("one", "one"), ("--out", "all.h5"), "expected a name in .keras"),
    ],
)
def test_what_is_wrong_is_said(
    data: Path,
    tmp_path: Path,
    models: tuple[str, ...],
    options: tuple[str, ...],
    message: str,
) -> None:
    _model(tmp_path / "one.keras")
    _model(tmp_path / "four.keras", classes=4)
    paths = [tmp_path / f"{name}.keras" for name in models]
    code, _, told = _average(*paths, "--data", data, "--out", tmp_path / "all.keras", *options)
    assert code == 2
    assert message in told
    assert not (tmp_path / "all.keras").exists()


def test_nothing_is_overwritten_unasked(data: Path, tmp_path: Path) -> None:
    _model(tmp_path / "one.keras")
    one = tmp_path / "one.keras"
    code, _, told = _average(one, one, "--data", data, "--out", one)
    assert code == 2 and "is the file to read" in told
    (tmp_path / "all.keras").write_text("mine")
    code, _, told = _average(one, one, "--data", data, "--out", tmp_path / "all.keras")
    assert code == 2 and "already exists" in told
    assert (tmp_path / "all.keras").read_text() == "mine"
