"""The command line on what people bring: numbered folders, 16 bits, photos, wrong orders."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image
from typer.testing import CliRunner

from prune_mi.cli import app
from prune_mi.data.class_file import ClassFile, write_class_file

pytestmark = pytest.mark.slow
_SIDE, _CLASSES = 8, 12


def _run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, list(map(str, arguments)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


def _image(label: int, rng: np.random.Generator) -> np.ndarray:
    image = rng.integers(0, 60, (_SIDE, _SIDE)).astype(np.uint8)
    row, column = 2 * (label // 4), 2 * (label % 4)
    image[row : row + 2, column : column + 2] = rng.integers(180, 255)
    return image


def _folders(home: Path, names: list[str]) -> Path:
    rng = np.random.default_rng(0)
    for label, name in enumerate(names):
        (home / name).mkdir(parents=True)
        for index in range(24):
            Image.fromarray(_image(label, rng)).save(home / name / f"{index:02}.png")
    return home


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve classes by the place of a bright square, pixels in 0..1; a layer may go."""
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(_CLASSES), 40)
    images = np.stack([_image(label, rng) for label in labels])[..., None] / 255.0
    keras.utils.set_random_seed(0)
    inputs = keras.Input((_SIDE, _SIDE, 1))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(inputs)
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    net = keras.Model(
        inputs, layers.Dense(_CLASSES, "softmax")(layers.Flatten()(layers.MaxPooling2D()(x)))
    )
    net.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    net.fit(images, labels, epochs=8, batch_size=32, verbose=0)
    path = tmp_path_factory.mktemp("model") / "model.keras"
    net.save(path)
    return path


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _folders(tmp_path_factory.mktemp("data") / "numbered", [str(k) for k in range(_CLASSES)])


NAMES = ["kiwi", "apple", "mango", "fig", "plum", "pear", "lime", "nut", "corn", "bean", "leek"]


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _folders(tmp_path_factory.mktemp("data") / "renamed", [*NAMES, "rice"])


def test_numbered_folders_are_ranked_in_the_order_of_numbers(model: Path, numbered: Path) -> None:
    code, stdout, stderr = _run("rank", model, "--data", numbered, "--json", "--samples", "100")
    assert code == 0, stderr
    notes = json.loads(stdout)["notes"]
    assert any(note.startswith("Class order found: sorted as numbers (0, 1, 2,") for note in notes)


def test_numbered_folders_are_optimized_in_the_order_of_numbers(
    model: Path, numbered: Path, tmp_path: Path
) -> None:
    arguments = ("--generations", 1, "--children", 1, "--child-epochs", 0.1, "--no-control")
    code, stdout, stderr = _run(
        *("optimize", model, "--data", numbered, "--out", tmp_path / "run", *arguments),
        *("--final-epochs", 0.1, "--workers", 1, "--quiet", "--json"),
    )
    assert code in (0, 3), stderr
    assert json.loads(stdout)["reference"]["full_test_metric"] > 0.97


def test_a_search_from_a_model_names_classes_in_its_order(
    model: Path, numbered: Path, tmp_path: Path
) -> None:
    code, stdout, stderr = _run(
        *("search", "--from", model, "--data", numbered, "--out", tmp_path / "run", "--quiet"),
        *("--generations", 1, "--children", 1, "--child-epochs", 0.1, "--final-epochs", 0.1),
        *("--workers", 1, "--json", "--scaling", "unit"),
    )
    assert code in (0, 3), stderr
    report = json.loads(stdout)
    assert report["reference"]["full_test_metric"] > 0.97
    assert report["classes"] == [str(k) for k in range(_CLASSES)]
    described = json.loads((tmp_path / "run" / "classes.json").read_text())
    assert described["classes"] == report["classes"]
    found = _predicted(tmp_path / "run", numbered / "10" / "00.png")
    assert found == ["10"]


def _predicted(*arguments: object) -> list[str]:
    code, stdout, stderr = _run("predict", *arguments, "--json")
    assert code == 0, stderr
    return [each["class_name"] for each in json.loads(stdout)["images"]]


@pytest.mark.parametrize("command", [["optimize"], ["rank"], ["search", "--from"]])
def test_an_order_that_nobody_can_guess_stops_every_command(
    model: Path, renamed: Path, tmp_path: Path, command: list[str]
) -> None:
    out = () if command == ["rank"] else ("--out", tmp_path / "run")
    code, _, stderr = _run(*command, model, "--data", renamed, "--quiet", *out)
    assert code == 2
    assert "but the mean probability of its answers is" in stderr or "better than chance" in stderr
    assert "1. class order: the labels look to be in another order" in stderr
    assert f"pass --classes {','.join(NAMES)},rice; else" in stderr
    assert not (tmp_path / "run").exists()


