"""`prune-mi demo`: the main job on data and a model that need no download.

Trains a small network as a person might design it, with more layers than the task needs, on
scikit-learn's digits (1,797 images of 8x8), then optimizes it on the same path as any model.
"""

import itertools
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import keras
from keras import layers

from prune_mi.commands.optimize import run_optimize
from prune_mi.config import make_settings
from prune_mi.data import Dataset, load_dataset
from prune_mi.records import ModelSource, Observer, RunReport

_EPOCHS = 12
_BATCH = 32


def run_demo(
    out: Path | None,
    *,
    seed: int,
    overwrite: bool,
    observer: Observer,
    started: float | None = None,
) -> RunReport:
    """Trains and optimizes the demo's network.

    Args:
        out: The run folder; None takes a new one in `prune-mi-runs`.
        seed: Of everything drawn.
        overwrite: Whether an earlier run's files in `out` may be replaced.
        observer: Hears of progress.
        started: When its clock began, on `time.monotonic`; None: now.
    """
    started = time.monotonic() if started is None else started
    settings = make_settings(
        {
            "data": "digits",
            "max_accuracy_drop": 0.02,
            "objective": "params",
            "generations": 1,
            "children": 6,
            "child_epochs": 6,
            "final_epochs": 20,
            "seed": seed,
        }
    )
    keras.utils.set_random_seed(seed)
    data = load_dataset("digits")
    observer.phase("Training a small network on scikit-learn's digits")
    model = demo_network()
    train_demo_network(model, data)
    folder = out or _new_folder()
    with tempfile.TemporaryDirectory() as scratch:
        original = Path(scratch) / "original.keras"
        model.save(original)
        report = run_optimize(
            ModelSource(original),
            settings,
            out=folder,
            overwrite=overwrite,
            observer=observer,
            started=started,
        )
        return replace(report, model=str(shutil.copy(original, folder / original.name)))


def _new_folder() -> Path:
    names = itertools.chain(["demo"], (f"demo-{number}" for number in itertools.count(2)))
    return next(path for name in names if not (path := Path("prune-mi-runs") / name).exists())


def demo_network() -> keras.Model:
    """Conv-BN-ReLU blocks with one residual branch, and layers that digits do not need."""
    inputs = keras.Input((8, 8, 1), name="digit")
    x = _block(inputs, 16)
    x = _block(x, 16)
    shortcut = x
    branch = _block(x, 16)
    branch = layers.Conv2D(16, 3, padding="same", use_bias=False)(branch)
    branch = layers.BatchNormalization(momentum=0.9)(branch)
    x = layers.ReLU()(layers.Add()([shortcut, branch]))
    x = layers.MaxPooling2D()(x)
    x = _block(x, 32)
    x = _block(x, 32)
    x = _block(x, 32)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.1)(x)
    outputs = layers.Dense(10, activation="softmax", name="classes")(x)
    return keras.Model(inputs, outputs, name="demo")


def train_demo_network(model: keras.Model, data: Dataset) -> None:
    """Trains on raw pixels, 0 to 16, divided by 16."""
    steps = _EPOCHS * (len(data.x_train) // _BATCH)
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(5e-3, steps)),
        loss="sparse_categorical_crossentropy",
        jit_compile=keras.backend.backend() == "jax",
    )
    model.fit(data.x_train / 16.0, data.y_train, batch_size=_BATCH, epochs=_EPOCHS, verbose=0)


def _block(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
