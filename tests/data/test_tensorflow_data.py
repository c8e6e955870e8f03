"""Data that TensorFlow and Keras give: the same as the arrays that they are made of."""

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prune_mi.data import Dataset, ModelInput, load_dataset
from prune_mi.errors import DataError

pytestmark = pytest.mark.slow

INPUTS = (ModelInput("image", (8, 8, 1)),)


def same(given: Any, expected: Dataset) -> None:
    found = load_dataset(given, inputs=INPUTS)
    for name in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert getattr(found, name).dtype == getattr(expected, name).dtype


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits")


def test_tf_data(digits: Dataset) -> None:
    import tensorflow as tf

    train, test = (
        tf.data.Dataset.from_tensor_slices(pair)
        for pair in ((digits.x_train, digits.y_train), (digits.x_test, digits.y_test))
    )
    same((train, test), digits)
    same((train.batch(32), test.batch(50, drop_remainder=False)), digits)
    same({"train": train.batch(32).prefetch(2), "test": (digits.x_test, digits.y_test)}, digits)
    named = train.map(lambda image, label: {"image": image, "label": label})
    same((named, test), digits)
    with pytest.raises(DataError, match=r"train data of .* repeats for ever; .*`\.take\(n\)`"):
        load_dataset((train.repeat(), test), inputs=INPUTS)

    def fails() -> Any:
        yield digits.x_train[0], 1
        raise ValueError("the photo is lost")

    spec = (tf.TensorSpec((8, 8, 1)), tf.TensorSpec((), tf.int64))
    broken = tf.data.Dataset.from_generator(fails, output_signature=spec)
    with pytest.raises(DataError, match=r"the train data of .* raised .*the photo is lost"):
        load_dataset((broken, test), inputs=INPUTS)


def test_a_py_dataset_of_a_function(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_batches.py").write_text(
        textwrap.dedent("""
        import math
        import keras
        from prune_mi.data import load_dataset

        class Batches(keras.utils.PyDataset):
            def __init__(self, x, y):
                super().__init__()
                self.x, self.y = x, y

            def __len__(self):
                return math.ceil(len(self.x) / 32)

            def __getitem__(self, index):
                rows = slice(32 * index, 32 * (index + 1))
                return self.x[rows], self.y[rows]

        class Endless(Batches):
            num_batches = None

        def data():
            digits = load_dataset("digits")
            return Batches(digits.x_train, digits.y_train), Batches(digits.x_test, digits.y_test)

        def endless():
            train, test = data()
            return Endless(train.x, train.y), test
        """)
    )
    same(f"{tmp_path}/my_batches.py:data", digits)
    with pytest.raises(DataError, match=r"never ends: its `num_batches` is None"):
        load_dataset(f"{tmp_path}/my_batches.py:endless", inputs=INPUTS)


def test_tfrecords_that_tensorflow_writes(digits: Dataset, tmp_path: Path) -> None:
    import tensorflow as tf

    def write(path: Path, images: np.ndarray, labels: np.ndarray, compression: str) -> None:
        with tf.io.TFRecordWriter(str(path), compression) as writer:
            for image, label in zip(images, labels, strict=True):
                features = {
                    "pixels": tf.train.Feature(
                        float_list=tf.train.FloatList(value=image.reshape(-1))
                    ),
                    "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                }
                example = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(example.SerializeToString())

    write(tmp_path / "train.tfrecord", digits.x_train, digits.y_train, "GZIP")
    write(tmp_path / "test.tfrecord", digits.x_test, digits.y_test, "")
    description = tmp_path / "digits.yaml"
    description.write_text(
        "train: train.tfrecord\ntest: test.tfrecord\n"
        "image: {feature: pixels, shape: [8, 8, 1]}\nlabel: label\n"
    )
    same(str(description), digits)
