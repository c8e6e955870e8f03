"""Data that a user's code gives; tf.data and PyDataset are in test_tensorflow_data.py."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prune_mi.data import Dataset, LabelForm, ModelInput, load_dataset, scratch, streams
from prune_mi.errors import DataError

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
Y = RNG.integers(0, 3, 40)
W = RNG.random(40).astype(np.float32)
ARRAYS = (X[:30], Y[:30], X[30:], Y[30:])
IMAGE = (ModelInput("image", (8, 8, 1)),)
TWO = (ModelInput("image", (8, 8, 1)), ModelInput("age", (1,)))


def load(given: Any, form: LabelForm = "classes", **options: Any) -> Dataset:
    options.setdefault("inputs", IMAGE)
    return load_dataset(given, choose_form=lambda labels: form, **options)


def samples(start: int, stop: int) -> Iterator[tuple[np.ndarray, np.int64]]:
    yield from zip(X[start:stop], Y[start:stop], strict=True)


def batches(start: int, stop: int, size: int = 7) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for place in range(start, stop, size):
        end = min(place + size, stop)
        yield X[place:end], Y[place:end]


def pairs(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    return X[start:stop], Y[start:stop]


@pytest.mark.parametrize(
    "given",
    [
        ARRAYS,
        list(ARRAYS),
        ((X[:30], Y[:30]), (X[30:], Y[30:])),
        {"x_train": X[:30], "y_train": Y[:30], "x_test": X[30:], "y_test": Y[30:]},
        {"train": pairs(0, 30), "test": pairs(30, 40)},
        {"train": {"x": X[:30], "y": Y[:30]}, "test": pairs(30, 40)},
        (X[:30].tolist(), Y[:30].tolist(), X[30:].tolist(), Y[30:].tolist()),
        (lambda: samples(0, 30), lambda: batches(30, 40)),
        [list(samples(0, 30)).__iter__(), batches(30, 40)],
    ],
)
def test_every_form_gives_the_same(given: Any) -> None:
    data = load(given)
    np.testing.assert_array_equal(data.x_train, X[:30])
    np.testing.assert_array_equal(data.y_train, Y[:30])
    np.testing.assert_array_equal(data.x_test, X[30:])
    np.testing.assert_array_equal(data.y_test, Y[30:])
    assert data.x_train.dtype == np.uint8 and not data.notes and not data.order_known


@pytest.mark.parametrize("size", [1, 7])
def test_a_source_may_fill_one_array_again_and_again(size: int) -> None:
    def filled(start: int, stop: int) -> Iterator[Any]:
        images, labels = np.empty((size, 8, 8, 1), np.uint8), np.empty(size, np.int64)
        for place in range(start, stop, size):
            found = len(X[place : min(place + size, stop)])
            images[:found], labels[:found] = X[place : place + found], Y[place : place + found]
            yield (images[0], labels[0]) if size == 1 else (images[:found], labels[:found])

    data = load((filled(0, 30), filled(30, 40)))
    np.testing.assert_array_equal(data.x_train, X[:30])
    np.testing.assert_array_equal(data.y_train, Y[:30])
    np.testing.assert_array_equal(data.x_test, X[30:])


@pytest.mark.parametrize("inputs", [IMAGE, ()])
@pytest.mark.parametrize("one_hot", [False, True])
def test_samples_and_batches_are_told_apart(inputs: Any, one_hot: bool) -> None:
    labels = np.eye(3)[Y] if one_hot else Y
    single = zip(X[:30], labels[:30], strict=True)
    many = iter([(X[30:35], labels[30:35]), (X[35:], labels[35:])])
    data = load((single, many), inputs=inputs)
    assert data.x_train.shape == (30, 8, 8, 1) and data.x_test.shape == (10, 8, 8, 1)
    np.testing.assert_array_equal(data.y_test, Y[30:])


def test_splits_come_as_train_validation_test() -> None:
    flat = (*pairs(0, 20), *pairs(20, 30), *pairs(30, 40))
    for given in (flat, (pairs(0, 20), batches(20, 30), samples(30, 40))):
        data = load(given)
        assert data.y_val is not None
        np.testing.assert_array_equal(data.y_val, Y[20:30])
        np.testing.assert_array_equal(data.y_test, Y[30:])


def test_sample_weights_of_the_training_split() -> None:
    with_weights = zip(X[:30], Y[:30], W[:30], strict=True)
    for train in ((X[:30], Y[:30], W[:30]), with_weights):
        data = load({"training": train, "validation": pairs(20, 30), "test": pairs(30, 40)})
        assert data.w_train is not None
        np.testing.assert_array_equal(data.w_train, W[:30])


def test_samples_without_labels() -> None:
    for given in ((X[:30], X[30:]), (iter(X[:30]), iter([X[30:]]))):
        data = load(given, "none")
        assert data.form == "none" and len(data.x_train) == 30 and len(data.y_test) == 10


def test_labels_of_another_form() -> None:
    values = X.reshape(40, -1)[:, :2] / 255
    data = load(((X[:30], values[:30]), zip(X[30:], values[30:], strict=True)), "numbers")
    np.testing.assert_allclose(data.y_test, values[30:], rtol=1e-6)
    masks = (X[..., 0] > 100).astype(int)
    data = load((zip(X[:30], masks[:30], strict=True), (X[30:], masks[30:])), "masks")
    np.testing.assert_array_equal(data.y_train, masks[:30])


def test_several_inputs_by_name_or_in_order() -> None:
    def split(start: int, stop: int, named: bool) -> Iterator[Any]:
        for image, age, label in zip(X[start:stop], W[start:stop], Y[start:stop], strict=True):
            yield ({"age": age[None], "image": image} if named else (image, age[None])), label

    expected = np.concatenate([X.reshape(40, -1), W[:, None]], axis=1, dtype=np.float32)
    arrays = {
        "x_train_image": X[:30],
        "x_train_age": W[:30],
        "y_train": Y[:30],
        "x_test": {"image": X[30:], "age": W[30:]},
        "y_test": Y[30:],
    }
    ages = W[:, None]
    flat = ((X[:30], ages[:30]), Y[:30], (X[30:], ages[30:]), Y[30:])
    for given in (arrays, flat, (split(0, 30, True), split(30, 40, False))):
        data = load(given, inputs=TWO)
        assert data.input_shapes == ((8, 8, 1), (1,))
        np.testing.assert_array_equal(data.x_train, expected[:30])
        np.testing.assert_array_equal(data.x_test, expected[30:])


def test_a_dict_with_an_image_and_a_label() -> None:
    def split(start: int, stop: int) -> Iterator[dict[str, Any]]:
        for image, label in samples(start, stop):
            yield {"image": image, "label": label, "id": 3}

    data = load((split(0, 30), split(30, 40)))
    np.testing.assert_array_equal(data.y_train, Y[:30])


def test_large_streams_lie_on_the_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scratch, "IN_MEMORY", 1000)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(scratch.tempfile, "tempdir", None)
    data = load((samples(0, 30), batches(30, 40)))
    assert isinstance(data.x_train, np.memmap) and not isinstance(data.x_test, np.memmap)
    np.testing.assert_array_equal(data.x_train, X[:30])
    assert "were read through once and lie on the disk" in data.notes[0]
    assert not list(tmp_path.iterdir())  # the file has no name, so nothing can be left behind


def test_a_stream_larger_than_the_disk_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "IN_MEMORY", 100)
    monkeypatch.setattr(scratch, "MOST_ON_DISK", 1 << 10)
    with pytest.raises(DataError, match=r"larger than 0 MiB.* set TMPDIR to a folder on a larger"):
        load((samples(0, 30), pairs(30, 40)))


def raises() -> Iterator[Any]:
    yield X[0], Y[0]
    raise KeyError("no such photo")


def ragged() -> Iterator[Any]:
    yield X[0], Y[0]
    yield X[0, :4], Y[0]


def ragged_batches() -> Iterator[Any]:
    yield X[:5], Y[:5]
    yield X[:5, :4], Y[:5]


def unpaired() -> Iterator[Any]:
    yield X[:5], Y[:4]


def changing() -> Iterator[Any]:
    yield X[:5], Y[:5]
    yield X[:5]


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (
            raises(),
            r"train data .* raised KeyError: 'no such photo' \(test_given\.py, "
            r"line \d+\); samples or batches before that: 1",
        ),
        (iter(()), r"the train data of the data given yields nothing; expected at least one"),
        (
            ragged(),
            r"samples of several shapes or kinds \(\(4, 8, 1\), \(8, 8, 1\)\); exp",
        ),
        (ragged_batches(), r"samples of several shapes: x_train has \(4, 8, 1\) from sample 5 on"),
        (unpaired(), r"gives 5 samples, 4 labels in one batch; expected as many of each"),
        (changing(), r"gives x_train after x_train, y_train; expected \(x, y\)"),
        (itertools.repeat((X[0], Y[0])), r"seems never to end: each of its first samples came 4"),
        (
            itertools.cycle(list(samples(0, 40))),
            r"never to end.* itertools\.islice\(generator",
        ),
        (iter([(1, 2, 3, 4)]), r"gives 4 things at a time; expected \(x, y\)"),
        (
            iter([(X[0].astype(str), 1)]),
            r"x_train of the data given holds <U3 values; expec",
        ),
        (lambda: 1 / 0, r"the train data of the data given raised ZeroDivisionError"),
        ((X[:5], 3), r"y_train of the train data of .* and no array; expected"),
        ((X[:5], None), r"gives labels for test, but none for train; expected labels for all"),
        (iter([([[1, 2], [3]], 0)]), r"gives what is no array"),
    ],
)
def test_every_fault_of_a_stream_is_told(train: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load((train, pairs(30, 40)))


def test_a_stream_without_end_of_new_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless() -> Iterator[Any]:
        rng = np.random.default_rng(0)
        while True:
            yield rng.integers(0, 255, (500, 8, 8, 1), dtype=np.uint8), np.zeros(500, int)

    monkeypatch.setattr(streams, "MOST_SAMPLES", 5000)
    with pytest.raises(DataError, match=r"has given 5,000 samples and goes on"):
        load((endless(), pairs(30, 40)))
    monkeypatch.setattr(streams, "LONGEST_SECONDS", 0.0)
    with pytest.raises(DataError, match=r"has given samples for 0 hours and goes on"):
        load((endless(), pairs(30, 40)))


def test_the_same_sample_three_times_is_no_endless_stream() -> None:
    data = load((itertools.chain(*(samples(0, 40) for _ in range(3))), pairs(30, 40)))
    assert len(data.x_train) == 120


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            3,
            r"the data given gives one object, of the type int; expected \(x_train, y_train, ",
        ),
        (samples(0, 30), r"gives one dataset for all splits; expected"),
        ((1, 2, 3, 4, 5), r"gives 5 things; expected"),
        (
            {"train": pairs(0, 30)},
            r"gives train but no test; expected train and test: keep",
        ),
        ({"a": 1}, r"gives a dict with a; expected"),
        ({}, r"gives a dict with nothing in it"),
        ({"x_train": X, "y_train": Y}, r"gives train but no test"),
        (
            ({"a": X, "b": X}, Y, {"a": X, "b": X}, Y),
            r"gives several inputs \(a, b\); expec",
        ),
    ],
)
def test_what_is_no_data_is_refused(given: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(given)


def test_labels_that_are_needed_are_asked_for() -> None:
    with pytest.raises(DataError, match=r"lacks y_train, y_test; .*: give \(x, y\) for each split"):
        load((X[:30], X[30:]))


def test_inputs_of_other_names_are_refused() -> None:
    other = {"a": X, "b": W}
    with pytest.raises(DataError, match=r"gives a, b where the model has the inputs image, age"):
        load(((other, Y), (other, Y)), inputs=TWO)
    with pytest.raises(DataError, match=r"gives one where the model has the inputs image, age"):
        load(((X, Y), (X, Y)), inputs=TWO)


MODULE = """
import numpy as np
from beside import scale

