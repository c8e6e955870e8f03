"""`prune-mi evaluate`: models measured side by side."""

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
from prune_mi.keras_io.model_file import model_sources
from prune_mi.keras_io.runtime import start_backend
from prune_mi.records import Evaluation
from prune_mi.report import open_observer, print_evaluation

_SETTINGS = {"metric", "scaling", "output", "classes", "allow_weak_model", "workers"}


@takes(OptimizeSettings, only=_SETTINGS)
def evaluate(
    models: Annotated[
        list[Path], typer.Argument(help="Models, or run folders, with the same classes.")
    ],
    data: Annotated[
        str,
        typer.Option(
            help="Data set, as for optimize. The models are measured on its test images.",
            rich_help_panel=INPUT,
        ),
    ],
    given: dict[str, Any],
    model_json: ModelJson = None,
    allow_unsafe: AllowUnsafe = False,
    custom_objects: CustomObjects = None,
    quiet: Quiet = False,
    json_output: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the figures as JSON on standard output.", rich_help_panel=OUTPUT
        ),
    ] = False,
) -> None:
    """Compare models: accuracy, size, cost, and changed answers against the first.

    Test images that a run used to choose one of these models are left out.

    Example: prune-mi evaluate model.h5 run/best.keras --data cifar10

    Exit codes: 0 done; 2 bad input; 4 the evaluation failed; 130
    interrupted.
    """
    console = console_of(json_output=json_output)

    def measured() -> Evaluation:
        settings = resolve(OptimizeSettings, {**given, "data": data}, None)
        sources = model_sources(  # seconds before Keras is imported
            models,
            model_json=model_json,
            allow_unsafe=allow_unsafe,
            custom_objects=custom_objects,
        )
        start_backend()
        from prune_mi.evaluation import evaluate_models

        with open_observer(console, quiet=quiet) as observer:
            return evaluate_models(sources, settings, observer=observer)

    found = guarded(measured, "interrupted", MODEL_TOO_LARGE)
    tell(found, print_evaluation, json_output=json_output)
