"""`prune-mi inspect`: every layer and unit of a model."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from prune_mi.cli.guarded import MODEL_TOO_LARGE, guarded
from prune_mi.cli.made_options import takes
from prune_mi.cli.options import AllowUnsafe, CustomObjects, ModelJson
from prune_mi.config import OptimizeSettings, parse_size
from prune_mi.config.declare import INPUT, OUTPUT
from prune_mi.graph.inspection import Inspection
from prune_mi.keras_io.runtime import start_backend
from prune_mi.records import ModelSource
from prune_mi.report import inspection_to_dict, print_inspection


@takes(OptimizeSettings, only={"output", "freeze", "protect"})
def inspect(
    model: Annotated[
        Path, typer.Argument(help="The model file (.keras or .h5), or a SavedModel folder.")
    ],
    given: dict[str, Any],
    input_size: Annotated[
        str | None,
        typer.Option(
            help="Input size to count costs for, if the model takes any size: 224x224.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    model_json: ModelJson = None,
    allow_unsafe: AllowUnsafe = False,
    custom_objects: CustomObjects = None,
    json_output: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print everything as JSON, including the width groups.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
) -> None:
    """Show every layer of a model: its costs, whether it can be removed, and why not.

    Nothing is trained and no data is needed.

    Example: prune-mi inspect model.h5

    Exit codes: 0 done; 2 bad input; 130 interrupted.
    """

    def inspected() -> Inspection:
        start_backend()
        from prune_mi.inspection import inspect_model

        return inspect_model(
            ModelSource(model, model_json, allow_unsafe, custom_objects),
            input_size=None if input_size is None else parse_size(input_size),
            freeze=given["freeze"] or (),
            protect=given["protect"] or (),
            output=given["output"],
        )

    inspection = guarded(inspected, "interrupted", MODEL_TOO_LARGE)
    if json_output:
        sys.stdout.write(json.dumps(inspection_to_dict(inspection), indent=2) + "\n")
    else:
        print_inspection(inspection, Console())