def data():
    rng = np.random.default_rng(0)
    x, y = rng.random((40, 8, 8, 1)) * scale, rng.integers(0, 3, 40)
    return x[:30], y[:30], x[30:], y[30:]

def later():
    def samples():
        import beside
        yield np.zeros((8, 8, 1)), 0
        raise ValueError("row 7 is broken")
    return samples(), samples()

def broken():
    return {}["none"]

number = 3
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> str:
    (tmp_path / "beside.py").write_text("scale = 255\n")
    (tmp_path / "pipeline_of_mine.py").write_text(MODULE)
    return str(tmp_path / "pipeline_of_mine.py")


def test_a_function_of_a_file(pipeline: str) -> None:
    data = load(f"{pipeline}:data")
    assert len(data.x_train) == 30 and data.x_train.dtype == np.float32
    assert data.source == f"{pipeline}:data"


def test_a_function_of_a_module(pipeline: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(pipeline).parent)
    monkeypatch.syspath_prepend(str(Path(pipeline).parent))
    assert len(load("pipeline_of_mine:data").x_test) == 10


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "later",
            r"the train data of .*:later raised ValueError: row 7 is broken \(pipeline_",
        ),
        (
            "broken",
            r"the data .*:broken' raised KeyError: 'none' \(pipeline_of_mine\.py, line",
        ),
        ("nothing", r"nothing is not there; expected a function of .*it has broken, data, later"),
        ("number", r"number is no function; expected"),
    ],
)
def test_faults_of_a_function_are_told(pipeline: str, name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(f"{pipeline}:{name}")


def test_modules_that_cannot_be_imported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot import the data 'no_such_module_at_all:data': M"):
        load("no_such_module_at_all:data")
    with pytest.raises(DataError, match=r"there is no such file: .*nowhere\.py"):
        load(f"{tmp_path}/nowhere.py:data")
    (tmp_path / "syntax.py").write_text("def data(:\n")
    with pytest.raises(DataError, match=r"cannot import the data .*syntax\.py:data': SyntaxError"):
        load(f"{tmp_path}/syntax.py:data")


def test_what_is_a_data_set_already_is_taken() -> None:
    data = load(ARRAYS)
    assert load_dataset(data) is data
