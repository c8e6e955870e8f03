"""Where a function that is called from Python shows its progress."""

from contextlib import AbstractContextManager, nullcontext

from rich.console import Console

from prune_mi.records import Observer
from prune_mi.report.console import open_observer
from prune_mi.report.notebook import NotebookProgress


def watched(
    observer: Observer | None, *, quiet: bool, finds: bool = False
) -> AbstractContextManager[Observer]:
    """The observer of what a function does.

    In a notebook there is a table, in a terminal a live display, and elsewhere there are lines on
    standard output, as `Model.fit` of Keras does it.

    Args:
        observer: The caller's own, which hears of everything; None shows it.
        quiet: Whether to show nothing; the caller's own observer hears all the same.
        finds: Whether a network is found and not made smaller.
    """
    if observer is not None:
        return nullcontext(observer)
    console = Console()
    if console.is_jupyter and not quiet:
        return NotebookProgress(finds=finds)
    return open_observer(console, quiet=quiet, finds=finds)
