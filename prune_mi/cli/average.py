"""`prune-mi average`: several models as one."""

from pathlib import Path
from typing import Annotated

import typer

from prune_mi.cli.options import AllowUnsafe, CustomObjects
from prune_mi.cli.told import found_and_told
from prune_mi.config.declare import INPUT, OUTPUT
from prune_mi.data.class_list import read_class_list
from prune_mi.keras_io.model_file import best_of_run, read_model_file
from prune_mi.keras_io.runtime import start_backend
from prune_mi.records import Average, ModelSource
from prune_mi.report.average import print_average


def average(
    models: Annotated[
        list[Path],
        typer.Argument(help="Two or more models, or run folders, with the same classes."),
    ],
    data: Annotated[
        str,
        typer.Option(
            help="Data set, as for optimize. Accuracy is measured on its test images.",
            rich_help_panel=INPUT,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(help="File to write. Its name must end in .keras.", rich_help_panel=OUTPUT),
    ],
    scaling: Annotated[
        str,
        typer.Option(
            help="Input scaling of all models: none, unit (0..1), signed (-1..1), caffe or torch "
            "(as in keras.applications).",
            rich_help_panel=INPUT,
        ),
    ] = "none",
    classes: Annotated[
        str | None,
        typer.Option(
            help="Names or numbers of the classes, in the order of the models' outputs: separated "
            "by commas, or a file.  \\[default: classes.json beside the first model, else as in "
            "the data]",
            rich_help_panel=INPUT,
        ),
    ] = None,
    allow_unsafe: AllowUnsafe = False,
    custom_objects: CustomObjects = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace --out and classes.json beside it.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
) -> None:
    """Combine several models into one that averages their class probabilities.

    Example: prune-mi average run1 run2 --data digits --out mean.keras

    Exit codes: 0 done; 2 bad input; 4 the written model gives other
    outputs; 130 interrupted.
    """

    def averaged() -> Average:
        if classes is not None:
            read_class_list(classes)
        paths = [best_of_run(each) for each in models]
        for path in paths:
            read_model_file(path, None)  # seconds before Keras is imported, as all before it
        start_backend()
        from prune_mi.averaging import average_models

        sources = [ModelSource(each, None, allow_unsafe, custom_objects) for each in paths]
        return average_models(
            sources, data=data, out=out, scaling=scaling, classes=classes, overwrite=overwrite
        )

    found_and_told(averaged, print_average, interrupted="interrupted; nothing was written")
