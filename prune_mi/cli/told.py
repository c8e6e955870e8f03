"""What a command shows: its progress, and what it has found, on the console or as JSON."""

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from rich.console import Console

from prune_mi.cli.guarded import MODEL_TOO_LARGE, guarded
from prune_mi.execution.preparation import start_worker_early
from prune_mi.keras_io.runtime.backend import start_backend
from prune_mi.records import Observer
from prune_mi.report.console import open_observer
from prune_mi.report.json_report import to_plain

_T = TypeVar("_T")


def console_of(*, json_output: bool) -> Console:
    """Where a command shows its progress: not on standard output, where JSON is to stand alone."""
    return Console(stderr=json_output)


def observed(*, quiet: bool, json_output: bool) -> AbstractContextManager[Observer]:
    """Starts the backend and opens the observer of what a command does."""
    console = console_of(json_output=json_output)
    start_told(console, quiet=quiet)
    return open_observer(console, quiet=quiet)


def start_told(console: Console, *, quiet: bool) -> None:
    """Starts the backend, in a worker too; it takes seconds, so a line says so."""
    if not quiet:
        console.print("Starting Keras", style="bold cyan")
    start_worker_early()
    start_backend()


def found_and_told(
    action: Callable[[], _T],
    show: Callable[[_T, Console], None],
    *,
    json_output: bool = False,
    plain: Callable[[_T], object] = to_plain,
    writes: bool = False,
) -> _T:
    """Carries out what a command does with a model, shows what it found, and returns it.

    Args:
        action: What the command does.
        show: Prints what was found, where it is not wanted as JSON.
        json_output: Whether standard output is for JSON alone.
        plain: What was found as plain JSON values.
        writes: Whether it writes a file in the end, of which an interruption leaves nothing.
    """
    interrupted = "interrupted; nothing was written" if writes else "interrupted"
    found = guarded(action, interrupted, MODEL_TOO_LARGE)
    tell(found, show, json_output=json_output, plain=plain)
    return found


def tell(
    found: _T,
    show: Callable[[_T, Console], None],
    *,
    json_output: bool,
    plain: Callable[[_T], object] = to_plain,
) -> None:
    """Shows a record, or writes it as JSON on standard output."""
    if json_output:
        sys.stdout.write(json.dumps(plain(found), indent=2) + "\n")
    else:
        show(found, Console())
