"""`prune-mi predict`: classes, scalings, shapes, broken images, bad input."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image
from typer.testing import CliRunner

from prune_mi.cli import app
from prune_mi.data import load_dataset
from prune_mi.data.class_file import ClassFile, write_class_file
from prune_mi.errors import ExitCode

pytestmark = pytest.mark.slow


def _predict(*arguments: object) -> tuple[int, str, str]:
    runner = CliRunner(env={"COLUMNS": "200"})
    result = runner.invoke(app, ["predict", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


def _json(*arguments: object) -> dict[str, Any]:
    code, stdout, stderr = _predict(*arguments, "--json")
    assert code == 0, stderr
    found: dict[str, Any] = json.loads(stdout)
    return found


def _classes(found: dict[str, Any]) -> list[str]:
    return [each["class_name"] for each in found["images"]]


def _brightness(
    folder: Path, *, activation: str | None = "softmax", shape: tuple[int | None, ...] = (4, 4, 1)
) -> Path:
    """A model of pixels 0 to 255 that tells dark from bright: logits 0 and mean - 100."""
    inputs = keras.Input(shape)
    x = layers.Reshape((*shape, 1))(inputs) if len(shape) == 2 else inputs
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(2, activation=activation, name="classes")(x)
    model = keras.Model(inputs, x)
    channels = 1 if len(shape) == 2 else shape[2]
    kernel = np.array([[0.0, 1.0 / channels]] * channels)
    model.get_layer("classes").set_weights([kernel, np.array([0.0, -100.0])])
    folder.mkdir(exist_ok=True)
    model.save(folder / "model.keras")
    return folder / "model.keras"


def _image(path: Path, level: int, *, size: tuple[int, int] = (4, 4), colour: bool = False) -> Path:
    shape = (*size, 3) if colour else size
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(shape, level, np.uint8)).save(path)
    return path


def test_digits_are_read_from_files(dense_model: Path, tmp_path: Path) -> None:
    data = load_dataset("digits")
    for index in range(50):
        pixels = np.round(data.x_test[index, ..., 0] * 255 / 16).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index:02}.png")
    found = _json(dense_model, tmp_path, "--scaling", "unit")
    right = [int(name) == label for name, label in zip(_classes(found), data.y_test, strict=False)]
    assert np.mean(right) > 0.95
    assert found["scaling"] == "unit (0 to 1)"
    assert found["notes"] == [
        "There is no classes.json beside the model, so its classes are numbered."
    ]


@pytest.mark.parametrize("activation", ["softmax", None])
def test_logits_become_probabilities(tmp_path: Path, activation: str | None) -> None:
    model = _brightness(tmp_path / "m", activation=activation)
    found = _json(model, _image(tmp_path / "a.png", 102), _image(tmp_path / "b.png", 99))
    assert _classes(found) == ["1", "0"]
    first, second = found["images"]
    assert first["probability"] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-4)
    assert first["next_class"] == "0"
    assert first["next_probability"] == pytest.approx(1 - first["probability"], abs=1e-6)
    assert second["probability"] == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-4)


def test_names_and_scaling_come_from_the_class_file(tmp_path: Path) -> None:
    model = _brightness(tmp_path / "m")
    image = _image(tmp_path / "a.png", 200)
    assert any("pass --scaling unit or signed" in note for note in _json(model, image)["notes"])
    beside = model.with_name("classes.json")
    write_class_file(ClassFile(("dark", "bright"), "none", 255.0, (4, 4, 1)), beside)
    found = _json(model, image)
    assert (_classes(found), found["notes"]) == (["bright"], [])
    write_class_file(ClassFile(("dark", "bright"), "unit", 255.0, (4, 4, 1)), beside)
    assert _classes(_json(model, image)) == ["dark"]
    assert _classes(_json(model, image, "--scaling", "none")) == ["bright"]
    write_class_file(ClassFile(("dark", "bright"), "none", 120.0, (4, 4, 1)), beside)
    assert _classes(_json(model, image)) == ["dark"]  # 200 of 255 is 94 of 120


@pytest.mark.parametrize(
    "content", ['["dark", "bright"]', '{"bright": 1, "dark": 0}', '{"classes": ["dark", "bright"]}']
)
def test_a_class_file_of_names_alone_will_do(tmp_path: Path, content: str) -> None:
    model = _brightness(tmp_path / "m")
    image = _image(tmp_path / "a.png", 200)
    model.with_name("classes.json").write_text(content)
    found = _json(model, image)
    assert _classes(found) == ["bright"]
    assert len(found["notes"]) == 1
    assert "classes.json beside the model names no scaling" in found["notes"][0]
    found = _json(model, image, "--classes", "night,day", "--scaling", "none")
    assert (_classes(found), found["notes"]) == (["day"], [])
    model.with_name("classes.json").write_text('["dark", "bright", "glaring"]')
    code, _, stderr = _predict(model, image)
    assert (code, "it has 3 classes, the model 2; move one" in stderr) == (2, True), stderr
    model.with_name("classes.json").write_text('{"names": ["dark", "bright"]}')
    code, _, stderr = _predict(model, image, "--classes", "night,day")
    assert (code, "has no `classes`; expected" in stderr) == (2, True), stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ClassFile(("a", "b", "c"), "none", 255.0, (4, 4, 1)), "3 classes .*, the model 2 and"),
        (ClassFile(("a", "b"), "none", 255.0, (8, 8, 3)), r"inputs \(8, 8, 3\), the model 2"),
    ],
)
def test_another_models_class_file_is_refused(
    tmp_path: Path, content: ClassFile, message: str
) -> None:
    model = _brightness(tmp_path / "m")
    write_class_file(content, model.with_name("classes.json"))
    code, _, stderr = _predict(model, _image(tmp_path / "a.png", 200))
    assert code == 2
    assert re.search(f"belongs to another model: it has .*{message}", stderr)


def test_images_are_made_to_fit(tmp_path: Path) -> None:
    grey, colour = tmp_path / "grey.png", tmp_path / "colour.png"
    _image(grey, 200, size=(9, 5))
    _image(colour, 50, colour=True)
    model = _brightness(tmp_path / "m")
    found = _json(model, grey, colour, "--scaling", "none")
    assert _classes(found) == ["1", "0"]
    notes = found["notes"]
    assert "1 of 2 images were resized to 4 x 4 pixels (height x width)." in notes
    assert "1 of 2 images were made grey." in notes
    model = _brightness(tmp_path / "m", shape=(4, 4, 3))
    found = _json(model, grey, colour, "--scaling", "none")
    assert _classes(found) == ["1", "0"]
    assert "1 of 2 images were read as colour images." in found["notes"]


def test_images_without_a_channel_axis(tmp_path: Path) -> None:
    model = _brightness(tmp_path / "m", shape=(4, 4))
    assert _classes(_json(model, _image(tmp_path / "a.png", 200))) == ["1"]


def test_a_model_of_any_size_is_told_one(tmp_path: Path) -> None:
    model = _brightness(tmp_path / "m", shape=(None, None, 1))
    image = _image(tmp_path / "a.png", 200, size=(6, 6))
    code, _, stderr = _predict(model, image)
    assert (
        code,
        "takes images of any size, (any, any, 1); pass the size" in stderr,
    ) == (
        2,
        True,
    )
    assert _classes(_json(model, image, "--image-size", "5x7")) == ["1"]
    code, _, stderr = _predict(model, image, "--image-size", "5")
    assert (code, "the image size is 5, but the model takes (any, any, 1)" in stderr) == (2, True)
    write_class_file(
        ClassFile(("dark", "bright"), "none", 255.0, (3, 3, 1)), model.with_name("classes.json")
    )
    found = _json(model, image)
    assert _classes(found) == ["bright"]
    assert found["notes"] == ["1 of 1 images were resized to 3 x 3 pixels (height x width)."]


def test_one_output_of_several_is_named(tmp_path: Path) -> None:
    inputs = keras.Input((4, 4, 1))
    x = layers.Flatten()(inputs)
    outputs = {
        "size": layers.Dense(1, name="size")(x),
        "kind": layers.Dense(3, "softmax", name="kind", bias_initializer="ones")(x),
    }
    keras.Model(inputs, outputs).save(tmp_path / "two.keras")
    image = _image(tmp_path / "a.png", 200)
    code, _, stderr = _predict(tmp_path / "two.keras", image)
    assert (code, "name the one" in stderr and "'kind' (3)" in stderr) == (2, True)
    found = _json(tmp_path / "two.keras", image, "--output", "kind")
    assert found["images"][0]["probability"] >= 1 / 3


def test_broken_images_are_named_and_the_rest_go_on(tmp_path: Path) -> None:
    model = _brightness(tmp_path / "m")
    images = tmp_path / "images"
    _image(images / "a.png", 200)
    _image(images / "c.png", 20)
    (images / "b.png").write_bytes(b"no image")
    code, stdout, stderr = _predict(model, images, "--scaling", "none")
    assert code == ExitCode.PARTLY_DONE == 5
    assert f"1 of 3 images cannot be read: {images / 'b.png'}" in stderr
    rows = [line.split() for line in stdout.splitlines()[1:3]]
    assert [row[1] for row in rows] == ["1", "0"]
    assert rows[0][0].endswith("a.png") and rows[0][2] == "100.0%"
    code, stdout, _ = _predict(model, images, "--json")
    assert code == 5
    assert json.loads(stdout)["broken"] == [str(images / "b.png")]


def test_nothing_but_broken_images_is_bad_input(tmp_path: Path) -> None:
    model = _brightness(tmp_path / "m")
    (tmp_path / "b.png").write_bytes(b"no image")
    code, _, stderr = _predict(model, tmp_path / "b.png")
    assert (code, "none of the 1 images can be read, the first is" in stderr) == (2, True)


def _vectors() -> keras.Model:
    inputs = keras.Input((7,))
    return keras.Model(inputs, layers.Dense(2, "softmax")(inputs))


def _channels_first() -> keras.Model:
    inputs = keras.Input((3, 8, 8))
    return keras.Model(inputs, layers.Dense(2, "softmax")(layers.Flatten()(inputs)))


def _two_inputs() -> keras.Model:
    inputs = [keras.Input((4, 4, 1), name="left"), keras.Input((4, 4, 1), name="right")]
    x = layers.Flatten()(layers.Add()(inputs))
    return keras.Model(inputs, layers.Dense(2, "softmax")(x))


def _sigmoids() -> keras.Model:
    inputs = keras.Input((4, 4, 1))
    return keras.Model(inputs, layers.Dense(2, "sigmoid")(layers.Flatten()(inputs)))


def _maps() -> keras.Model:
    inputs = keras.Input((4, 4, 1))
    return keras.Model(inputs, layers.Conv2D(2, 3)(inputs))


def _not_finite() -> keras.Model:
    inputs = keras.Input((4, 4, 1))
    x = layers.Dense(2, bias_initializer=keras.initializers.Constant(float("inf")))
    return keras.Model(inputs, x(layers.Flatten()(inputs)))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (_vectors, "takes samples of the shape (7); expected images"),
        (_channels_first, "takes samples of the shape (3, 8, 8); expected images"),
        (_two_inputs, "the model has 2 inputs: left, right"),
        (_not_finite, "yields NaN or infinity"),
    ],
)
def test_models_of_other_kinds_are_refused(
    tmp_path: Path, build: Callable[[], keras.Model], message: str
) -> None:
    build().save(tmp_path / "model.keras")
    code, _, stderr = _predict(tmp_path / "model.keras", _image(tmp_path / "a.png", 9))
    assert (code, message in stderr) == (2, True), stderr


@pytest.mark.parametrize(("build", "task"), [(_sigmoids, "multi-label"), (_maps, "segmentation")])
def test_what_is_not_one_class_is_told_by_name(
    tmp_path: Path, build: Callable[[], keras.Model], task: str
) -> None:
    model = build()
    model.save(tmp_path / "model.keras")
    image = _image(tmp_path / "a.png", 9)
    code, stdout, stderr = _predict(tmp_path / "model.keras", image, "--json")
    assert code == 0, stderr
    found = json.loads(stdout)
    assert found["task"] == task
    values = list(found["images"][0]["values"].values())
    answers = model.predict(np.full((1, 4, 4, 1), 9, np.float32), verbose=0)
    if task == "segmentation":  # the shares of the pixels, of classes that are there
        answers = np.unique(answers.argmax(axis=-1), return_counts=True)[1] / 4
    np.testing.assert_allclose(values, answers.ravel(), atol=1e-4)


def test_bad_arguments(tmp_path: Path) -> None:
    model = _brightness(tmp_path / "m")
    image = _image(tmp_path / "a.png", 200)
    (tmp_path / "notes.txt").touch()
    for arguments, message in (
        ((model, tmp_path / "none.png"), "there is no such image"),
        ((model, tmp_path / "notes.txt"), "is not an image of a known type"),
        ((tmp_path / "none.keras", image), "no such file"),
        ((image, image), "a.png"),
        ((model, image, "--scaling", "standardize"), "`scaling` is 'standardize'; expected one of"),
        ((model, image, "--image-size", "x"), "expected for instance 224x224"),
        ((model, image, "--image-size", "8x8"), "the image size is 8x8, but the model takes (4, 4"),
        ((model,), "Missing argument"),
    ):
        code, _, stderr = _predict(*arguments)
        assert (code, message in stderr) == (2, True), stderr
