"""What must be set before Keras's backend is first imported in a process."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


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
    if threads is None:
        return
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = str(threads)
    flags = os.environ.get("XLA_FLAGS", "")
    if threads == 1 and "xla_cpu_multi_thread_eigen" not in flags:
        single = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        os.environ["XLA_FLAGS"] = f"{flags} {single}".strip()


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
    """
    prepare_backend()
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=UserWarning, module="keras")
    with quiet_standard_error():
        import keras

        keras.ops.convert_to_numpy(keras.ops.zeros(1))
