"""What a worker process is before it touches Keras: one thread, the user's classes, the caches."""

import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle

from prune_mi.execution.executor import Call
from prune_mi.execution.processes import start_early
from prune_mi.keras_io.runtime.backend import share_compiled, start_backend, thread_settings
from prune_mi.keras_io.runtime.trust import Trust, apply_trust

_SAFE_MODE = {"TF_ENABLE_ONEDNN_OPTS": "0"}  # read when TensorFlow is imported


def worker_environment(*, safe: bool) -> dict[str, str]:
    """The variables that a worker process starts with: one thread, and oneDNN off if `safe`."""
    return {**thread_settings(1), **(_SAFE_MODE if safe else {})}


def start_worker_early() -> None:
    """Has a worker import Keras while this process does, which takes seconds."""
    environment = worker_environment(safe=False)
    start_early(Call("starting Keras", start_backend, environment=environment))


@dataclass(frozen=True, slots=True)
class Preparation:
    """Makes a process one that builds and trains the models of a run; called once in each.

    Attributes:
        trust: How the model's file was opened: layers are built from the same configurations.
        folder: Of the run, where what is compiled is shared.
        classes: What Keras knows in the parent beyond its own, each pickled by itself, by the name
            that it is registered under.
    """

    trust: Trust
    folder: Path
    classes: Mapping[str, bytes]

    def __call__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
        start_backend()
        share_compiled(self.folder)
        apply_trust(self.trust)
        for name, pickled in self.classes.items():
            with suppress(Exception):  # of a layer that is missed, building a model will tell
                _register(name, cloudpickle.loads(pickled))


def registered_classes() -> dict[str, bytes]:
    """What is registered with Keras in this process and is not Keras's or ours, pickled.

    What `__main__` defines, or a module that another process would not find, goes by value.
    """
    import keras

    found = {}
    for name, value in keras.saving.get_custom_objects().items():
        module = getattr(value, "__module__", "") or ""
        if module.partition(".")[0] not in ("keras", "prune_mi"):
            with suppress(Exception):  # what cannot be pickled may not be needed either
                found[name] = _pickled(value, module)
    return found


def _pickled(value: Any, module: str) -> bytes:
    loaded = sys.modules.get(module)
    if loaded is None or module == "__main__" or _can_be_found(module):
        return bytes(cloudpickle.dumps(value))
    cloudpickle.register_pickle_by_value(loaded)
    try:
        return bytes(cloudpickle.dumps(value))
    finally:
        cloudpickle.unregister_pickle_by_value(loaded)


def _can_be_found(module: str) -> bool:
    loaded = getattr(sys.modules[module], "__file__", None)
    package = sys.modules.get(module.rpartition(".")[0])
    places = getattr(package, "__path__", None)
    if "." in module and places is None:
        return False
    for finder in sys.meta_path:
        spec = finder.find_spec(module, places) if hasattr(finder, "find_spec") else None
        if spec is not None:
            return spec.origin == loaded
    return False


def _register(name: str, value: Any) -> None:
    import keras

    package, mark, rest = name.partition(">")
    if mark and getattr(value, "__name__", None) is not None:
        keras.saving.register_keras_serializable(package, rest)(value)
    else:
        keras.saving.get_custom_objects()[name] = value
