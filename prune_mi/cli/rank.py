"""`prune-mi rank`: what each unit of a model adds."""

from pathlib import Path
from typing import Annotated, Any

import typer

from prune_mi.cli.guarded import MODEL_TOO_LARGE, guarded
from prune_mi.cli.made_options import takes
from prune_mi.cli.options import AllowUnsafe, CustomObjects, ModelJson, Quiet
from prune_mi.cli.settings import resolve
from prune_mi.cli.told import console_of, tell
from prune_mi.config import OptimizeSettings
from prune_mi.config.declare import INPUT, OUTPUT
from prune_mi.keras_io.model_file import read_model_file
from prune_mi.keras_io.runtime import start_backend
from prune_mi.records import ModelSource, Ranking
from prune_mi.report import (
    open_observer,
    plot_ranking,
    print_ranking,
    require_plottable,
)

_SETTINGS = {"criterion", "scaling", "output", "classes", "allow_weak_model", "protect", "seed"}


@takes(OptimizeSettings, only=_SETTINGS)
def rank(
    model: Annotated[
        Path, typer.Argument(help="The model file (.keras or .h5), or a SavedModel folder.")
    ],
    given: dict[str, Any],
    data: Annotated[str, typer.Option(help="Data set, as for optimize.", rich_help_panel=INPUT)],
    samples: Annotated[
        int | None,
        typer.Option(
            min=20,
            help="Number of training images to rank on.  \\[default: 100 per class, at least 1000]",
            rich_help_panel=INPUT,
        ),
    ] = None,
    least: Annotated[
        int,
        typer.Option(
            min=1,
            help="A number k. The table shows how probable it is that a unit is among the k with "
            "the lowest scores.",
            rich_help_panel=OUTPUT,
        ),
    ] = 5,
    model_json: ModelJson = None,
    allow_unsafe: AllowUnsafe = False,
    custom_objects: CustomObjects = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Also draw the scores to this file. Its name must end in .svg or .png.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    quiet: Quiet = False,
    json_output: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the ranking as JSON on standard output.", rich_help_panel=OUTPUT
        ),
    ] = False,
) -> None:
    """Rank the units of a model by what they add to the information about the classes.

    Nothing is trained. The unit with the lowest score is missed least.

    Example: prune-mi rank model.h5 --data cifar10

    Exit codes: 0 done; 2 bad input; 4 the plot cannot be written; 130
    interrupted.
    """
    source = ModelSource(model, model_json, allow_unsafe, custom_objects)
    console = console_of(json_output=json_output)

    def ranked() -> Ranking:
        settings = resolve(OptimizeSettings, {**given, "data": data}, None)
        if plot is not None:
            require_plottable(plot)
        read_model_file(model, model_json)
        start_backend()
        from prune_mi.ranking import rank_model

        with open_observer(console, quiet=quiet, objective=settings.objective) as observer:
            found = rank_model(source, settings, samples=samples, least=least, observer=observer)
        if plot is not None:
            plot_ranking(found, plot)
        return found

    ranking = guarded(ranked, "interrupted", MODEL_TOO_LARGE)
    tell(ranking, print_ranking, json_output=json_output)
