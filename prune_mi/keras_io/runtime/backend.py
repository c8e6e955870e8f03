"""What must be set before Keras's backend is first imported in a process."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from prune_mi.errors import ConfigError

_COMPILED = "compiled-by-prune-mi"
_THREAD_COUNTS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
)
_KEPT_FROM_SECONDS, _JAX_KEEPS_FROM_SECONDS = 0.1, 1.0  # of compiling


def prepare_backend(threads: int | None = None) -> None:
    """Sets the environment of the backend; what the user set stays.

    TensorFlow leaves oneDNN off on CPUs without AVX-512; with AVX2 alone it still trains small
    convolutional networks about 1.5 times faster with it, so it is asked for.

    Args:
        threads: Compute threads for this process, or None for the backend's own choice.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # workers share a GPU
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    if threads is not None:
        os.environ.update(thread_settings(threads))


def thread_settings(threads: int) -> dict[str, str]:
    """The environment in which a backend computes with that many threads."""
    found = dict.fromkeys(_THREAD_COUNTS, str(threads))
    flags = os.environ.get("XLA_FLAGS", "")
    if threads == 1 and "xla_cpu_multi_thread_eigen" not in flags:
        single = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        found["XLA_FLAGS"] = f"{flags} {single}".strip()
    return found


@contextmanager
def quiet_standard_error() -> Iterator[None]:
    """Silences what native code prints on standard error, Python's own writing included.

    TensorFlow's start-up lines come before any logging level is read; nothing but this stops them.
    """
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def start_backend() -> None:
    """Imports Keras and its backend for a process of our own, without what they say meanwhile.

    That is their start-up lines, and their advice on file formats and retracing, which the user of
    a command can do nothing about.

    Raises:
        ConfigError: If the backend that the environment names is not installed.
    """
    prepare_backend()
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=UserWarning, module="keras")
    try:
        with quiet_standard_error():
            import keras

            keras.ops.convert_to_numpy(keras.ops.zeros(1))
            with suppress(ImportError):  # Keras asks for it with any backend, to seed and to save
                import tensorflow  # noqa: F401
    except (ImportError, ValueError) as error:
        asked = os.environ.get("KERAS_BACKEND", "of keras.json")
        raise ConfigError(
            f"Keras cannot start its backend ({asked}): {error}; expected "
            "KERAS_BACKEND=tensorflow, or KERAS_BACKEND=jax with prune-mi[jax] installed"
        ) from error


@cache
def has_accelerator() -> bool:
    """Whether Keras's backend computes on anything but the CPU."""
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return bool(jax.default_backend() != "cpu")
    if backend == "tensorflow":
        import tensorflow as tf

        return any(each.device_type != "CPU" for each in tf.config.get_visible_devices())
    return False


def share_compiled(folder: Path | None) -> None:
    """Keeps what is compiled for an accelerator in a folder that other processes read too.

    Choosing the kernels of one small network takes JAX seconds on a GPU, and those of children
    differ little. A cache that the user has named is left alone.

    Args:
        folder: Of the run; None stops, before the folder goes.
    """
    import keras

    if keras.backend.backend() != "jax" or not has_accelerator():
        return
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    config: Any = jax.config
    named = config.jax_compilation_cache_dir
    if named is not None and Path(named).name != _COMPILED:
        return
    config.update("jax_compilation_cache_dir", None if folder is None else str(folder / _COMPILED))
    if config.jax_persistent_cache_min_compile_time_secs == _JAX_KEEPS_FROM_SECONDS:
        config.update("jax_persistent_cache_min_compile_time_secs", _KEPT_FROM_SECONDS)
    compilation_cache.reset_cache()
