"""Training takes the steps that Keras's own `fit` takes, one by one or many in one program."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow
_NEEDS_JAX = pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")

_SCRIPT = """
import sys
from dataclasses import replace

import keras
import numpy as np
from keras import layers

from prune_mi.data import AugmentationPolicy, fit_scaling, load_dataset
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.training import fit
from prune_mi.training.distillation import DistillationLoss
from prune_mi.tasks.head import Head
from prune_mi.tasks.classification import TASK
from prune_mi.training.feed import Feed, TrainingImages
from prune_mi.training.fit import train
from prune_mi.config import TrainingSettings
from prune_mi.training.plan import LossPlan, TrainingPlan
from prune_mi.training.schedule import Schedule

if len(sys.argv) > 2:
    keras.config.set_dtype_policy(sys.argv[2])
keras.utils.set_random_seed(0)
inputs = keras.Input((8, 8, 1))
x = layers.Conv2D(8, 3, kernel_regularizer="l2")(inputs)
x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
x = layers.Dropout(0.1, seed=7)(layers.Flatten()(x))
graph = trace_model(keras.Model(inputs, layers.Dense(10, activation="softmax", dtype="float32")(x)))
data = load_dataset("digits")
source = TrainingImages(
    images=data.x_train,
    targets=TASK.targets(data.y_train, None, Head((10,))),
    scaling=fit_scaling("unit", data.x_train),
    augmentation=AugmentationPolicy(flip=False, max_shift=0),
)
STEPS = 45  # no multiple of 8
plan = TrainingPlan(
    num_images=32 * STEPS,
    seconds=None,
    learning_rate=0.05,
    seed=0,
    recipe=TrainingSettings(batch_size=32, optimizer="sgd", distillation=0.0),
)
recipe = TrainingSettings(batch_size=32, optimizer="muon", distillation=0.0)
by_muon = replace(plan, learning_rate=3e-3, recipe=recipe)
found = {}


def note(name, weights):
    found[name] = np.concatenate([np.ravel(weight).astype("float64") for weight in weights])


for at_once in (1, 8):
    if at_once > 1 and keras.backend.backend() != "jax":
        continue
    fit.batches_at_once = lambda num_bytes, seconds: at_once
    plans = {"own": plan, "muon": by_muon} if keras.backend.backend() == "jax" else {"own": plan}
    for name, each in plans.items():
        trained = train(graph, source, each)
        assert trained.images_trained == 32 * STEPS, trained.images_trained
        assert trained.images_per_second > 0
        weights = [w for layer in trained.graph.layers.values() for w in layer.weights]
        note(f"{name}-{at_once}", weights)

model = build_model(graph)
loss = DistillationLoss(LossPlan(), weight=0.0, temperature=2.0)
model.compile(keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True), loss=loss)
feed = Feed(source, batch_size=32, num_batches=STEPS, seed=0)
rates = iter(Schedule(STEPS, deadline=None, peak=0.05).rates(STEPS))


class Rates(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = next(rates)


batches = (feed[index] for index in range(STEPS))
model.fit(batches, steps_per_epoch=STEPS, verbose=0, callbacks=[Rates()])
weights = fit.read_weights(model, graph)
note("keras", [w for name in graph.layers for w in weights.get(name, ())])
np.savez(sys.argv[1], **found)
"""


def _trained(folder: Path, backend: str, *policy: str, **env: str) -> dict[str, np.ndarray]:
    path = folder / "weights.npz"
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(path), *policy],
        env={**os.environ, "KERAS_BACKEND": backend, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with np.load(path) as found:
        return dict(found)


def test_tensorflow_takes_the_steps_of_fit(tmp_path: Path) -> None:
    found = _trained(tmp_path, "tensorflow")
    assert found["keras"].std() > 0.05
    np.testing.assert_allclose(found["own-1"], found["keras"], atol=1e-5)


@_NEEDS_JAX
def test_jax_takes_the_steps_of_fit_in_one_program_or_many(tmp_path: Path) -> None:
    found = _trained(tmp_path, "jax")
    np.testing.assert_allclose(found["own-1"], found["keras"], atol=1e-5)
    np.testing.assert_allclose(found["own-8"], found["keras"], atol=1e-5)
    # What is small in a momentum is made as large as the rest, and its rounding with it.
    np.testing.assert_allclose(found["muon-8"], found["muon-1"], atol=3e-3)
    assert np.abs(found["muon-8"] - found["muon-1"]).mean() < 1e-5


@_NEEDS_JAX
@pytest.mark.thorough
def test_jax_trains_in_half_precision_with_a_scaled_loss(tmp_path: Path) -> None:
    found = _trained(tmp_path, "jax", "mixed_float16", JAX_ENABLE_X64="1")  # wide numbers beside
    np.testing.assert_allclose(found["own-1"], found["keras"], atol=1e-5)
    np.testing.assert_allclose(found["own-8"], found["keras"], atol=0.03)  # other rounding
