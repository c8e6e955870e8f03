"""A worker process of `ProcessExecutor`: carries out calls that come on its standard input.

It ends when its parent does, whatever it is doing then: a thread waits for the end of the input.
"""

import ctypes
import gc
import os
import pickle
import queue
import signal
import struct
import sys
import threading
from contextlib import suppress
from typing import IO, Any

from prune_mi.execution.executor import carry_out

LENGTH = struct.Struct("!Q")
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>


def send(stream: IO[bytes], message: bytes) -> None:
    """Writes a message, its length before it."""
    stream.write(LENGTH.pack(len(message)))
    stream.write(message)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes:
    """Reads a message.

    Raises:
        EOFError: If the other end is gone.
    """
    (length,) = LENGTH.unpack(_exactly(stream, LENGTH.size))
    return _exactly(stream, length)


def _exactly(stream: IO[bytes], length: int) -> bytes:
    found = stream.read(length)
    if len(found) < length:
        raise EOFError
    return found


def _end_with_parent() -> None:
    """On Linux, has the kernel end this process with its parent, also while it is held."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, int(signal.SIGKILL))


def main(answers_to: int) -> None:
    """Carries calls out until the parent closes the input.

    Args:
        answers_to: The descriptor that answers go to; the standard output is that of errors by now.
    """
    _end_with_parent()
    # Both mean the run: the parent hears of them too, and ends its workers.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    calls = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(answers_to, "wb")
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    sys.stdout = sys.stderr
    waiting = queue.SimpleQueue[bytes]()

    def read() -> None:
        try:
            while True:
                waiting.put(receive(calls))
        except (EOFError, OSError):
            os._exit(0)

    threading.Thread(target=read, daemon=True, name="parent").start()

    def tell(news: Any) -> None:
        send(answers, b"n" + pickle.dumps(news))

    while True:
        try:
            send(answers, b"o" + carry_out(waiting.get(), tell))
        except OSError:
            os._exit(0)
        gc.collect()  # models lie in cycles
        if (store := sys.modules.get("prune_mi.execution.store")) is not None:
            store.forget_mapped()
