"""`prune-mi average`: several models as one."""

from pathlib import Path
from typing import Annotated, Any

import typer

from prune_mi.cli.made_options import takes
from prune_mi.cli.options import AllowUnsafe, CustomObjects, OverwriteFile, option
from prune_mi.cli.settings import resolve
from prune_mi.cli.told import found_and_told
from prune_mi.config import OptimizeSettings
from prune_mi.config.declare import INPUT, OUTPUT
from prune_mi.data.class_file import known_scaling
from prune_mi.keras_io.files.model_file import model_sources
from prune_mi.keras_io.runtime.backend import start_backend
from prune_mi.records import Average
from prune_mi.report.short_reports import print_average


@takes(
    OptimizeSettings,
    only={"data", "classes"},
    words={"classes": "classes.json beside the first model, else as in the data"},
)
def average(
    models: Annotated[
        list[Path],
        typer.Argument(help="Two or more models, or run folders, with the same classes."),
    ],
    given: dict[str, Any],
    out: Annotated[Path, option("File to write. Its name must end in .keras.", OUTPUT)],
    scaling: Annotated[
        str,
        option(
            "Input scaling of all models: none, unit (0..1), signed (-1..1), caffe or torch "
            "(as in keras.applications).",
            INPUT,
        ),
    ] = "none",
    allow_unsafe: AllowUnsafe = False,
    custom_objects: CustomObjects = None,
    overwrite: OverwriteFile = False,
) -> None:
    """Combine several models into one that averages their class probabilities.

    The accuracy of all is measured on the test images.

    Example: prune-mi average run1 run2 --data digits --out mean.keras

    Exit codes: 0 done; 2 bad input; 4 the written model gives other
    outputs; 130 interrupted.
    """

    def averaged() -> Average:
        settings = resolve(OptimizeSettings, {**given, "scaling": known_scaling(scaling)})
        sources = model_sources(  # seconds before Keras is imported, as all before it
            models, allow_unsafe=allow_unsafe, custom_objects=custom_objects
        )
        start_backend()
        from prune_mi.commands.average import average_models

        return average_models(sources, settings, out=out, overwrite=overwrite)

    found_and_told(averaged, print_average, writes=True)
