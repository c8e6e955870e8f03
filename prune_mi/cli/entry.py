"""The commands together, and the entry point of the console script."""

import os
import signal
import sys
from typing import Annotated, NoReturn

import typer

from prune_mi import BEGAN, __version__
from prune_mi.cli.average import average
from prune_mi.cli.convert import convert
from prune_mi.cli.demo import demo
from prune_mi.cli.inspect import inspect
from prune_mi.cli.optimize import optimize
from prune_mi.cli.predict import predict
from prune_mi.cli.rank import rank
from prune_mi.cli.recalibrate import recalibrate
from prune_mi.cli.search import search
from prune_mi.errors import ExitCode

app = typer.Typer(
    name="prune-mi",
    help="Take the layers out of a trained Keras model that add no information about the classes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
# Of 65 characters at most, which a terminal of 80 columns shows whole.
for command, summary in (
    (optimize, "Make a trained model smaller, as accurate as allowed."),
    (search, "Find a network for your images, from scratch or from a model."),
    (demo, "Train a small network on digits, then make it smaller."),
    (convert, "Write a model of Keras 2 again as one of Keras 3."),
    (inspect, "Show every layer of a model, its costs, and whether it can go."),
    (rank, "Show what each unit of a model adds about the classes."),
    (recalibrate, "Compute batch-norm statistics anew where that helps."),
    (predict, "Say what a model sees in images."),
    (average, "Make one model of several, which averages their probabilities."),
):
    app.command(short_help=summary)(command)


@app.callback(invoke_without_command=True)
def main_options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Make trained Keras models smaller, or find a network for your images."""
    if version:
        typer.echo(f"prune-mi {__version__}")
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


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
