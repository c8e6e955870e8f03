"""`prune-mi demo`: the main job on a network trained on the spot."""

from pathlib import Path
from typing import Annotated

import typer

from prune_mi.cli.options import CONTROL, OUTPUT, Json, Overwrite, Quiet
from prune_mi.cli.run import run_and_report
from prune_mi.records import Observer, RunReport


def demo(
    context: typer.Context,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Run folder.  \\[default: a new one in prune-mi-runs]", rich_help_panel=OUTPUT
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            max=2**31 - 1,
            help="Seed of the random numbers.",
            rich_help_panel=CONTROL,
        ),
    ] = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    json_output: Json = False,
) -> None:
    """Train a small network on scikit-learn's digits, then make it smaller. Takes 1-2 minutes.

    Example: prune-mi demo

    Exit codes: 0 done, the model is smaller; 2 the run folder cannot be
    used; 3 done, but no smaller model was accurate enough; 4 the run
    failed; 130 interrupted.
    """

    def run(observer: Observer) -> RunReport:
        from prune_mi.demo import run_demo

        return run_demo(out, seed=seed, overwrite=overwrite, observer=observer, started=context.obj)

    run_and_report(run, "params", quiet, json_output, context.obj)
