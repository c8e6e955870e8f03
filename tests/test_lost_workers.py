"""A run whose workers die: it ends with a result, and says what died and what was done."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.processes]

# A script without a guard, with a layer of its own, that sends signals to its worker in the midst
# of two trainings.
_SCRIPT = """
import os, signal, sys
from pathlib import Path
import keras, numpy as np
from keras import layers
from prune_mi import optimize
from prune_mi.records import SilentObserver


def child_processes():
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # has ended
        if int(parent) == os.getpid() and state != "Z":
            found.append(int(folder.name))
    return found


class Killer(SilentObserver):
    left = [signal.SIGSEGV, signal.SIGKILL]
    hit = set()

    def training(self, name, images_done, images_total):
        if self.left and name not in self.hit:
            self.hit.add(name)
            os.kill(child_processes()[0], self.left.pop(0))


class Scaled(layers.Layer):
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


keras.saving.register_keras_serializable("script")(Scaled)
keras.utils.set_random_seed(0)
inputs = keras.Input((8, 8, 1))
x = layers.Conv2D(8, 3, padding="same", activation="relu")(Scaled(0.5)(inputs))
for _ in range(2):
    x = layers.Add()([x, layers.Conv2D(8, 3, padding="same", activation="relu")(x)])
x = layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D()(x))
model = keras.Model(inputs, x)
model.compile("adam", "sparse_categorical_crossentropy")
data = np.load("data.npz")
model.fit(data["x_train"], data["y_train"], epochs=30, verbose=0)
model.save("model.keras")
killer = Killer()
found = optimize("model.keras", data="data.npz", out="run", workers=1, max_accuracy_drop=0.5,
    scaling="none", generations=1, children=2, child_epochs=1, final_epochs=1, observer=killer)
report = found.report
assert killer.left == [] and report.smaller and report.images_trained > 0
assert child_processes() == []
failed = [child.detail for child in report.generations[0].children if child.verdict == "failed"]
assert failed == [], failed
print(*[note for note in report.notes if "orker" in note], sep="\\n")
"""


@pytest.mark.thorough  # tests/execution/test_pool.py has each death by itself
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for the workers in /proc")
def test_workers_that_die_in_mid_training_do_not_take_the_run_with_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 2
    images = (labels[:, None, None, None] + rng.random((300, 8, 8, 1))).astype(np.float32)
    np.savez(
        tmp_path / "data.npz",
        x_train=images[:200],
        y_train=labels[:200],
        x_test=images[200:],
        y_test=labels[200:],
    )
    (tmp_path / "script.py").write_text(_SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert "died by SIGSEGV (an invalid memory access)" in said and "with oneDNN off" in said
    assert "was killed (SIGKILL), most likely because memory ran out" in said
