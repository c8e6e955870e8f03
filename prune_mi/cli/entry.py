"""The commands together, and the entry point of the console script."""

import os
import platform
import signal
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, NoReturn

import typer

from prune_mi import BEGAN, __version__
from prune_mi.cli.average import average
from prune_mi.cli.check import check
from prune_mi.cli.convert import convert
from prune_mi.cli.demo import demo
from prune_mi.cli.evaluate import evaluate
from prune_mi.cli.inspect import inspect
from prune_mi.cli.optimize import optimize
from prune_mi.cli.pick import pick
from prune_mi.cli.predict import predict
from prune_mi.cli.rank import rank
from prune_mi.cli.recalibrate import recalibrate
from prune_mi.cli.report import report
from prune_mi.cli.search import search
from prune_mi.errors import ExitCode

app = typer.Typer(
    name="prune-mi",
    help="Make trained Keras models smaller: remove layers and channels that add little.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
_PACKAGES = ("keras", "tensorflow", "numpy", "scikit-learn")  # whose versions --version prints
# Of 62 characters at most, which a terminal of 80 columns shows in one line.
for command, summary in (
    (optimize, "Make a trained model smaller, within an allowed accuracy drop."),
    (search, "Find a network for your images, from scratch or from a model."),
    (evaluate, "Compare models: accuracy, size and cost."),
    (check, "Check a smaller model against the one it replaces."),
    (pick, "Write another model of a run out: smaller, or better."),
    (report, "Show what a run has found, or how far it has come."),
    (demo, "Train a small network on digits, then make it smaller."),
    (convert, "Convert a Keras 2 model to Keras 3."),
    (inspect, "Show the layers of a model, and which of them can be removed."),
    (rank, "Rank the units of a model by what they add."),
    (recalibrate, "Recompute batch-norm statistics, if that helps."),
    (predict, "Classify images with a model."),
    (average, "Combine models into one that averages their probabilities."),
):
    app.command(short_help=summary)(command)


@app.callback(invoke_without_command=True)
def main_options(
    versions: Annotated[
        bool,
        typer.Option("--version", help="Print the versions of prune-mi and of what it runs on."),
    ] = False,
) -> None:
    """Make trained Keras models smaller, or find a network for your images."""
    if versions:
        typer.echo(f"prune-mi {__version__}\nPython {platform.python_version()}")
        for package in _PACKAGES:
            typer.echo(f"{package} {_version_of(package)}")
        raise typer.Exit


def main() -> None:
    """Entry point of the console script; a termination request ends like Ctrl-C.

    When the command began goes to the commands as their context's object: a budget, and the time
    that a report tells, count the imports too.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app(obj=BEGAN)
    except SystemExit as end:
        if end.code == ExitCode.INTERRUPTED:
            # All is written and no worker is left: what TensorFlow takes to end in an orderly way,
            # seconds on a busy machine, is most of what an interruption would take.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(ExitCode.INTERRUPTED)
        raise
    finally:  # all is written: an interruption while Python ends needs no traceback
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _version_of(package: str) -> str:
    """A package's version, without importing it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not found"


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
