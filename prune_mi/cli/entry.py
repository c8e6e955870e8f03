"""The commands together, and the entry point of the console script."""

import signal
import time
from typing import Annotated, NoReturn

import typer

from prune_mi import __version__
from prune_mi.cli.average import average
from prune_mi.cli.convert import convert
from prune_mi.cli.demo import demo
from prune_mi.cli.inspect import inspect
from prune_mi.cli.optimize import optimize
from prune_mi.cli.predict import predict
from prune_mi.cli.rank import rank
from prune_mi.cli.search import search

app = typer.Typer(
    name="prune-mi",
    help="Take the layers out of a trained Keras model that add no information about the classes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (optimize, search, demo, convert, inspect, rank, predict, average):
    app.command()(command)


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

    When the process started goes to the commands as their context's object: a budget counts the
    imports too.
    """
    started = time.monotonic()
    signal.signal(signal.SIGTERM, _interrupt)
    app(obj=started)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
