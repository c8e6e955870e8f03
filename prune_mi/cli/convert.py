"""`prune-mi convert`: a model of Keras 2 written again as one of Keras 3."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from prune_mi.cli.guarded import MODEL_TOO_LARGE, guarded
from prune_mi.cli.options import AllowUnsafe, CustomObjects, ModelJson
from prune_mi.config.declare import OUTPUT
from prune_mi.keras_io.runtime import start_backend
from prune_mi.records import Conversion, ModelSource
from prune_mi.report import print_conversion


def convert(
    old: Annotated[
        Path, typer.Argument(help="The model file (.keras or .h5), or a SavedModel folder.")
    ],
    new: Annotated[Path, typer.Argument(help="File to write. Its name must end in .keras or .h5.")],
    model_json: ModelJson = None,
    allow_unsafe: AllowUnsafe = False,
    custom_objects: CustomObjects = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace NEW if it exists.", rich_help_panel=OUTPUT),
    ] = False,
) -> None:
    """Convert a Keras 2 model to Keras 3, with equal outputs. Nothing is pruned.

    Example: prune-mi convert old.h5 new.keras

    Exit codes: 0 done; 2 bad input; 4 the written model gives other
    outputs; 130 interrupted.
    """

    def converted() -> Conversion:
        start_backend()
        from prune_mi.conversion import convert_model

        source = ModelSource(old, model_json, allow_unsafe, custom_objects)
        return convert_model(source, new, overwrite=overwrite)

    print_conversion(
        guarded(converted, "interrupted; nothing was written", MODEL_TOO_LARGE), Console()
    )
