"""`prune-mi report`: what a run has come to, from its events."""

from pathlib import Path
from typing import Annotated

import typer

from prune_mi.cli.guarded import guarded
from prune_mi.cli.options import Json
from prune_mi.cli.told import tell
from prune_mi.commands.report import report_of_run
from prune_mi.report import print_report


def report(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    json_output: Json = False,
) -> None:
    """Show what a run has found, or how far it has come. Nothing is run.

    The report.json of a run that has ended is written again.

    Example: prune-mi report prune-mi-runs/model

    Exit codes: 0 done; 2 bad input.
    """
    tell(guarded(lambda: report_of_run(run)), print_report, json_output=json_output)
