"""Trains a small ResNet or VGG, for those who have no model at hand to optimize.

    python examples/train_small_model.py --architecture resnet --data digits --out models
    prune-mi optimize models/resnet.h5 --data digits

Writes the model twice, as Keras 2 style `.h5` and as Keras 3's `.keras`. The pixels are scaled to
0..1 outside the model, as most people do; `prune-mi optimize` finds that out by itself.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from prune_mi import PruneMIError
from prune_mi.data import load_dataset
from prune_mi.data.scaling import pixel_range

# With few steps, the default of 0.99 would leave much of the initial statistics in batch norm.
NORM_MOMENTUM = 0.9


def conv_block(x: keras.KerasTensor, filters: int, stride: int = 1) -> keras.KerasTensor:
    """Convolution, batch norm, ReLU."""
    x = keras.layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    x = keras.layers.BatchNormalization(momentum=NORM_MOMENTUM)(x)
    return keras.layers.ReLU()(x)


def residual_block(x: keras.KerasTensor, filters: int, stride: int) -> keras.KerasTensor:
    """Two convolutions beside a shortcut, which is a 1x1 convolution where shapes differ."""
    branch = conv_block(x, filters, stride)
    branch = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(branch)
    branch = keras.layers.BatchNormalization(momentum=NORM_MOMENTUM)(branch)
    shortcut = x
    if stride != 1 or x.shape[-1] != filters:
        shortcut = keras.layers.Conv2D(filters, 1, strides=stride, use_bias=False)(x)
        shortcut = keras.layers.BatchNormalization(momentum=NORM_MOMENTUM)(shortcut)
    return keras.layers.ReLU()(keras.layers.Add()([branch, shortcut]))


def stage_filters(image_shape: Sequence[int]) -> tuple[int, ...]:
    """Channels of each stage; every stage after the first halves the image."""
    return (16, 32, 64) if min(image_shape[:2]) >= 16 else (16, 32)


def build_resnet(image_shape: Sequence[int], num_classes: int) -> keras.Model:
    """A stem and two or three stages of two residual blocks."""
    image = keras.Input(tuple(image_shape))
    x = conv_block(image, 16)
    for stage, filters in enumerate(stage_filters(image_shape)):
        x = residual_block(x, filters, stride=1 if stage == 0 else 2)
        x = residual_block(x, filters, stride=1)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(num_classes, activation="softmax")(x)
    return keras.Model(image, x, name="small_resnet")


def build_vgg(image_shape: Sequence[int], num_classes: int) -> keras.Model:
    """Two or three stages of three convolutions and a pooling, then two dense layers."""
    image = keras.Input(tuple(image_shape))
    x = image
    for filters in stage_filters(image_shape):
        for _ in range(3):
            x = conv_block(x, filters)
        x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(64, activation="relu")(x)
    x = keras.layers.Dropout(0.3)(x)
    x = keras.layers.Dense(num_classes, activation="softmax")(x)
    return keras.Model(image, x, name="small_vgg")


ARCHITECTURES: dict[str, Callable[[Sequence[int], int], keras.Model]] = {
    "resnet": build_resnet,
    "vgg": build_vgg,
}


def to_unit(images: np.ndarray, highest: float) -> np.ndarray:
    """Scales raw pixels `(N, H, W[, C])` to 0..1 as float32 `(N, H, W, C)`."""
    scaled = images.astype(np.float32) / np.float32(highest)
    return scaled[..., np.newaxis] if scaled.ndim == 3 else scaled


def train_small_model(
    architecture: str, data: str, out: Path, *, epochs: int = 10, seed: int = 0, verbose: int = 2
) -> tuple[Path, float]:
    """Builds, trains and saves a model.

    Args:
        architecture: A key of `ARCHITECTURES`.
        data: A data set's name or path, as `prune-mi optimize --data` takes it.
        out: Folder for `<architecture>.h5` and `<architecture>.keras`.
        epochs: Passes over the training images.
        seed: Of the initial weights, the order of the images and dropout.
        verbose: Passed to `model.fit`; 0 is silent.

    Returns:
        Path of the `.h5` file, and the accuracy on the test images.
    """
    keras.utils.set_random_seed(seed)
    dataset = load_dataset(data)
    highest = pixel_range(dataset.x_train)
    x_train, x_test = to_unit(dataset.x_train, highest), to_unit(dataset.x_test, highest)

    model = ARCHITECTURES[architecture](x_train.shape[1:], dataset.num_classes)
    batch_size = 64
    num_steps = max(1, epochs * -(-len(x_train) // batch_size))
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, num_steps)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(x_train, dataset.y_train, batch_size=batch_size, epochs=epochs, verbose=verbose)
    _, test_accuracy = model.evaluate(x_test, dataset.y_test, batch_size=256, verbose=0)

    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{architecture}.h5"
    model.save(path)
    model.save(path.with_suffix(".keras"))
    return path, float(test_accuracy)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Trains a small ResNet or VGG and saves it.")
    parser.add_argument("--architecture", choices=sorted(ARCHITECTURES), default="resnet")
    parser.add_argument("--data", default="digits", help="data set's name, or path of one")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("models"), help="folder to save in")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        path, test_accuracy = train_small_model(
            options.architecture,
            options.data,
            options.out,
            epochs=options.epochs,
            seed=options.seed,
        )
    except PruneMIError as error:
        sys.exit(f"{error}")
    print(f"test accuracy {test_accuracy:.4f}")
    print(f"saved {path} and {path.with_suffix('.keras')}")


if __name__ == "__main__":
    main()
