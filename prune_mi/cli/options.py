r"""Options that several commands have and that are no settings, each worded once.

Help texts are rich markup: a literal square bracket is written `\\[`.
"""

from pathlib import Path
from typing import Annotated

import typer

from prune_mi.config.declare import INPUT, OUTPUT

ModelFile = Annotated[
    Path, typer.Argument(help="The model file (.keras or .h5), or a SavedModel folder.")
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", help="Show no progress, only the result.", rich_help_panel=OUTPUT),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print report.json on standard output.", rich_help_panel=OUTPUT),
]
JsonResult = Annotated[
    bool,
    typer.Option(
        "--json", help="Print the result as JSON on standard output.", rich_help_panel=OUTPUT
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace the files of an earlier run in the run folder.",
        rich_help_panel=OUTPUT,
    ),
]
OverwriteFile = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace files that are there already.", rich_help_panel=OUTPUT
    ),
]
ModelJson = Annotated[
    Path | None,
    typer.Option(
        help="ModelJson as JSON, written by model.to_json(). For model files that hold only "
        "weights.",
        rich_help_panel=INPUT,
    ),
]
AllowUnsafe = Annotated[
    bool,
    typer.Option(
        "--allow-unsafe",
        help="Run Python code that the model file contains, such as Lambda layers. Only for files "
        "from a source that you trust.",
        rich_help_panel=INPUT,
    ),
]
CustomObjects = Annotated[
    str | None,
    typer.Option(
        help="Module, or path of a .py file, that defines the model's custom layers.",
        rich_help_panel=INPUT,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(help="YAML file with settings. Options on the command line override it."),
]
