"""Options that several commands have, each worded once."""

from pathlib import Path
from typing import Annotated

import typer

Quiet = Annotated[bool, typer.Option("--quiet", help="Print the result alone.")]
Json = Annotated[bool, typer.Option("--json", help="Print report.json on standard output.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace an earlier run's files in the run folder.")
]
Architecture = Annotated[
    Path | None,
    typer.Option(help="JSON of model.to_json(), where the model file holds weights alone."),
]
AllowUnsafe = Annotated[
    bool,
    typer.Option(
        "--allow-unsafe",
        help="Let Python code in the model file run, such as a Lambda layer's: for files whose "
        "source you trust.",
    ),
]
CustomObjects = Annotated[
    str | None,
    typer.Option(help="Module, or path of a .py file, that defines the model's own layers."),
]
Output = Annotated[
    str | None, typer.Option(help="Of several outputs, the name of the one to keep accurate.")
]
Classes = Annotated[
    str | None,
    typer.Option(
        help="Names or numbers of the classes in the order of the model's outputs, with commas, or "
        "a file of them.  [default: classes.json beside the model, or found out]"
    ),
]
AllowWeakModel = Annotated[
    bool,
    typer.Option(
        "--allow-weak-model",
        help="Go on with a model that is far less right on the data than it is sure of itself.",
    ),
]
Criterion = Annotated[
    str | None,
    typer.Option(
        help="How units are ranked: bypass, kmeans, soft, probe, paper, or a control: "
        "leave-one-out, gate, cka, magnitude, random.  [default: bypass]"
    ),
]
Metric = Annotated[
    str | None,
    typer.Option(
        help="What is kept: accuracy, or balanced (the mean of the classes' accuracies).  "
        "[default: accuracy]"
    ),
]
Freeze = Annotated[
    list[str] | None,
    typer.Option(
        metavar="REGEX", help="Whole names of layers not to be trained; may be given repeatedly."
    ),
]
Protect = Annotated[
    list[str] | None,
    typer.Option(
        metavar="REGEX", help="Whole names of layers not to be touched; may be given repeatedly."
    ),
]
Seed = Annotated[int | None, typer.Option(help="Seed of every draw.  [default: 0]")]
Budget = Annotated[str | None, typer.Option(help="Wall clock for the whole run: 90s, 25m, 1h30m.")]
Generations = Annotated[
    int | None,
    typer.Option(
        help="Generations at most.  [default: 5; `optimize` with --budget: what it has time for]"
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(help="Child processes.  [default: one a core, on a GPU 5 at most]"),
]
Config = Annotated[Path | None, typer.Option(help="YAML file of settings; options given here win.")]
