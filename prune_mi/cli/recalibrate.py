"""`prune-mi recalibrate`: other batch-norm statistics for a model, where they make it better."""

from pathlib import Path
from typing import Annotated, Any

import typer

from prune_mi.cli.made_options import opens_models, takes
from prune_mi.cli.options import JsonResult, ModelFile, OverwriteFile, Quiet, option
from prune_mi.cli.settings import READING, resolve
from prune_mi.cli.told import found_and_told, observed
from prune_mi.config import OptimizeSettings
from prune_mi.config.declare import OUTPUT
from prune_mi.errors import ExitCode
from prune_mi.keras_io.files.model_file import read_model_file
from prune_mi.records import ModelSource, Recalibration
from prune_mi.report.short_reports import print_recalibration


@takes(OptimizeSettings, only=READING | {"validation", "metric", "freeze", "workers", "seed"})
@opens_models
def recalibrate(
    model: ModelFile,
    given: dict[str, Any],
    opened: dict[str, Any],
    out: Annotated[
        Path | None, option("File to write.  \\[default: MODEL-recalibrated.keras]", OUTPUT)
    ] = None,
    overwrite: OverwriteFile = False,
    quiet: Quiet = False,
    json_output: JsonResult = False,
) -> None:
    """Recompute the batch-norm statistics of a model, if that makes it more accurate.

    Nothing is trained and nothing is removed. The saved statistics are
    compared with statistics of 2,000 training images, plain and varied
    as in training. The better of these is also tried with 10,000 images.
    Validation images decide.

    Example: prune-mi recalibrate model.h5 --data cifar10

    Exit codes: 0 a better model was written; 2 bad input; 3 nothing was
    better, so no file was written; 4 the run failed; 130 interrupted.
    """
    source = ModelSource(model, **opened)

    def compared() -> Recalibration:
        settings = resolve(OptimizeSettings, given)
        read_model_file(model, opened["model_json"])
        with observed(quiet=quiet, json_output=json_output) as observer:
            from prune_mi.commands.recalibrate import recalibrate_model

            return recalibrate_model(
                source, settings, out=out, overwrite=overwrite, observer=observer
            )

    found = found_and_told(compared, print_recalibration, json_output=json_output, writes=True)
    raise typer.Exit(ExitCode.DONE if found.file else ExitCode.NOTHING_SMALLER)
