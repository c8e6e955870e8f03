"""Expected failures, turned into a message on standard error and an exit code."""

from collections.abc import Callable
from typing import NoReturn, TypeVar

import typer
from rich.console import Console

from prune_mi.errors import ExitCode, PruneMIError

_T = TypeVar("_T")
MODEL_TOO_LARGE = "out of memory: the model needs more memory than this machine has free"


def guarded(
    action: Callable[[], _T],
    interrupted: str = "interrupted; nothing was written",
    memory: str = "out of memory; try fewer --workers or a smaller data set",
) -> _T:
    """Turns an expected failure into a message on standard error and its exit code."""
    try:
        return action()
    except PruneMIError as error:
        fail(str(error), error.exit_code)
    except KeyboardInterrupt as error:
        fail(str(error) or interrupted, ExitCode.INTERRUPTED)
    except MemoryError:
        fail(memory, ExitCode.RUN_FAILED)
    except OSError as error:
        where = f" at {error.filename}" if error.filename else ""
        fail(f"the system refused{where}: {error.strerror or error}", ExitCode.RUN_FAILED)


def fail(message: str, code: ExitCode) -> NoReturn:
    """Ends the command with a message on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        f"prune-mi: {message}", markup=False, style="red" if code != ExitCode.INTERRUPTED else ""
    )
    raise typer.Exit(code)
