"""The pool of one run: what is done in its workers, and what dies there."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from prune_mi.config import TrainingSettings
from prune_mi.data import AugmentationPolicy, fit_scaling
from prune_mi.errors import GraphError, RunError
from prune_mi.execution.pool import WorkerPool
from prune_mi.execution.store import SharedData
from prune_mi.execution.tasks import Evaluated, TrainTask
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.records import SilentObserver
from prune_mi.training.plan import TrainingPlan
from tests.judges import of_classes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.processes,
    pytest.mark.xdist_group("pool"),
]

_PLAIN = AugmentationPolicy(flip=False, max_shift=0)


@dataclass
class Heard(SilentObserver):
    notes: list[str] = field(default_factory=list)

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.fixture(scope="module")
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory, heard: Heard) -> Iterator[WorkerPool]:
    """One of one worker, with some images of 64x64 and their classes."""
    rng = np.random.default_rng(0)
    images, labels = rng.random((96, 64, 64, 1), np.float32), rng.integers(0, 7, 96)
    made = WorkerPool(tmp_path_factory.mktemp("scratch"), workers=1, observer=heard, trust=Trust())
    made.store.put("train_images", images)
    judge = of_classes(7)
    made.store.put("train_targets", judge.task.targets(labels, None, judge.head))
    made.store.put("val_images", images[:32])
    made.store.put("val_truth", labels[:32])
    made.use(SharedData(made.store, fit_scaling("none", images), 32, 32, _PLAIN, judge))
    yield made
    made.close()


@pytest.fixture(scope="module")
def graph() -> LayerGraph:
    """A 1x1 shortcut of stride 2, which oneDNN in TensorFlow 2.21 dies of on some CPUs."""
    import keras
    from keras import layers

    from prune_mi.keras_io.model_graph.trace import trace_model

    inputs = keras.Input((64, 64, 1))
    x = layers.Conv2D(8, 5, padding="same", activation="relu")(inputs)
    y = layers.Conv2D(16, 3, strides=2, padding="same")(x)
    x = layers.ReLU()(layers.Add()([y, layers.Conv2D(16, 1, strides=2, padding="same")(x)]))
    outputs = layers.Dense(7, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    return trace_model(keras.Model(inputs, outputs))


def _training(graph: LayerGraph, name: str = "child") -> TrainTask:
    plan = TrainingPlan(
        num_images=96,
        seconds=None,
        learning_rate=1e-3,
        seed=0,
        recipe=TrainingSettings(batch_size=32, distillation=0.0),
    )
    return TrainTask(name, graph, plan, _PLAIN)


def test_a_strided_shortcut_is_trained_whatever_onednn_does(
    pool: WorkerPool, heard: Heard, graph: LayerGraph
) -> None:
    (outcome,) = pool.run([_training(graph)])
    assert isinstance(outcome, Evaluated) and outcome.images_trained == 96
    for note in heard.notes:
        assert note.startswith("The worker of child died by SIG")


def test_the_background_and_the_foreground_come_to_the_same(
    pool: WorkerPool, graph: LayerGraph
) -> None:
    behind = pool.begin(_training(graph, "behind"))
    (ahead,) = pool.run([_training(graph, "ahead")])
    found = behind.result()
    assert isinstance(found, Evaluated) and isinstance(ahead, Evaluated)
    assert (found.name, found.quality) == ("behind", ahead.quality)


def test_an_array_that_is_put_again_is_read_again(pool: WorkerPool, graph: LayerGraph) -> None:
    from prune_mi.keras_io.model_graph.build import build_model

    for fill in (0.2, 0.8, 0.5):
        images = np.full((3, 64, 64, 1), fill, np.float32)
        pool.store.put("asked_images", images)
        expected = np.asarray(build_model(graph)(images))
        np.testing.assert_allclose(pool.predict(graph, "asked_images"), expected, atol=1e-5)


def _dies_with_onednn() -> str:
    if os.environ["TF_ENABLE_ONEDNN_OPTS"] != "0":
        os.kill(os.getpid(), signal.SIGSEGV)
    return os.environ["OMP_NUM_THREADS"]


def _dies() -> None:
    os.kill(os.getpid(), signal.SIGILL)


def _refuses() -> None:
    raise GraphError("no such layer")


def test_a_call_raises_what_its_function_does(pool: WorkerPool) -> None:
    with pytest.raises(GraphError, match="no such layer"):
        pool.call(_refuses)


@pytest.fixture
def later() -> Heard:
    return Heard()


@pytest.fixture
def fresh(tmp_path: Path, later: Heard) -> Iterator[WorkerPool]:
    """A pool in which nothing has died so far: the other one may be in safe mode by now."""
    made = WorkerPool(tmp_path, workers=1, observer=later, trust=Trust())
    yield made
    made.close()


@pytest.mark.thorough  # so is a training, in test_lost_workers.py
def test_a_call_that_dies_is_done_without_onednn(fresh: WorkerPool, later: Heard) -> None:
    assert fresh.call(_dies_with_onednn) == "1"
    (note,) = later.notes
    assert note.startswith("The worker of _dies_with_onednn died by SIGSEGV")


def test_a_call_that_dies_twice_says_so_and_what_to_try(fresh: WorkerPool) -> None:
    died = "_dies failed: its worker died twice: SIGILL, then SIGILL with oneDNN off; "
    with pytest.raises(RunError, match=died + ".*try another version of TensorFlow"):
        fresh.call(_dies)


def test_tasks_before_their_data_are_refused(tmp_path: Path, graph: LayerGraph) -> None:
    with pytest.raises(RunError, match="received tasks before their data"):
        list(
            WorkerPool(tmp_path, workers=1, observer=Heard(), trust=Trust()).run([_training(graph)])
        )