def test_the_order_may_be_said(model: Path, renamed: Path, tmp_path: Path) -> None:
    listed = tmp_path / "order.txt"
    listed.write_text("\n".join([*NAMES, "rice"]))
    for said in (",".join([*NAMES, "rice"]), str(listed)):
        code, _, stderr = _run(
            *("rank", model, "--data", renamed, "--classes", said, "--json", "--samples", "100")
        )
        assert code == 0, stderr


def test_a_class_file_beside_the_model_says_the_order(
    model: Path, renamed: Path, numbered: Path, tmp_path: Path
) -> None:
    beside = tmp_path / "model.keras"
    beside.write_bytes(model.read_bytes())
    content = ClassFile((*NAMES, "rice"), "unit", 255.0, (_SIDE, _SIDE, 1))
    write_class_file(content, tmp_path / "classes.json")
    arguments = ("--json", "--samples", "100")
    code, stdout, stderr = _run("rank", beside, "--data", renamed, *arguments)
    assert code == 0, stderr
    assert "Classes are in the order of" in stdout
    code, stdout, stderr = _run("rank", beside, "--data", numbered, *arguments)
    assert code == 0, stderr
    assert "is ignored: its 12 classes (kiwi, apple, mango, ...) are not those of" in stdout


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("kiwi,apple", "2 classes were given ('kiwi', 'apple'), but the model has 12"),
        ("kiwi,kiwi", "`classes` names 'kiwi' more than once"),
        (",".join([*NAMES, "grape"]), "'grape' is no class of"),
        ("order.json", "`classes` is 'order.json'; there is no such file"),
    ],
)
def test_a_wrong_order_is_bad_input(model: Path, renamed: Path, said: str, message: str) -> None:
    code, _, stderr = _run("rank", model, "--data", renamed, "--classes", said)
    assert (code, message in stderr) == (2, True), stderr


def test_a_search_from_scratch_has_no_model_with_an_order(numbered: Path) -> None:
    code, _, stderr = _run(
        *("search", "--from-scratch", "--data", numbered, "--classes", "a,b", "--out", "nowhere")
    )
    assert (code, "`classes` is 'a,b' in a search from scratch" in stderr) == (2, True), stderr


def test_predict_is_told_the_names(model: Path, numbered: Path) -> None:
    given = ("--classes", ",".join([*NAMES, "rice"]), "--scaling", "unit")
    assert _predicted(model, numbered / "0" / "00.png", *given) == ["kiwi"]
    code, _, stderr = _run("predict", model, numbered / "0" / "00.png", "--classes", "a,b")
    assert (code, "2 classes were given, but the model has 12" in stderr) == (2, True)


