"""The command line: parse, call, turn an expected failure into its exit code. No logic."""

import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console

from prune_mi import __version__
from prune_mi.config import (
    Objective,
    OptimizeSettings,
    make_settings,
    parse_size,
    read_yaml,
)
from prune_mi.errors import ConfigError, ExitCode, PruneMIError
from prune_mi.graph.inspection import Inspection
from prune_mi.keras_io.model_file import read_model_file
from prune_mi.keras_io.runtime import start_backend
from prune_mi.records import Conversion, ModelSource, Observer, Ranking, RunReport
from prune_mi.report import (
    inspection_to_dict,
    open_observer,
    plot_ranking,
    print_conversion,
    print_inspection,
    print_ranking,
    print_summary,
    ranking_to_dict,
    report_to_dict,
    require_plottable,
)

_T = TypeVar("_T")
_MODEL_TOO_LARGE = "out of memory: the model needs more of it than this machine has left"
_process_started: float | None = None  # set by `main`: a budget counts the imports too

app = typer.Typer(
    name="prune-mi",
    help="Take the layers out of a trained Keras model that add no information about the classes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_Quiet = Annotated[bool, typer.Option("--quiet", help="Print the result alone.")]
_Json = Annotated[bool, typer.Option("--json", help="Print report.json on standard output.")]
_Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace an earlier run's files in the run folder.")
]
_Architecture = Annotated[
    Path | None,
    typer.Option(help="JSON of model.to_json(), where the model file holds weights alone."),
]
_AllowUnsafe = Annotated[
    bool,
    typer.Option(
        "--allow-unsafe",
        help="Let Python code in the model file run, such as a Lambda layer's: for files whose "
        "source you trust.",
    ),
]
_CustomObjects = Annotated[
    str | None,
    typer.Option(help="Module, or path of a .py file, that defines the model's own layers."),
]
_Output = Annotated[
    str | None, typer.Option(help="Of several outputs, the name of the one to keep accurate.")
]
_Criterion = Annotated[
    str | None,
    typer.Option(
        help="How units are ranked: bypass, kmeans, soft, probe, paper, or a control: "
        "leave-one-out, gate, cka, magnitude, random.  [default: bypass]"
    ),
]
_Freeze = Annotated[
    list[str] | None,
    typer.Option(
        metavar="REGEX", help="Whole names of layers not to be trained; may be given repeatedly."
    ),
]
_Protect = Annotated[
    list[str] | None,
    typer.Option(
        metavar="REGEX", help="Whole names of layers not to be touched; may be given repeatedly."
    ),
]
_Seed = Annotated[int | None, typer.Option(help="Seed of every draw.  [default: 0]")]


@app.command()
def optimize(
    model: Annotated[Path, typer.Argument(help="A trained classifier.")],
    data: Annotated[
        str | None,
        typer.Option(
            help="cifar10, fashion_mnist, mnist, digits, or the path of an .npz (x_train, y_train, "
            "x_test, y_test; x_train_NAME, x_test_NAME for each of several inputs), of a folder of "
            "class folders of images, or of a cifar-10-batches-py folder."
        ),
    ] = None,
    output: _Output = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder.  [default: prune-mi-runs/MODEL]")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Wall clock for the whole run: 90s, 25m, 1h30m.")
    ] = None,
    max_accuracy_drop: Annotated[
        float | None,
        typer.Option(help="Validation accuracy that may be lost, a fraction.  [default: 0.01]"),
    ] = None,
    objective: Annotated[
        str | None, typer.Option(help="macs, params or accuracy.  [default: macs]")
    ] = None,
    generations: Annotated[
        int | None, typer.Option(help="Generations at most.  [default: 5]")
    ] = None,
    children: Annotated[
        int | None, typer.Option(help="Children proposed a generation.  [default: 8]")
    ] = None,
    morphs: Annotated[
        int | None, typer.Option(help="Changes a child at most.  [default: by size, 5 or more]")
    ] = None,
    child_epochs: Annotated[
        float | None,
        typer.Option(help="Passes over the training images for a child at most.  [default: 2]"),
    ] = None,
    final_epochs: Annotated[
        float | None,
        typer.Option(help="Passes for the winner's final training at most.  [default: 6]"),
    ] = None,
    scaling: Annotated[
        str | None,
        typer.Option(
            help="What the model was trained on: auto, none, unit (0..1), signed (-1..1), "
            "standardize (by channel) or mean-image (unit less the mean image).  [default: auto]"
        ),
    ] = None,
    validation: Annotated[
        str | None,
        typer.Option(
            help="Where selection's images come from where none are given: auto, test (half of "
            "it) or train.  [default: auto]"
        ),
    ] = None,
    mix: Annotated[
        str | None,
        typer.Option(
            help="Mix of changes: deletion-heavy, deletion-by-rank, deletion-at-random, uniform.  "
            "[default: deletion-heavy]"
        ),
    ] = None,
    criterion: _Criterion = None,
    workers: Annotated[
        int | None, typer.Option(help="Child processes.  [default: one a core]")
    ] = None,
    freeze: _Freeze = None,
    protect: _Protect = None,
    no_control: Annotated[
        bool, typer.Option("--no-control", help="Do not train the unpruned model equally.")
    ] = False,
    seed: _Seed = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML file of settings; options given here win.")
    ] = None,
    architecture: _Architecture = None,
    allow_unsafe: _AllowUnsafe = False,
    custom_objects: _CustomObjects = None,
    overwrite: _Overwrite = False,
    quiet: _Quiet = False,
    json_output: _Json = False,
) -> None:
    """Make a trained model smaller, as accurate as allowed.

    MODEL is a .keras or .h5 file of Keras 2 or 3, or a SavedModel folder of Keras 2.

    Exit codes: 0 done and smaller; 3 done, nothing smaller stayed within the allowed drop; 2 bad
    input; 4 the run failed on the way; 130 interrupted.
    """
    given = {
        "data": data,
        "output": output,
        "budget": budget,
        "max_accuracy_drop": max_accuracy_drop,
        "objective": objective,
        "generations": generations,
        "children": children,
        "morphs": morphs,
        "child_epochs": child_epochs,
        "final_epochs": final_epochs,
        "scaling": scaling,
        "validation": validation,
        "mix": mix,
        "ranking": None if criterion is None else {"criterion": criterion},
        "freeze": freeze,
        "protect": protect,
        "workers": workers,
        "control": False if no_control else None,
        "seed": seed,
    }

    def run(observer: Observer, settings: OptimizeSettings) -> RunReport:
        from prune_mi.pipeline import run_optimize

        return run_optimize(
            source,
            settings,
            out=out,
            overwrite=overwrite,
            observer=observer,
            started=_process_started,
        )

    settings = _guarded(lambda: _resolve(given, config))
    source = ModelSource(model, architecture, allow_unsafe, custom_objects)
    _guarded(lambda: read_model_file(model, architecture))  # seconds before Keras is imported
    _run(lambda observer: run(observer, settings), settings.objective, quiet, json_output)


