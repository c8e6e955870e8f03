"""`prune-mi convert`: a model of Keras 2 written again as one of Keras 3."""

from pathlib import Path
from typing import Annotated, Any

import typer

from prune_mi.cli.made_options import opens_models
from prune_mi.cli.options import ModelFile, OverwriteFile
from prune_mi.cli.told import found_and_told
from prune_mi.keras_io.runtime.backend import start_backend
from prune_mi.records import Conversion, ModelSource
from prune_mi.report.short_reports import print_conversion


@opens_models
def convert(
    old: ModelFile,
    new: Annotated[Path, typer.Argument(help="File to write. Its name must end in .keras or .h5.")],
    opened: dict[str, Any],
    overwrite: OverwriteFile = False,
) -> None:
    """Convert a Keras 2 model to Keras 3, with equal outputs. Nothing is pruned.

    Example: prune-mi convert old.h5 new.keras

    Exit codes: 0 done; 2 bad input; 4 the written model gives other
    outputs; 130 interrupted.
    """

    def converted() -> Conversion:
        start_backend()
        from prune_mi.commands.convert import convert_model

        return convert_model(ModelSource(old, **opened), new, overwrite=overwrite)

    found_and_told(converted, print_conversion, writes=True)
