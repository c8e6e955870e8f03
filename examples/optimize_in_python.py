"""Hands a loaded model and arrays to `optimize`, and goes on with the slim model that comes back.

    python examples/optimize_in_python.py

The model has a layer of its own, which only has to be registered with Keras. The script needs no
`if __name__ == "__main__":`, and writes nothing but the run folder.
"""

import sys
from pathlib import Path

import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import prune_mi

out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("digits-run")


@keras.saving.register_keras_serializable("examples")
class Brightness(layers.Layer):
    """Divides by the brightest pixel that there can be."""

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Pixels 0 to 16 as 0 to 1."""
        return inputs / 16


def block(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    """Convolution, batch norm, ReLU."""
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))


keras.utils.set_random_seed(0)
digits = load_digits()
images, labels = digits.images[..., None].astype("float32"), digits.target
x_train, x_test, y_train, y_test = train_test_split(images, labels, random_state=0)

inputs = keras.Input((8, 8, 1))
x = block(Brightness()(inputs), 16)
x = layers.Add()([x, block(x, 16)])
x = block(block(layers.MaxPooling2D()(x), 32), 32)
x = layers.GlobalAveragePooling2D()(x)
model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x), name="digits")
model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=10, verbose=0)

slim, report = prune_mi.optimize(
    model,
    data=(x_train, y_train, x_test, y_test),
    out=out,
    overwrite=True,
    max_accuracy_drop=0.05,
    generations=1,
    children=2,
    child_epochs=2,
    final_epochs=2,
)

loss, accuracy = slim.evaluate(x_test, y_test, verbose=0)
print(f"before  {model.count_params():>6,} params, accuracy {report.reference.test_metric:.4f}")
print(f"after   {slim.count_params():>6,} params, accuracy {report.result.test_metric:.4f}")
print(f"on all test images {accuracy:.4f}; written to {report.folder}")