@app.command()
def demo(
    out: Annotated[
        Path | None, typer.Option(help="Run folder.  [default: a new one in prune-mi-runs]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of every draw.")] = 0,
    overwrite: _Overwrite = False,
    quiet: _Quiet = False,
    json_output: _Json = False,
) -> None:
    """Train a small network on scikit-learn's digits, then optimize it: a minute or two."""

    def run(observer: Observer) -> RunReport:
        from prune_mi.demo import run_demo

        return run_demo(out, seed=seed, overwrite=overwrite, observer=observer)

    _run(run, "params", quiet, json_output)


@app.command()
def convert(
    old: Annotated[Path, typer.Argument(help="The model: .keras, .h5 or a SavedModel folder.")],
    new: Annotated[Path, typer.Argument(help="What to write: a name that ends in .keras or .h5.")],
    architecture: _Architecture = None,
    allow_unsafe: _AllowUnsafe = False,
    custom_objects: _CustomObjects = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace NEW where it is there already.")
    ] = False,
) -> None:
    """Write a model of Keras 2 again as one of Keras 3, with equal outputs; nothing is pruned.

    Exit codes: 0 done; 2 bad input; 4 what was written is not equal; 130 interrupted.
    """

    def converted() -> Conversion:
        start_backend()
        from prune_mi.conversion import convert_model

        source = ModelSource(old, architecture, allow_unsafe, custom_objects)
        return convert_model(source, new, overwrite=overwrite)

    print_conversion(
        _guarded(converted, "interrupted; nothing was written", _MODEL_TOO_LARGE), Console()
    )


@app.command()
def inspect(
    model: Annotated[Path, typer.Argument(help="The model: .keras, .h5 or a SavedModel folder.")],
    input_size: Annotated[
        str | None,
        typer.Option(help="Size to count for, where the model takes any: 224x224."),
    ] = None,
    output: _Output = None,
    freeze: _Freeze = None,
    protect: _Protect = None,
    architecture: _Architecture = None,
    allow_unsafe: _AllowUnsafe = False,
    custom_objects: _CustomObjects = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON, width groups included.")
    ] = False,
) -> None:
    """Show every layer and unit of a model: what it costs, whether it can go, and why not.

    Nothing is trained and no data is needed. Exit codes: 0 done; 2 bad input; 130 interrupted.
    """

    def inspected() -> Inspection:
        start_backend()
        from prune_mi.inspection import inspect_model

        return inspect_model(
            ModelSource(model, architecture, allow_unsafe, custom_objects),
            input_size=None if input_size is None else parse_size(input_size),
            freeze=freeze or (),
            protect=protect or (),
            output=output,
        )

    inspection = _guarded(inspected, "interrupted", _MODEL_TOO_LARGE)
    if json_output:
        sys.stdout.write(json.dumps(inspection_to_dict(inspection), indent=2) + "\n")
    else:
        print_inspection(inspection, Console())


