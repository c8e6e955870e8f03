r"""Options that several commands have and that are no settings, each worded once.

Help texts are rich markup: a literal square bracket is written `\\[`.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from prune_mi.config.declare import INPUT, OUTPUT


def option(text: str, panel: str, *names: str, **more: Any) -> Any:
    """An option of the command line, with what `--help` tells of it under a heading of `declare`.

    Args:
        text: What it does.
        panel: The heading.
        *names: How it is written, where that does not follow from the parameter's name.
        **more: As for `typer.Option`.
    """
    return typer.Option(*names, help=text, rich_help_panel=panel, **more)


ModelFile = Annotated[
    Path, typer.Argument(help="The model file (.keras or .h5), or a SavedModel folder.")
]
Quiet = Annotated[bool, option("Show no progress, only the result.", OUTPUT, "--quiet")]
Json = Annotated[bool, option("Print report.json on standard output.", OUTPUT, "--json")]
JsonResult = Annotated[
    bool, option("Print the result as JSON on standard output.", OUTPUT, "--json")
]
Overwrite = Annotated[
    bool, option("Replace the files of an earlier run in the run folder.", OUTPUT, "--overwrite")
]
OverwriteFile = Annotated[
    bool, option("Replace files that are there already.", OUTPUT, "--overwrite")
]
ModelJson = Annotated[
    Path | None,
    option(
        "The architecture as JSON, by model.to_json(). For model files that hold only weights.",
        INPUT,
    ),
]
AllowUnsafe = Annotated[
    bool,
    option(
        "Run Python code that the model file contains, such as Lambda layers. Only for files "
        "from a source that you trust.",
        INPUT,
        "--allow-unsafe",
    ),
]
CustomObjects = Annotated[
    str | None,
    option("Module, or path of a .py file, that defines the model's custom layers.", INPUT),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN",
        help="Go on with the run in this folder. Its model, data and settings are known; a larger "
        "--budget or more --generations may be given, and other limits.",
        rich_help_panel=INPUT,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(help="YAML file with settings. Options on the command line override it."),
]
