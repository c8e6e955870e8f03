"""What an executor is: something that carries calls out in other processes, and may lose one.

    submit(call) -> ticket        outcomes as they come: News | Value | Raised | Lost        close()

Nothing here knows Keras, nor how calls are sent. A call says by itself what its process must be:
the environment that holds when it starts, and the preparation that is made in it once, before
anything else is unpickled there. So an executor needs no initializer, and a process that it finds
somewhere else, or starts anew, is as good as any. `packed` makes a call bytes, with functions and
classes of `__main__` in them; `carry_out` is the other end of that.
"""

import os
import pickle
import signal
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import cloudpickle

_EXIT_NAMES = {
    "SIGSEGV": "an invalid memory access",
    "SIGABRT": "aborted by a library",
    "SIGBUS": "a bus error",
    "SIGILL": "an instruction that this CPU does not have",
    "SIGFPE": "an arithmetic error",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments, and what its process must be.

    Attributes:
        name: For people.
        function: Called with `args`; all of it must be picklable.
        prepare: Called once a process before the first call that has an equal one, and before
            function and arguments are unpickled; None: nothing.
        environment: Variables that must hold when the process starts.
    """

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    prepare: Callable[[], None] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class News:
    """What a call under way has told by `tell`."""

    ticket: int
    told: Any


@dataclass(frozen=True, slots=True)
class Value:
    """What a call returned."""

    ticket: int
    value: Any


@dataclass(frozen=True, slots=True)
class Raised:
    """What a call raised; the error's cause is the traceback over there, as text."""

    ticket: int
    error: Exception


@dataclass(frozen=True, slots=True)
class Lost:
    """A call whose process died.

    Attributes:
        exit_code: As of `subprocess`: of a process that a signal ended, minus its number.
    """

    ticket: int
    exit_code: int

    @property
    def was_killed(self) -> bool:
        """Whether it was killed from outside, as a kernel does that is short of memory."""
        return self.exit_code == -getattr(signal, "SIGKILL", 9)

    @property
    def what(self) -> str:
        """What it died by: the signal's name, or its exit code."""
        if self.exit_code >= 0:
            return f"exit code {self.exit_code}"
        try:
            return signal.Signals(-self.exit_code).name
        except ValueError:
            return f"signal {-self.exit_code}"

    @property
    def explained(self) -> str:
        """The same with its meaning."""
        meaning = _EXIT_NAMES.get(self.what)
        return f"{self.what} ({meaning})" if meaning else self.what


Outcome = Value | Raised | Lost


class Executor(Protocol):
    """Carries calls out, each in a process that does one at a time.

    An executor that finds its processes elsewhere, such as one on Ray or Dask, sends `packed(call)`
    and has `carry_out` run there.
    """

    def submit(self, call: Call) -> int:
        """Has a call begin at once, and returns its ticket; the caller bounds how many run."""

    def next(self, timeout: float | None = None) -> News | Outcome | None:
        """The next thing that any call tells, or its outcome; None after `timeout` seconds."""

    def cancel(self, ticket: int) -> None:
        """Ends a call; what it has yielded may still come."""

    def pause(self, ticket: int, paused: bool) -> None:
        """Holds a call, or lets it go on; an executor that cannot lets it run."""

    def close(self) -> None:
        """Ends all calls and processes at once, and waits until they are gone."""


class RemoteTraceback(Exception):
    """The traceback of an error in another process, as text."""

    def __str__(self) -> str:
        return "\n" + "".join(map(str, self.args))


_NOBODY: Callable[[Any], None] = lambda _: None  # noqa: E731
_listener = _NOBODY
_prepared: bytes | None = None


def tell(news: Any) -> None:
    """From within a call: tells whoever submitted it something picklable, such as its progress."""
    _listener(news)


def packed(call: Call) -> bytes:
    """A call as bytes; what `__main__` defines is in them.

    Raises:
        Exception: What pickling raises where the call cannot be sent.
    """
    prepare = b"" if call.prepare is None else cloudpickle.dumps(call.prepare)
    body = cloudpickle.dumps((call.function, call.args))
    return pickle.dumps((dict(call.environment), prepare, body))


def carry_out(call: bytes, listener: Callable[[Any], None] = _NOBODY) -> bytes:
    """Carries a packed call out in this process, and returns its packed outcome.

    Args:
        call: Of `packed`.
        listener: Hears what the call tells.
    """
    global _listener, _prepared
    environment, prepare, body = pickle.loads(call)
    # Without effect where the executor has seen to it; else all that can be done.
    os.environ.update(environment)
    _listener = listener
    try:
        if prepare and prepare != _prepared:
            pickle.loads(prepare)()
            _prepared = prepare
        function, args = pickle.loads(body)
        return bytes(cloudpickle.dumps((True, function(*args))))
    except (Exception, SystemExit) as error:
        return bytes(cloudpickle.dumps((False, _portable(error))))
    finally:
        _listener = _NOBODY


def unpacked(ticket: int, outcome: bytes) -> Value | Raised:
    """The outcome of a call from what `carry_out` returned."""
    try:
        ended, value = pickle.loads(outcome)
    except Exception as error:  # a class may refuse to be unpickled in any way
        return Raised(ticket, error)
    if ended:
        return Value(ticket, value)
    raised, text = value
    raised.__cause__ = RemoteTraceback(text)
    return Raised(ticket, raised)


def _portable(error: BaseException) -> tuple[Exception, str]:
    """An error that can be unpickled, and its traceback."""
    text = "".join(traceback.format_exception(error))
    try:
        again = pickle.loads(cloudpickle.dumps(error))
        if isinstance(again, Exception):
            return again, text
    except Exception:  # an error with arguments of its own cannot be made anew
        pass
    return RuntimeError(f"{type(error).__name__}: {error}"), text
