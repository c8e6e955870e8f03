"""A training that is interrupted goes on from its checkpoint to the weights of an unbroken one."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from prune_mi.data import NOT_VARIED, AugmentationPolicy
from prune_mi.execution import carrying_out, tasks
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.training import checkpoint, fit
from prune_mi.training.checkpoint import Checkpoint
from prune_mi.training.feed import TrainingImages
from prune_mi.training.fit import train
from prune_mi.training.plan import TrainingPlan
from prune_mi.training.schedule import Schedule
from tests.digits_training import digits, plan
from tests.judges import of_classes

pytestmark = pytest.mark.slow


def _source() -> TrainingImages:
    return digits(AugmentationPolicy(flip=True, max_shift=1))


def _graph() -> LayerGraph:
    """With what has state beside its weights: statistics, and the seed of a dropout."""
    inputs = keras.Input((8, 8, 1))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3)(inputs)))
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    return trace_model(keras.Model(inputs, layers.Dense(10, activation="softmax")(x)))


def _plan(num_images: int = 1600, **changes: object) -> TrainingPlan:
    return plan(num_images, **changes)


class _Interrupted(Checkpoint):
    """Ends the training behind its third checkpoint, as a crash does."""

    saved = 0

    def save(self, state: checkpoint.State) -> None:
        super().save(state)
        self.saved += 1
        if self.saved == 3:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("optimizer", "stacks", "steps_a_call"),
    [("muon", (4, 4), 1), ("sgd", (1, 4), 3)],
    ids=["muon, within a stack", "sgd, in stacks of another size"],
)
def test_it_comes_to_the_same_weights(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    optimizer: str,
    stacks: tuple[int, int],
    steps_a_call: int,
) -> None:
    monkeypatch.setattr(checkpoint, "_SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "_TIMES_SAVING", 0.0)
    monkeypatch.setattr(fit, "batches_at_once", lambda *_: stacks[0])
    monkeypatch.setattr(Schedule, "steps_within", lambda self, seconds: steps_a_call)
    graph, source, path = _graph(), _source(), tmp_path / "g1c1.npz"
    plan = _plan(optimizer=optimizer)
    keras.utils.set_random_seed(0)
    whole = train(graph, source, plan)
    keras.utils.set_random_seed(0)
    with pytest.raises(KeyboardInterrupt):
        train(graph, source, plan, checkpoint=_Interrupted(path, "of this"))
    monkeypatch.setattr(fit, "batches_at_once", lambda *_: stacks[1])
    keras.utils.set_random_seed(0)
    told: list[int] = []
    again = train(
        graph,
        source,
        plan,
        checkpoint=Checkpoint(path, "of this"),
        on_progress=lambda done, total: told.append(done),
    )
    assert told[0] >= 3 * 32  # the steps before it are not taken again
    assert again.images_trained == whole.images_trained
    assert 0 < again.earlier_seconds < again.step_seconds
    assert whole.earlier_seconds == 0
    for name, layer in whole.graph.layers.items():
        for one, other in zip(layer.weights, again.graph.layers[name].weights, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6, rtol=1e-5)


def test_what_an_earlier_process_spent_is_no_overhead_of_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def trained(graph: LayerGraph, *_: Any, **__: Any) -> fit.Trained:
        return fit.Trained(graph, 64, 10.0, 100.0, earlier_seconds=99.9999, diverged=False)

    monkeypatch.setattr(fit, "train", trained)
    monkeypatch.setattr(carrying_out, "_validate", lambda *_: (0.5, np.zeros(2, bool)))
    data: Any = SimpleNamespace(load=lambda name: None, scaling=None, judge=of_classes(10))
    found = carrying_out.evaluate(tasks.TrainTask("g1c1", _graph(), _plan(), NOT_VARIED), data)
    assert isinstance(found, tasks.Evaluated)
    assert found.overhead_seconds >= -1e-3 and found.step_seconds == pytest.approx(100.0)


def test_a_short_training_leaves_none(tmp_path: Path) -> None:
    path = tmp_path / "g1c1.npz"
    train(_graph(), _source(), _plan(num_images=64), checkpoint=Checkpoint(path, "of this"))
    assert not path.exists()


@pytest.mark.parametrize("damage", ["torn", "of another training", "no archive"])
def test_what_cannot_be_gone_on_from_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(checkpoint, "_SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "_TIMES_SAVING", 0.0)
    graph, source, path = _graph(), _source(), tmp_path / "g1c1.npz"
    with pytest.raises(KeyboardInterrupt):
        train(graph, source, _plan(), checkpoint=_Interrupted(path, "of this"))
    assert Checkpoint(path, "of this").load() is not None
    if damage == "torn":
        path.write_bytes(path.read_bytes()[:1000])
    elif damage == "no archive":
        path.write_text("mine")
    other = "of that" if damage == "of another training" else "of this"
    assert Checkpoint(path, other).load() is None
    trained = train(graph, source, _plan(num_images=64), checkpoint=Checkpoint(path, other))
    assert trained.images_trained == 64


def test_a_full_disk_ends_no_training(tmp_path: Path) -> None:
    nowhere = Checkpoint(tmp_path / "missing" / "g1c1.npz", "of this")
    nowhere.save(checkpoint.State(checkpoint.Progress(1, 1, 1.0, None), [np.zeros(1)]))
    assert nowhere.load() is None
