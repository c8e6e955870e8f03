"""`prune-mi search`: a network found for some data."""

from pathlib import Path
from typing import Annotated, Any

import typer

from prune_mi.cli.guarded import guarded
from prune_mi.cli.made_options import takes
from prune_mi.cli.options import AllowUnsafe, Config, CustomObjects, Json, Overwrite, Quiet
from prune_mi.cli.run import search_and_report
from prune_mi.cli.settings import resolve
from prune_mi.config import SearchSettings
from prune_mi.config.declare import INPUT, OUTPUT
from prune_mi.errors import ConfigError
from prune_mi.keras_io.files.model_file import read_model_file
from prune_mi.records import ModelSource, Observer, SearchReport


@takes(SearchSettings, words={"criterion": "bypass; with --method mi: paper"})
def search(
    context: typer.Context,
    given: dict[str, Any],
    from_scratch: Annotated[
        bool,
        typer.Option(
            "--from-scratch",
            help="Start from a very small network that is made for the data.",
            rich_help_panel=INPUT,
        ),
    ] = False,
    from_model: Annotated[
        Path | None,
        typer.Option("--from", help="Start from this trained model.", rich_help_panel=INPUT),
    ] = None,
    allow_unsafe: AllowUnsafe = False,
    custom_objects: CustomObjects = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Run folder.  \\[default: prune-mi-runs/search-seed, or search-MODEL]",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    overwrite: Overwrite = False,
    details: Annotated[
        bool,
        typer.Option(
            "--details",
            help="Also print what was changed in the networks, and what the search cost.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    quiet: Quiet = False,
    json_output: Json = False,
    config: Config = None,
) -> None:
    """Find a network for your images, or improve a trained one.

    Pass --from-scratch, or --from MODEL. The search writes a trained model,
    best.keras, and prints the command that classifies an image with it.

    Example: prune-mi search --from-scratch --data photos --budget 30m

    Exit codes: 0 done; 2 bad input; 3 done, but nothing was better than the
    model of --from; 4 the run failed; 130 interrupted.
    """

    def checked() -> tuple[SearchSettings, ModelSource | None]:
        if from_scratch == (from_model is not None):
            raise ConfigError(
                "received " + ("both" if from_scratch else "neither of") + " --from-scratch and "
                "--from; expected exactly one of them, to say what the search starts from"
            )
        settings = resolve(SearchSettings, given, config)
        if from_model is None:
            return settings, None
        read_model_file(from_model, None)  # seconds before Keras is imported
        return settings, ModelSource(from_model, None, allow_unsafe, custom_objects)

    settings, source = guarded(checked)

    def run(observer: Observer) -> SearchReport:
        from prune_mi.commands.search import run_search

        return run_search(
            source, settings, out=out, overwrite=overwrite, observer=observer, started=context.obj
        )

    search_and_report(run, quiet, json_output, context.obj, details=details)
