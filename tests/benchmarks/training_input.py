"""Does the training input starve the model?

Steady-state images/s of a child's training, augmentation and scaling included, against plain
`model.fit` on the same network with in-memory float arrays and no augmentation; the two take turns,
and the ratio is the figure. Run it with `python tests/benchmarks/training_input.py`.
"""

import argparse
import time

from prune_mi.keras_io.runtime.backend import start_backend

start_backend()

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from prune_mi.config import TrainingSettings
from prune_mi.data import AugmentationPolicy, fit_scaling
from prune_mi.keras_io.loading.load import load_model
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.tasks.classification import TASK
from prune_mi.tasks.head import Head
from prune_mi.training.distillation import DistillationLoss
from prune_mi.training.feed import TrainingImages
from prune_mi.training.fit import train
from prune_mi.training.plan import LossPlan, TrainingPlan

_BATCH = 64


def _resnet8() -> keras.Model:
    layers = keras.layers
    inputs = keras.Input((32, 32, 3))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(16, 3, padding="same")(inputs)))
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = layers.Conv2D(filters, 3, strides=strides, padding="same")(x)
        y = layers.ReLU()(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(y))
        shortcut = x if strides == 1 else layers.Conv2D(filters, 1, strides=strides)(x)
        x = layers.ReLU()(layers.Add()([shortcut, y]))
    outputs = layers.Dense(10, "softmax")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, outputs)


def _child_rate(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> float:
    source = TrainingImages(
        images=images,
        targets=TASK.targets(labels, np.full((len(labels), 10), 0.1), Head((10,))),
        scaling=fit_scaling("mean-image", images),
        augmentation=AugmentationPolicy(flip=True, max_shift=4),
    )
    plan = TrainingPlan(
        num_images=len(images),
        seconds=None,
        learning_rate=1e-4,
        seed=0,
        recipe=TrainingSettings(batch_size=_BATCH),
    )
    trained = train(trace_model(model), source, plan)
    return (trained.images_trained - _BATCH) / trained.step_seconds


def _plain_rate(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> float:
    plain = build_model(trace_model(model))
    optimizer = keras.optimizers.Adam(1e-4)
    optimizer.build(plain.trainable_variables)
    plain.compile(
        optimizer,
        DistillationLoss(LossPlan(), weight=0.7, temperature=2.0),
        jit_compile=keras.backend.backend() == "jax",
    )
    pixels = images.astype("float32") / 255
    targets = TASK.targets(labels, np.full((len(labels), 10), 0.1), Head((10,)))
    plain.fit(pixels[:_BATCH], targets[:_BATCH], batch_size=_BATCH, verbose=0)
    started = time.perf_counter()
    plain.fit(pixels, targets, batch_size=_BATCH, verbose=0)
    return len(pixels) / (time.perf_counter() - started)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="a model for 32x32x3 images; default: a ResNet-8")
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    model = _resnet8() if options.model is None else load_model(options.model).model
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (options.images, 32, 32, 3)).astype("uint8")
    labels = rng.integers(0, 10, options.images)
    table = Table("repeat", "child images/s", "plain fit images/s", "ratio")
    ratios = []
    for repeat in range(options.repeats):
        child, plain = _child_rate(model, images, labels), _plain_rate(model, images, labels)
        ratios.append(child / plain)
        table.add_row(str(repeat + 1), f"{child:.0f}", f"{plain:.0f}", f"{ratios[-1]:.3f}")
    table.add_row("median", "", "", f"{np.median(ratios):.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
