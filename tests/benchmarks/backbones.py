"""Networks on backbones of `keras.applications` for numbers and masks, trained and made smaller.

Images are digits of scikit-learn, enlarged and put somewhere on a noisy canvas. `mobilenet`
foretells where the digit lies and how large it is (regression); `unet` tells its pixels from the
background, and even from odd digits (segmentation). Both begin with MobileNetV2.

    python tests/benchmarks/backbones.py unet --budget 10m --out backbones
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

_TRAIN, _TEST = {"mobilenet": 12_000, "unet": 4000}, 1000
_SIZES = {"mobilenet": 48, "unet": 64}
_EPOCHS = {"mobilenet": 10, "unet": 8}
_BATCH = 32


def main() -> None:
    """Trains one network, shrinks it and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=sorted(_SIZES))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--budget", default="10m")
    parser.add_argument("--max-drop", type=float, default=0.02)
    parser.add_argument("--epochs", type=int, help="of the training; else as many as it needs")
    options = parser.parse_args()
    folder = options.out / options.kind
    folder.mkdir(parents=True, exist_ok=True)
    data = _data(folder / "data.npz", options.kind)
    model = folder / "model.keras"
    if not model.exists():
        epochs = options.epochs or _EPOCHS[options.kind]
        _train(model, options.kind, np.load(data), epochs)

    import prune_mi

    done = prune_mi.optimize(
        model,
        data=str(data),
        out=folder / "run",
        overwrite=True,
        budget=options.budget,
        max_accuracy_drop=options.max_drop,
    )
    report = done.report
    print(f"{options.kind}: {report.task}, {report.metric_words} on {_TEST} test images")
    print(f"{'':10}{'MACs':>14}{'params':>12}{'test':>9}")
    for name in ("reference", "control", "result"):
        each = getattr(report, name)
        print(f"{name:10}{each.macs:14,}{each.num_params:12,}{each.full_test_metric:9.4f}")


def _data(path: Path, kind: str) -> Path:
    """Writes the images and what is to be told of them, once."""
    if path.exists():
        return path
    rng = np.random.default_rng(0)
    digits = load_digits()
    rows = rng.permutation(len(digits.images))
    held = len(rows) // 5  # digits of test images are in no training image
    arrays = {}
    for split, num, own in (("train", _TRAIN[kind], rows[held:]), ("test", _TEST, rows[:held])):
        drawn = rng.choice(own, num)
        images, numbers, masks = zip(
            *(_scene(digits.images[row], digits.target[row], _SIZES[kind], rng) for row in drawn),
            strict=True,
        )
        arrays[f"x_{split}"] = np.stack(images)
        arrays[f"y_{split}"] = np.stack(masks if kind == "unet" else numbers)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    return path


def _scene(
    digit: np.ndarray, label: int, side: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A digit on a canvas; its centre and size as shares of the side; its mask."""
    scale = int(rng.integers(side // 32 + 1, side // 12 + 1))
    ink = np.kron(digit / 16, np.ones((scale, scale)))
    size = len(ink)
    top, left = rng.integers(0, side - size + 1, 2)
    canvas = rng.normal(60, 20, (side, side, 3)) + rng.uniform(-30, 30, 3)
    colour = rng.uniform(120, 200, 3)
    place = (slice(top, top + size), slice(left, left + size))
    canvas[place] += ink[..., None] * colour
    mask = np.zeros((side, side), np.uint8)
    mask[place] = (ink > 0.4) * (1 + label % 2)
    numbers = np.array([top + size / 2, left + size / 2, size], np.float32) / side
    return np.clip(canvas, 0, 255).astype(np.uint8), numbers, mask


def _train(path: Path, kind: str, arrays: Any, epochs: int) -> None:
    import keras

    keras.utils.set_random_seed(0)
    model = _mobilenet() if kind == "mobilenet" else _unet()
    steps = epochs * (_TRAIN[kind] // _BATCH)
    loss = "sparse_categorical_crossentropy" if kind == "unet" else "mse"
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(keras.optimizers.Adam(rate), loss)
    model.fit(arrays["x_train"], arrays["y_train"], batch_size=_BATCH, epochs=epochs, verbose=2)
    model.save(path)


def _backbone(side: int) -> Any:
    """MobileNetV2 whose statistics follow within a few thousand images."""
    import keras

    inputs = keras.Input((side, side, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    backbone = keras.applications.MobileNetV2(
        input_tensor=scaled, include_top=False, weights=None, alpha=0.35
    )
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9
    return backbone


def _mobilenet() -> Any:
    import keras

    backbone = _backbone(_SIZES["mobilenet"])
    flat = keras.layers.Flatten()(backbone.output)
    return keras.Model(backbone.input, keras.layers.Dense(3, name="where")(flat))


def _unet() -> Any:
    """MobileNetV2 down, transposed convolutions up, with what is finer beside them."""
    import keras
    from keras import layers

    backbone = _backbone(_SIZES["unet"])
    finer = ("block_1_expand_relu", "block_3_expand_relu", "block_6_expand_relu")
    tensor = backbone.get_layer("block_13_expand_relu").output
    for name, width in zip(reversed(finer), (48, 32, 24), strict=True):
        tensor = layers.Conv2DTranspose(width, 3, strides=2, padding="same")(tensor)
        tensor = layers.Concatenate()([tensor, backbone.get_layer(name).output])
        tensor = layers.Conv2D(width, 3, padding="same", use_bias=False)(tensor)
        tensor = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(tensor))
    tensor = layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu")(tensor)
    return keras.Model(
        backbone.input, layers.Conv2D(3, 1, activation="softmax", name="pixels")(tensor)
    )


if __name__ == "__main__":
    main()
