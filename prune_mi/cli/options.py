r"""Options that several commands have, each worded once, and the panels of their help.

Help texts are rich markup: a literal square bracket is written `\\[`.
"""

from pathlib import Path
from typing import Annotated

import typer

CHANGE = "What may change"
TIME = "Time"
INPUT = "Data and model"
REMOVAL = "What may be removed"
CONTROL = "Validation and control"
OUTPUT = "Output"

Quiet = Annotated[
    bool,
    typer.Option("--quiet", help="Show no progress, only the result.", rich_help_panel=OUTPUT),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print report.json on standard output.", rich_help_panel=OUTPUT),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace the files of an earlier run in the run folder.",
        rich_help_panel=OUTPUT,
    ),
]
Architecture = Annotated[
    Path | None,
    typer.Option(
        help="Architecture as JSON, written by model.to_json(). For model files that hold only "
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
Output = Annotated[
    str | None,
    typer.Option(
        help="For a model with several outputs: the name of the output to keep accurate.",
        rich_help_panel=INPUT,
    ),
]
Scaling = Annotated[
    str | None,
    typer.Option(help="Input scaling, as for optimize.  \\[default: auto]", rich_help_panel=INPUT),
]
Classes = Annotated[
    str | None,
    typer.Option(
        help="Names or numbers of the classes, in the order of the model's outputs: separated by "
        "commas, or a file.  \\[default: classes.json beside the model, else detected]",
        rich_help_panel=INPUT,
    ),
]
AllowWeakModel = Annotated[
    bool,
    typer.Option(
        "--allow-weak-model",
        help="Continue even if the model is far less accurate on this data than its own "
        "probabilities suggest.",
        rich_help_panel=INPUT,
    ),
]
Criterion = Annotated[
    str | None,
    typer.Option(
        help="How units are ranked: bypass, kmeans, soft, probe or paper. For comparison: "
        "leave-one-out, gate, cka, magnitude or random.  \\[default: bypass]",
        rich_help_panel=REMOVAL,
    ),
]
Metric = Annotated[
    str | None,
    typer.Option(
        help="What is measured: accuracy, or balanced (the mean of the accuracies of the "
        "classes).  \\[default: accuracy]",
        rich_help_panel=CONTROL,
    ),
]
Freeze = Annotated[
    list[str] | None,
    typer.Option(
        metavar="REGEX",
        help="Layers that are not trained: a regular expression for the whole name. May be "
        "repeated.",
        rich_help_panel=CHANGE,
    ),
]
Protect = Annotated[
    list[str] | None,
    typer.Option(
        metavar="REGEX",
        help="Layers that are not removed or changed: a regular expression for the whole name. "
        "May be repeated.",
        rich_help_panel=REMOVAL,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        help="Seed of the random numbers.  \\[default: 0]",
        rich_help_panel=CONTROL,
    ),
]
Budget = Annotated[
    str | None,
    typer.Option(help="Time limit for the whole run: 90s, 25m or 1h30m.", rich_help_panel=TIME),
]
Generations = Annotated[
    int | None,
    typer.Option(
        help="Maximum number of generations.  \\[default: 5; `optimize` with --budget: as many as "
        "fit]",
        rich_help_panel=TIME,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        help="Number of worker processes.  \\[default: one per CPU core; at most 5 on a GPU]",
        rich_help_panel=TIME,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(help="YAML file with settings. Options on the command line override it."),
]
