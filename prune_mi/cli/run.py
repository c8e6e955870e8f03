"""A run with its progress display, its closing report and its exit code."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import typer
from rich.console import Console

from prune_mi.cli.guarded import guarded
from prune_mi.cli.told import console_of, start_told, tell
from prune_mi.errors import ExitCode
from prune_mi.records import Observer, RunReport, SearchReport
from prune_mi.report import (
    open_observer,
    print_search_summary,
    print_summary,
)

_R = TypeVar("_R", RunReport, SearchReport)


def run_and_report(
    action: Callable[[Observer], RunReport],
    quiet: bool,
    json_output: bool,
    began: float | None,
    *,
    then: Callable[[RunReport], str] | None = None,
) -> None:
    """Carries a run of `optimize` out, and ends the command with its report and its exit code.

    Args:
        action: The run, which is handed the observer to tell its progress to.
        quiet: Whether to show no progress.
        json_output: Whether standard output is for the report as JSON alone.
        began: When the command began, on `time.monotonic`; None: now.
        then: What the user may do next, for below the report; None says nothing.
    """
    report = _reported(action, quiet, json_output, print_summary, began, finds=False)
    if then is not None and not json_output:
        typer.echo(f"\n{then(report)}")
    changed = report.smaller or bool(report.removals)
    judged = changed or bool(report.targets)
    if judged and any(gate.decision != "passed" for gate in report.gates):
        raise typer.Exit(ExitCode.GATE_FAILED)
    raise typer.Exit(ExitCode.DONE if changed else ExitCode.NOTHING_SMALLER)


def search_and_report(
    action: Callable[[Observer], SearchReport],
    quiet: bool,
    json_output: bool,
    began: float | None,
    *,
    details: bool,
) -> None:
    """The same of a search; see `run_and_report`. `details` adds what it changed and cost."""
    show = partial(print_search_summary, details=details)
    report = _reported(action, quiet, json_output, show, began, finds=True, details=details)
    # A seed that nothing has beaten is a network that was found, too.
    found = report.better or report.start == "seed"
    raise typer.Exit(ExitCode.DONE if found else ExitCode.NOTHING_SMALLER)


def _reported(
    action: Callable[[Observer], _R],
    quiet: bool,
    json_output: bool,
    show: Callable[[_R, Console], None],
    began: float | None,
    *,
    finds: bool,
    details: bool = False,
) -> _R:
    console = console_of(json_output=json_output)

    def observed() -> _R:
        start_told(console, quiet=quiet)
        with open_observer(
            console,
            quiet=quiet,
            finds=finds,
            details=details,
            began=began,
        ) as observer:
            return action(observer)

    report = guarded(observed)
    tell(report, show, json_output=json_output)
    return report
