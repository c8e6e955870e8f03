"""`prune-mi recalibrate`: other batch-norm statistics for a model, where they make it better."""

from pathlib import Path
from typing import Annotated, Any

import typer

from prune_mi.cli.guarded import MODEL_TOO_LARGE, guarded
from prune_mi.cli.made_options import takes
from prune_mi.cli.options import AllowUnsafe, CustomObjects, ModelJson, Quiet
from prune_mi.cli.settings import resolve
from prune_mi.cli.told import console_of, tell
from prune_mi.config import OptimizeSettings
from prune_mi.config.declare import INPUT, OUTPUT
from prune_mi.errors import ExitCode
from prune_mi.keras_io.model_file import read_model_file
from prune_mi.keras_io.runtime import start_backend
from prune_mi.records import ModelSource, Recalibration
from prune_mi.report import open_observer, print_recalibration

_SETTINGS = {
    *("scaling", "output", "classes", "allow_weak_model"),
    *("validation", "metric", "freeze", "workers", "seed"),
}


@takes(OptimizeSettings, only=_SETTINGS)
def recalibrate(
    model: Annotated[
        Path, typer.Argument(help="The model file (.keras or .h5), or a SavedModel folder.")
    ],
    given: dict[str, Any],
    data: Annotated[str, typer.Option(help="Data set, as for optimize.", rich_help_panel=INPUT)],
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write.  \\[default: MODEL-recalibrated.keras]", rich_help_panel=OUTPUT
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace the file if it exists.", rich_help_panel=OUTPUT),
    ] = False,
    model_json: ModelJson = None,
    allow_unsafe: AllowUnsafe = False,
    custom_objects: CustomObjects = None,
    quiet: Quiet = False,
    json_output: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the result as JSON on standard output.", rich_help_panel=OUTPUT
        ),
    ] = False,
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
    source = ModelSource(model, model_json, allow_unsafe, custom_objects)
    console = console_of(json_output=json_output)

    def compared() -> Recalibration:
        settings = resolve(OptimizeSettings, {**given, "data": data}, None)
        read_model_file(model, model_json)
        start_backend()
        from prune_mi.recalibration import recalibrate_model

        with open_observer(console, quiet=quiet, objective=settings.objective) as observer:
            return recalibrate_model(
                source, settings, out=out, overwrite=overwrite, observer=observer
            )

    found = guarded(compared, "interrupted; nothing was written", MODEL_TOO_LARGE)
    tell(found, print_recalibration, json_output=json_output)
    raise typer.Exit(ExitCode.DONE if found.file else ExitCode.NOTHING_SMALLER)