@app.command()
def rank(
    model: Annotated[Path, typer.Argument(help="The model: .keras, .h5 or a SavedModel folder.")],
    data: Annotated[str, typer.Option(help="As for optimize.")],
    criterion: _Criterion = None,
    samples: Annotated[
        int | None,
        typer.Option(min=20, help="Training images.  [default: 100 a class, 1000 at least]"),
    ] = None,
    least: Annotated[
        int, typer.Option(min=1, help="The k for the probability of being among the k least.")
    ] = 5,
    scaling: Annotated[str | None, typer.Option(help="As for optimize.  [default: auto]")] = None,
    output: _Output = None,
    protect: _Protect = None,
    seed: _Seed = None,
    architecture: _Architecture = None,
    allow_unsafe: _AllowUnsafe = False,
    custom_objects: _CustomObjects = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the gains too: a name that ends in .svg or .png.")
    ] = None,
    quiet: _Quiet = False,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print the ranking as JSON on standard output.")
    ] = False,
) -> None:
    """Show what each unit of a model adds to the information about the classes.

    Nothing is trained. Exit codes: 0 done; 2 bad input; 4 the plot cannot be written; 130
    interrupted.
    """
    given = {
        "data": data,
        "scaling": scaling,
        "output": output,
        "protect": protect,
        "seed": seed,
        "ranking": None if criterion is None else {"criterion": criterion},
    }
    source = ModelSource(model, architecture, allow_unsafe, custom_objects)
    console = Console(stderr=json_output)

    def ranked() -> Ranking:
        settings = _resolve(given, None)
        if plot is not None:
            require_plottable(plot)
        read_model_file(model, architecture)
        start_backend()
        from prune_mi.ranking import rank_model

        with open_observer(console, quiet=quiet, objective=settings.objective) as observer:
            found = rank_model(source, settings, samples=samples, least=least, observer=observer)
        if plot is not None:
            plot_ranking(found, plot)
        return found

    ranking = _guarded(ranked, "interrupted", _MODEL_TOO_LARGE)
    if json_output:
        sys.stdout.write(json.dumps(ranking_to_dict(ranking), indent=2) + "\n")
    else:
        print_ranking(ranking, console)


@app.callback(invoke_without_command=True)
def main_options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Take the layers out of a trained Keras model that add no information about the classes."""
    if version:
        typer.echo(f"prune-mi {__version__}")
        raise typer.Exit


def main() -> None:
    """Entry point of the console script; a termination request ends like Ctrl-C."""
    global _process_started
    _process_started = time.monotonic()
    signal.signal(signal.SIGTERM, _interrupt)
    app()


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _resolve(given: dict[str, Any], config: Path | None) -> OptimizeSettings:
    values = read_yaml(config) if config is not None else {}
    for key, value in given.items():
        group = values.get(key)
        if isinstance(group, dict) and isinstance(value, dict):
            values[key] = {**group, **value}  # what else the file says of the group stays
        elif value is not None:
            values[key] = value
    if "data" not in values:
        raise ConfigError(
            "no data was given; expected --data with a data set's name, an .npz, an image folder "
            "or a cifar-10-batches-py folder"
        )
    return make_settings(values)


def _run(
    action: Callable[[Observer], RunReport], objective: Objective, quiet: bool, json_output: bool
) -> None:
    console = Console(stderr=json_output)

    def observed() -> RunReport:
        start_backend()
        with open_observer(console, quiet=quiet, objective=objective) as observer:
            return action(observer)

    report = _guarded(observed)
    if json_output:
        sys.stdout.write(json.dumps(report_to_dict(report), indent=2) + "\n")
    else:
        print_summary(report, console)
    changed = report.smaller or bool(report.removals)
    raise typer.Exit(ExitCode.DONE if changed else ExitCode.NOTHING_SMALLER)


def _guarded(
    action: Callable[[], _T],
    interrupted: str = "interrupted; nothing was written",
    memory: str = "out of memory; try fewer --workers or a smaller data set",
) -> _T:
    """Turns an expected failure into a message on standard error and its exit code."""
    try:
        return action()
    except PruneMIError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt as error:
        _fail(str(error) or interrupted, ExitCode.INTERRUPTED)
    except MemoryError:
        _fail(memory, ExitCode.RUN_FAILED)
    except OSError as error:
        where = f" at {error.filename}" if error.filename else ""
        _fail(f"the system refused{where}: {error.strerror or error}", ExitCode.RUN_FAILED)


def _fail(message: str, code: ExitCode) -> NoReturn:
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        f"prune-mi: {message}", markup=False, style="red" if code != ExitCode.INTERRUPTED else ""
    )
    raise typer.Exit(code)
