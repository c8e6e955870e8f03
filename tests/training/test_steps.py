"""JAX: many steps in one program are the steps that are taken one by one."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed"),
]

_SCRIPT = """
import sys

import keras
import numpy as np
from keras import layers

from prune_mi.data import AugmentationPolicy, fit_scaling, load_dataset
from prune_mi.keras_io.trace import trace_model
from prune_mi.training import fit
from prune_mi.training.distillation import distillation_targets
from prune_mi.training.feed import TrainingImages
from prune_mi.training.fit import TrainingPlan, train

keras.utils.set_random_seed(0)
inputs = keras.Input((8, 8, 1))
x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3)(inputs)))
x = layers.Dropout(0.1)(layers.Flatten()(x))
graph = trace_model(keras.Model(inputs, layers.Dense(10, activation="softmax")(x)))
data = load_dataset("digits")
source = TrainingImages(
    images=data.x_train,
    targets=distillation_targets(data.y_train, None, num_classes=10),
    scaling=fit_scaling("unit", data.x_train),
    augmentation=AugmentationPolicy(flip=False, max_shift=0),
)
plan = TrainingPlan(
    num_images=32 * 21,  # no multiple of 8 steps
    seconds=None,
    batch_size=32,
    learning_rate=2e-3,
    distillation=0.0,
    temperature=2.0,
    from_logits=False,
    seed=0,
)
found = {}
for a_call in (1, 8):
    keras.utils.set_random_seed(0)  # for dropout
    fit.steps_a_call = lambda batch_bytes: a_call
    trained = train(graph, source, plan)
    assert trained.images_trained == 32 * 21
    layers_ = trained.graph.layers.values()
    found[str(a_call)] = np.concatenate([w.ravel() for layer in layers_ for w in layer.weights])
np.savez(sys.argv[1], **found)
"""


def test_steps_in_one_program_are_the_steps_one_by_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(tmp_path / "weights.npz")],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "weights.npz") as found:
        one, eight = found["1"], found["8"]
    assert one.std() > 0.05
    np.testing.assert_allclose(one, eight, atol=1e-3)
