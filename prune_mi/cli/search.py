"""`prune-mi search`: a network found for some data."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from prune_mi.cli.guarded import guarded
from prune_mi.cli.made_options import takes
from prune_mi.cli.options import AllowUnsafe, Config, CustomObjects, Json, Overwrite, Quiet, Resume
from prune_mi.cli.resumed import resumed
from prune_mi.cli.run import search_and_report
from prune_mi.cli.settings import resolve
from prune_mi.config import SearchSettings
from prune_mi.config.declare import INPUT, OUTPUT
from prune_mi.errors import ConfigError
from prune_mi.keras_io.files.model_file import read_model_file
from prune_mi.records import ModelSource, Observer, SearchReport
from prune_mi.runs.folder import require_free, run_folder


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
    resume: Resume = None,
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
    best.keras, and prints the command that classifies an image with it. An
    interrupted search is continued with --resume RUN.

    Example: prune-mi search --from-scratch --data photos --budget 30m

    Exit codes: 0 done; 2 bad input; 3 done, but nothing was better than the
    model of --from; 4 the run failed; 130 interrupted.
    """

    def action() -> Callable[[Observer], SearchReport]:
        if resume is not None:
            refused = {"--out": out, "--overwrite": overwrite, "--from-scratch": from_scratch}
            return resumed(
                "search",
                resume,
                given,
                config,
                refused=refused,
                said={
                    "path": from_model,
                    "allow_unsafe": allow_unsafe,
                    "custom_objects": custom_objects,
                },
                began=context.obj,
            )
        _say_where_to_start(from_scratch, from_model)
        settings, source = resolve(SearchSettings, given, config), None
        # Seconds before Keras is imported, as the next.
        start = "seed" if from_model is None else from_model.stem
        require_free(out or run_folder(f"search-{start}"), overwrite=overwrite)
        if from_model is not None:
            read_model_file(from_model, None)
            source = ModelSource(from_model, None, allow_unsafe, custom_objects)
        written: dict[str, Any] = {"out": out, "overwrite": overwrite}
        return partial(_search, source, settings, started=context.obj, **written)

    search_and_report(guarded(action), quiet, json_output, context.obj, details=details)


def _say_where_to_start(from_scratch: bool, from_model: Path | None) -> None:
    if from_scratch == (from_model is not None):
        raise ConfigError(
            "received " + ("both" if from_scratch else "neither of") + " --from-scratch and "
            "--from; expected exactly one of them, to say what the search starts from, or "
            "--resume RUN"
        )


def _search(
    source: ModelSource | None, settings: SearchSettings, observer: Observer, **options: Any
) -> SearchReport:
    from prune_mi.commands.search import run_search

    return run_search(source, settings, observer=observer, **options)