def _half(folder: Path, *, scale: float, shape: tuple[int, ...] = (4, 4, 1)) -> Path:
    """A model that tells whether the left (0) or the right half (1) is brighter."""
    inputs = keras.Input(shape)
    x = layers.Flatten()(layers.GlobalAveragePooling2D(keepdims=True)(inputs) * 0 + inputs)
    net = keras.Model(inputs, layers.Dense(2, "softmax", name="classes")(x))
    weights = np.zeros(shape)
    weights[:, : shape[1] // 2] = 1
    kernel = np.stack([weights.ravel(), 1 - weights.ravel()], axis=1) * scale
    net.get_layer("classes").set_weights([kernel, np.array([0.0, scale * 2])])
    net.save(folder / "half.keras")
    return folder / "half.keras"


def test_16_bits_are_predicted_at_all_levels(tmp_path: Path) -> None:
    model = _half(tmp_path, scale=2.0)
    for index, levels in enumerate(((20000, 3000), (3000, 4000))):
        pixels = np.repeat(np.array([levels], np.uint16), 2, axis=1).repeat(4, axis=0)
        for suffix in ("png", "tif"):
            Image.fromarray(pixels).save(tmp_path / f"{index}.{suffix}")
    files = [tmp_path / name for name in ("0.png", "0.tif", "1.png", "1.tif")]
    # Left less right: 8 pixels of (20000 - 3000) / 65535 are just above the bias of 2.
    assert _predicted(model, *files, "--scaling", "unit") == ["0", "0", "1", "1"]
    flat = np.repeat(np.array([[78, 12]], np.uint8), 2, axis=1).repeat(4, axis=0)
    Image.fromarray(flat).save(tmp_path / "flat.png")
    assert _predicted(model, tmp_path / "flat.png", "--scaling", "unit") == ["0"]


def test_photos_are_predicted_as_they_are_to_be_seen(tmp_path: Path) -> None:
    model = _half(tmp_path, scale=2.0)
    pixels = np.full((8, 8), 10, np.uint8)
    pixels[:, :4] = 250
    exif = Image.Exif()
    for orientation, expected in ((1, "0"), (2, "1"), (3, "1")):
        exif[0x0112] = orientation
        Image.fromarray(pixels).save(tmp_path / "photo.jpg", exif=exif)
        assert _predicted(model, tmp_path / "photo.jpg", "--scaling", "unit") == [expected]


def test_colour_scalings_are_predicted_with(tmp_path: Path) -> None:
    model = _half(tmp_path, scale=0.01, shape=(4, 4, 3))
    pixels = np.full((4, 4, 3), 100, np.uint8)
    pixels[:, :2] = 250
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    for scaling in ("caffe", "torch"):
        assert _predicted(model, tmp_path / "photo.png", "--scaling", scaling) == ["0"]
    grey = _half(tmp_path, scale=2.0)
    code, _, stderr = _run("predict", grey, tmp_path / "photo.png", "--scaling", "caffe")
    assert code == 2
    assert "three colour channels, but samples have the shape (4, 4, 1)" in stderr


def test_turned_photos_and_hidden_twins_are_trained_on(tmp_path: Path) -> None:
    """A model of upright photos is right on those that lie on their side in the file."""
    exif = Image.Exif()
    exif[0x0112] = 6
    rng = np.random.default_rng(0)
    for label, name in enumerate(("left", "right")):
        (tmp_path / "images" / name).mkdir(parents=True)
        for index in range(40):
            image = rng.integers(0, 60, (4, 6)).astype(np.uint8)
            image[:, 3 * label : 3 * label + 3] += 150
            lying = Image.fromarray(np.rot90(image).copy())
            lying.save(tmp_path / "images" / name / f"{index}.png", exif=exif)
            (tmp_path / "images" / name / f"._{index}.png").write_bytes(b"\0\5\x16\7")
    model = _half(tmp_path, scale=0.5, shape=(4, 6, 1))
    net = keras.models.load_model(model)
    kernel, _ = net.get_layer("classes").get_weights()
    net.get_layer("classes").set_weights([kernel, np.zeros(2)])
    x = layers.Conv2D(1, 1, activation="relu", kernel_initializer="ones")(net.inputs[0])
    keras.Model(net.inputs, net(x)).save(model)
    code, stdout, stderr = _run(
        *("rank", model, "--data", tmp_path / "images", "--json", "--scaling", "unit")
    )
    assert code == 0, stderr
    assert "unit 1.000" in stdout
    assert "broken" not in stdout and "resized" not in stdout


PIPELINE = """
import numpy as np
import tensorflow as tf

with np.load({npz!r}) as file:
    x_train, y_train, x_test, y_test = (
        file[name] for name in ("x_train", "y_train", "x_test", "y_test")
    )

def data():
    train = tf.data.Dataset.from_tensor_slices((x_train, y_train)).batch(32)
    return train, tf.data.Dataset.from_tensor_slices((x_test, y_test))

def broken():
    def samples():
        yield x_train[0], y_train[0]
        raise OSError("the camera is gone")
    return samples(), (x_test, y_test)
"""


def test_a_pipeline_is_measured_as_its_arrays_are(model: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    labels = np.repeat(np.arange(_CLASSES), 20)
    images = np.stack([_image(label, rng) for label in labels])[..., None]
    npz, pipeline = tmp_path / "arrays.npz", tmp_path / "my_pipeline.py"
    half = {"x_train": images[::2], "y_train": labels[::2]}
    np.savez(npz, **half, x_test=images[1::2], y_test=labels[1::2])
    pipeline.write_text(PIPELINE.format(npz=str(npz)))
    found = []
    for data in (npz, f"{pipeline}:data"):
        code, told, said = _run("evaluate", model, "--data", data, "--json")
        assert code == 0, said
        found.append({name: each for name, each in json.loads(told).items() if name != "data"})
    assert found[0] == found[1]
    out = tmp_path / "run"
    code, _, said = _run("optimize", model, "--data", f"{pipeline}:broken", "--out", out)
    assert code == 2 and not out.exists()
    assert (
        "raised OSError: the camera is gone (my_pipeline.py, line 17); samples or batches before"
        in said
    )
