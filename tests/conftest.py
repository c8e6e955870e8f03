"""What all tests share."""

import gc
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before anything imports TensorFlow
if "PYTEST_XDIST_WORKER" in os.environ:  # processes side by side, one thread each
    for threads in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(threads, "1")

import numpy as np
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    import keras

pytest_plugins = ["keras2_files"]

# A loaded machine must not fail a property for being slow.
settings.register_profile("prune-mi", deadline=None, print_blob=True)
settings.register_profile("thorough", settings.get_profile("prune-mi"), max_examples=1000)
settings.load_profile("prune-mi")


_ALL_SLOW = re.compile(r"^pytestmark = (\[\s*)?pytest\.mark\.slow", re.MULTILINE)
# Files that Keras 2 writes, and whole runs: half a minute each.
_COSTLY = {"old_folder", "whole_run", "found", "stale_model"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offers what takes half an hour more."""
    told = "the tests marked `thorough` as well, and 1,000 examples of each property"
    parser.addoption("--thorough", action="store_true", help=told)


def pytest_configure(config: pytest.Config) -> None:
    """Chooses how many examples of a property are tried."""
    if config.getoption("--thorough"):
        settings.load_profile("thorough")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out files of slow tests where none of these runs: they open TensorFlow."""
    if not _are_fast_alone(config) or not collection_path.name.startswith("test_"):
        return None
    is_python = collection_path.suffix == ".py"
    return True if is_python and _ALL_SLOW.search(collection_path.read_text()) else None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spares what is imported, a million objects, from each search for garbage."""
    gc.collect()
    gc.freeze()


def _are_fast_alone(config: pytest.Config) -> bool:
    return bool(config.getoption("markexpr") == "not slow")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keeps tests that share a costly fixture in one process, so that it is made once."""
    if not config.getoption("--thorough"):
        again = [item for item in items if item.get_closest_marker("thorough")]
        config.hook.pytest_deselected(items=again)
        items[:] = [item for item in items if item not in set(again)]
    # Short ones last: no process waits long for the other one's end.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    for item in items:
        for fixture in _COSTLY.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group(fixture))


@pytest.hookimpl(tryfirst=True)  # before fixtures, which may be those of a whole module
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Has runs carried out in this process, but for tests that are about processes."""
    if item.get_closest_marker("slow") is not None:
        from in_this_process import InThisProcess

        from prune_mi.cli import told
        from prune_mi.execution import pool, preparation, processes

        own = item.get_closest_marker("processes") is not None
        pool.ProcessExecutor = processes.ProcessExecutor if own else InThisProcess
        told.start_worker_early = preparation.start_worker_early if own else lambda: None


@pytest.fixture
def rng() -> np.random.Generator:
    """The same numbers in every run."""
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _without_tensorflow(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a fast test that opens TensorFlow, or whose file does."""
    yield
    if _are_fast_alone(request.config) and "tensorflow" in sys.modules:
        pytest.fail("a fast test opens TensorFlow, or its file does: mark it `slow`")


@pytest.fixture(autouse=True)
def _seed_keras(request: pytest.FixtureRequest) -> None:
    """Keras draws initial weights and dropout masks from a global seed: make it the same."""
    if request.node.get_closest_marker("slow") is not None:
        import keras

        keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def cifar10_path() -> Path:
    """Path of cifar10.npz, from the environment variable PRUNE_MI_CIFAR10."""
    named = os.environ.get("PRUNE_MI_CIFAR10")
    if not named:
        pytest.skip("needs CIFAR-10: set PRUNE_MI_CIFAR10 to the path of a cifar10.npz")
    path = Path(named)
    if not path.is_file():
        pytest.fail(f"PRUNE_MI_CIFAR10 names {path}, which is not a file")
    return path


def _trained_on_digits(model: "keras.Model", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file `model.keras` of a network that was trained on digits."""
    from prune_mi.commands.demo import train_demo_network
    from prune_mi.data import load_dataset

    train_demo_network(model, load_dataset("digits"))
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model.save(path)
    return path


@pytest.fixture(scope="session")
def digits_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with a run and a branch that can go, trained on digits, as `model.keras`."""
    import keras
    from keras import layers

    def block(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))

    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1), name="digit")
    x = block(inputs, 16)
    branch = layers.Conv2D(16, 3, padding="same", use_bias=False)(block(x, 16))
    x = layers.ReLU()(layers.Add()([x, layers.BatchNormalization(momentum=0.9)(branch)]))
    x = block(block(layers.MaxPooling2D()(x), 32), 32)
    x = layers.Dropout(0.1)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(
        inputs, layers.Dense(10, activation="softmax", name="classes")(x), name="small"
    )
    return _trained_on_digits(model, tmp_path_factory)


@pytest.fixture(scope="session")
def dense_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dense layers, two of which can go, trained on digits: quick where the kind is no matter."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1), name="digit")
    x = layers.Dense(48, use_bias=False)(layers.Flatten()(inputs))
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    for _ in range(2):
        x = layers.Dense(48, activation="relu")(x)
    outputs = layers.Dense(10, activation="softmax", name="classes")(x)
    model = keras.Model(inputs, outputs, name="small")
    return _trained_on_digits(model, tmp_path_factory)


@pytest.fixture(scope="session")
def digits_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits as an `.npz` with the four usual arrays."""
    from prune_mi.data import load_dataset

    data = load_dataset("digits")
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(
        path, x_train=data.x_train, y_train=data.y_train, x_test=data.x_test, y_test=data.y_test
    )
    return path
