"""`prune-mi demo`: the main job on a network trained on the spot."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from prune_mi.cli.options import Json, Overwrite, Quiet, option
from prune_mi.cli.run import run_and_report
from prune_mi.config.declare import CONTROL, OUTPUT
from prune_mi.records import Observer, RunReport
from prune_mi.report.wording import printable


def demo(
    context: typer.Context,
    out: Annotated[
        Path | None, option("Run folder.  \\[default: a new one in prune-mi-runs]", OUTPUT)
    ] = None,
    seed: Annotated[int, option("Seed of the random numbers.", CONTROL, min=0, max=2**31 - 1)] = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    json_output: Json = False,
) -> None:
    """Train a small network on scikit-learn's digits, then make it smaller. Takes about a minute.

    Example: prune-mi demo

    Exit codes: 0 done, the model is smaller; 2 the run folder cannot be
    used; 3 done, but no smaller model was accurate enough; 4 the run
    failed; 130 interrupted.
    """

    def run(observer: Observer) -> RunReport:
        from prune_mi.commands.demo import run_demo

        return run_demo(out, seed=seed, overwrite=overwrite, observer=observer, started=context.obj)

    run_and_report(run, quiet, json_output, context.obj, then=_check_line)


def _check_line(report: RunReport) -> str:
    """The gate of a pipeline, which the demo's 449 test images can decide."""
    folder = printable(report.folder)
    original = printable(report.model)
    return (
        "This is how a pipeline checks the smaller model before it uses it:\n"
        f"  prune-mi check {shlex.quote(folder)} --baseline {shlex.quote(original)} "
        "--data digits --max-accuracy-drop 0.03 --min-params-reduction 0.3"
    )
