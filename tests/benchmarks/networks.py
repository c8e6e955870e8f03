"""Small networks for benchmarks, trained on CIFAR-10.

`vgg` is a plain chain, three stages of four conv-BN-ReLU runs with max pooling between them;
`mobilenet` is a chain of inverted residual blocks, ten of them. They end near 0.8 and 0.75 on the
test set. `tutorial` is the network of beginners' courses: three convolutions, two poolings, a dense
head, no batch norm; after four epochs it is at 0.63 to 0.67.

    python tests/benchmarks/networks.py vgg --data cifar10.npz --out vgg.keras
"""

import argparse
from pathlib import Path

from prune_mi.keras_io.runtime.backend import prepare_backend, start_backend

_BATCH = 64


def main() -> None:
    """Trains one network and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["vgg", "mobilenet", "tutorial"])
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, help="default: 6, of the tutorial's 4")
    options = parser.parse_args()
    prepare_backend(threads=1)
    start_backend()
    import keras
    import numpy as np

    keras.utils.set_random_seed(0)
    arrays = np.load(options.data)
    images, labels = arrays["x_train"], arrays["y_train"].ravel()
    model = {"vgg": _vgg, "mobilenet": _mobilenet, "tutorial": _tutorial}[options.kind]()
    plain = options.kind == "tutorial"
    epochs = options.epochs or (4 if plain else 6)
    steps = epochs * (len(images) // _BATCH)
    rate = 1e-3 if plain else keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(images, labels, batch_size=_BATCH, epochs=epochs, verbose=2)
    _, accuracy = model.evaluate(
        arrays["x_test"], arrays["y_test"].ravel(), batch_size=500, verbose=0
    )
    print(f"{options.kind}: test accuracy {accuracy:.4f}")
    model.save(options.out)


def _vgg():  # type: ignore[no-untyped-def]
    from keras import Input, Model, layers

    tensor = inputs = Input((32, 32, 3))
    tensor = layers.Rescaling(1 / 127.5, offset=-1)(tensor)
    for stage, width in enumerate((16, 32, 64)):
        if stage:
            tensor = layers.MaxPooling2D()(tensor)
        for _ in range(4):
            tensor = layers.Conv2D(width, 3, padding="same", use_bias=False)(tensor)
            tensor = layers.ReLU()(layers.BatchNormalization()(tensor))
    tensor = layers.GlobalAveragePooling2D()(tensor)
    return Model(inputs, layers.Dense(10, activation="softmax")(tensor))


def _mobilenet():  # type: ignore[no-untyped-def]
    from keras import Input, Model, layers

    tensor = inputs = Input((32, 32, 3))
    tensor = layers.Rescaling(1 / 127.5, offset=-1)(tensor)
    tensor = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(tensor)
    tensor = layers.ReLU(6.0)(layers.BatchNormalization()(tensor))
    for width, strides in zip(
        (16, 16, 16, 24, 24, 24, 40, 40, 40, 40), (1, 1, 1, 2, 1, 1, 2, 1, 1, 1), strict=True
    ):
        tensor = _inverted_residual(tensor, width, strides)
    tensor = layers.Conv2D(128, 1, use_bias=False)(tensor)
    tensor = layers.ReLU(6.0)(layers.BatchNormalization()(tensor))
    tensor = layers.GlobalAveragePooling2D()(tensor)
    return Model(inputs, layers.Dense(10, activation="softmax")(tensor))


def _tutorial():  # type: ignore[no-untyped-def]
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input((32, 32, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def _inverted_residual(tensor, width, strides):  # type: ignore[no-untyped-def]
    """Sandler et al. (2018), MobileNetV2, expansion 4."""
    from keras import layers

    before = int(tensor.shape[-1])
    inner = layers.Conv2D(4 * before, 1, use_bias=False)(tensor)
    inner = layers.ReLU(6.0)(layers.BatchNormalization()(inner))
    inner = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(inner)
    inner = layers.ReLU(6.0)(layers.BatchNormalization()(inner))
    inner = layers.Conv2D(width, 1, use_bias=False)(inner)
    inner = layers.BatchNormalization()(inner)
    return layers.Add()([tensor, inner]) if strides == 1 and before == width else inner


if __name__ == "__main__":
    main()
