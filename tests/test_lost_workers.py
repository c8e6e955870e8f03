"""Runs in which a worker dies: they end with a result, and say what died and what was done."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from prune_mi import optimize
from prune_mi.records import SilentObserver

pytestmark = [pytest.mark.slow, pytest.mark.processes]


class Killer(SilentObserver):
    """Sends signals, one after the other, to a worker in the midst of a training."""

    def __init__(self, *signals: signal.Signals) -> None:
        self.left = list(signals)
        self._hit = set[str]()

    def training(self, name: str, images_done: int, images_total: int) -> None:
        if self.left and name not in self._hit:
            self._hit.add(name)
            os.kill(_child_processes()[0], self.left.pop(0))


def _child_processes() -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # has ended
        if int(parent) == os.getpid() and state != "Z":
            found.append(int(folder.name))
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for the workers in /proc")
def test_workers_that_die_in_mid_training_do_not_take_the_run_with_them(
    digits_model: Path, tmp_path: Path
) -> None:
    killer = Killer(signal.SIGSEGV, signal.SIGKILL)
    report = optimize(
        digits_model,
        data="digits",
        out=tmp_path / "run",
        observer=killer,
        workers=1,
        max_accuracy_drop=0.5,
        generations=1,
        children=2,
        child_epochs=1,
        final_epochs=1,
    )
    assert killer.left == [] and report.smaller
    crash, kill = [note for note in report.notes if note.startswith("The worker of ")]
    assert "died by SIGSEGV (an invalid memory access)" in crash and "with oneDNN off" in crash
    assert "was killed (SIGKILL), most likely for want of memory" in kill
    assert all(each.verdict != "failed" for each in report.generations[0].children)
    assert _child_processes() == []


_SCRIPT = """
import keras, numpy as np
from keras import layers
from prune_mi import optimize

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
x = layers.Add()([x, layers.Conv2D(8, 3, padding="same", activation="relu")(x)])
x = layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D()(x))
model = keras.Model(inputs, x)
model.compile("adam", "sparse_categorical_crossentropy")
data = np.load("data.npz")
model.fit(data["x_train"], data["y_train"], epochs=30, verbose=0)
model.save("model.keras")
report = optimize("model.keras", data="data.npz", out="run", workers=1, max_accuracy_drop=0.5,
    scaling="none", generations=1, children=1, child_epochs=1, final_epochs=1)
print("trained", report.images_trained, [child.detail for child in
    report.generations[0].children if child.verdict == "failed"])
"""


def test_a_script_without_a_guard_has_its_own_layers_in_its_workers(tmp_path: Path) -> None:
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
    said = done.stdout.split()
    assert said[0] == "trained" and int(said[1]) > 0 and said[2] == "[]"
