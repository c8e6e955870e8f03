"""`prune-mi optimize`: a trained model made smaller."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from prune_mi.cli.guarded import guarded
from prune_mi.cli.made_options import takes
from prune_mi.cli.options import (
    AllowUnsafe,
    Config,
    CustomObjects,
    Json,
    ModelJson,
    Overwrite,
    Quiet,
    Resume,
)
from prune_mi.cli.resumed import resumed
from prune_mi.cli.run import run_and_report
from prune_mi.cli.settings import resolve
from prune_mi.config import OptimizeSettings, gates_of_pairs
from prune_mi.config.declare import CONTROL, OUTPUT
from prune_mi.errors import ConfigError
from prune_mi.keras_io.files.model_file import read_model_file
from prune_mi.records import ModelSource, Observer, RunReport
from prune_mi.runs.folder import require_free, run_folder


@takes(OptimizeSettings)
def optimize(
    context: typer.Context,
    given: dict[str, Any],
    model: Annotated[
        Path | None, typer.Argument(help="A trained model.  \\[not with --resume]")
    ] = None,
    resume: Resume = None,
    model_json: ModelJson = None,
    allow_unsafe: AllowUnsafe = False,
    custom_objects: CustomObjects = None,
    gate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A gate of `prune-mi check` that the result must pass, such as max-flips=0.03. "
            "May be repeated.",
            rich_help_panel=CONTROL,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Run folder.  \\[default: prune-mi-runs/MODEL]", rich_help_panel=OUTPUT),
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    json_output: Json = False,
    config: Config = None,
) -> None:
    """Make a trained model smaller, within an allowed accuracy drop.

    MODEL is a .keras or .h5 file of Keras 2 or 3, or a SavedModel folder
    of Keras 2. An interrupted run is continued with --resume RUN.

    Example: prune-mi optimize model.h5 --data cifar10 --budget 25m

    Exit codes: 0 done, the model is smaller; 2 bad input; 3 done, but no
    smaller model stayed within the allowed drop; 4 the run failed; 6 the
    model is smaller, but a --gate failed; 130 interrupted.
    """

    def action() -> Callable[[Observer], RunReport]:
        gates = gates_of_pairs(gate or [])
        if resume is not None:
            refused = {"--out": out, "--overwrite": overwrite}
            files = {"path": model, "model_json": model_json}
            trust = {"allow_unsafe": allow_unsafe, "custom_objects": custom_objects}
            return resumed(
                "optimize",
                resume,
                given,
                config,
                refused=refused,
                said={**files, **trust},
                gates=gates,
                began=context.obj,
            )
        settings = resolve(OptimizeSettings, given, config)
        if model is None:
            raise ConfigError("received no model; expected a model file, or --resume RUN")
        source = ModelSource(model, model_json, allow_unsafe, custom_objects)
        # Seconds before Keras is imported, as the next.
        require_free(out or run_folder(model.stem), overwrite=overwrite)
        read_model_file(model, model_json)

        def run(observer: Observer) -> RunReport:
            from prune_mi.commands.optimize import run_optimize

            return run_optimize(
                source,
                settings,
                out=out,
                overwrite=overwrite,
                observer=observer,
                gates=gates,
                started=context.obj,
            )

        return run

    run_and_report(guarded(action), quiet, json_output, context.obj)
