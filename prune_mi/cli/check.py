"""`prune-mi check`: a candidate held to gates against its baseline."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from prune_mi.cli.guarded import guarded
from prune_mi.cli.made_options import opens_models, takes
from prune_mi.cli.options import JsonResult, Quiet, option
from prune_mi.cli.settings import READING, resolve
from prune_mi.cli.told import found_and_told, observed
from prune_mi.config import Gates, OptimizeSettings, read_gates
from prune_mi.config.declare import INPUT, REPORTS
from prune_mi.errors import ExitCode, RunError
from prune_mi.keras_io.files.model_file import model_sources
from prune_mi.records import Check
from prune_mi.report.evaluation import check_to_junit, check_to_markdown, print_check
from prune_mi.report.files import require_writable, write_text

_STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


@takes(Gates, into="gates")
@takes(OptimizeSettings, only=READING | {"metric", "workers"})
@opens_models
def check(
    candidate: Annotated[Path, typer.Argument(help="The smaller model, or a run folder.")],
    baseline: Annotated[Path, option("The model that the candidate replaces.", INPUT)],
    given: dict[str, Any],
    opened: dict[str, Any],
    gates: dict[str, Any],
    markdown: Annotated[
        Path | None, option("Write a comment for a pull request to this file.", REPORTS)
    ] = None,
    junit: Annotated[Path | None, option("Write JUnit XML to this file.", REPORTS)] = None,
    json_output: JsonResult = False,
    quiet: Quiet = False,
) -> None:
    """Check a smaller model against the one it replaces; fail if it is not good enough.

    Each gate is a limit. Gates on images use one-sided confidence bounds.
    If there are too few images to decide, the gate counts as failed. The
    models are compared on the test images. Those that a run used to
    choose one of the models are left out. Gates may also be set in
    prune-mi.yaml (section check) or in pyproject.toml (section
    tool.prune-mi.check).

    Example: prune-mi check run --baseline model.h5 --data digits --max-flips 0.1

    Exit codes: 0 passed; 2 bad input; 4 the check could not be finished;
    6 a gate failed or is undecided; 130 interrupted.
    """

    def checked() -> Check:
        limits, file = read_gates(gates, folder=Path())
        settings = resolve(OptimizeSettings, given)
        for path in (markdown, junit):
            require_writable(path)
        # seconds before Keras is imported
        new, old = model_sources([candidate, baseline], **opened)
        with observed(quiet=quiet, json_output=json_output) as observer:
            from prune_mi.commands.check import check_model

            return check_model(new, old, settings, limits, settings_file=file, observer=observer)

    found = found_and_told(checked, print_check, json_output=json_output)
    guarded(lambda: _write(found, markdown, junit))
    raise typer.Exit(ExitCode.DONE if found.passed else ExitCode.GATE_FAILED)


def _write(found: Check, markdown: Path | None, junit: Path | None) -> None:
    """Writes each report that is wanted, whatever becomes of the others."""
    text, summary = check_to_markdown(found), os.environ.get(_STEP_SUMMARY)
    faults = []
    for path, content in ((markdown, text), (junit, check_to_junit(found))):
        if path is not None:
            faults += write_text(path, content)
    if summary:
        for fault in write_text(Path(summary), text, append=True):  # the runner's own affair
            typer.echo(f"prune-mi: {fault} ({_STEP_SUMMARY})", err=True)
    if faults:
        raise RunError("; ".join(faults))
