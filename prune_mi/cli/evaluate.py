"""`prune-mi evaluate`: models measured side by side."""

from pathlib import Path
from typing import Annotated, Any

import typer

from prune_mi.cli.made_options import opens_models, takes
from prune_mi.cli.options import JsonResult, Quiet
from prune_mi.cli.settings import READING, resolve
from prune_mi.cli.told import found_and_told, observed
from prune_mi.config import OptimizeSettings
from prune_mi.keras_io.files.model_file import model_sources
from prune_mi.records import Evaluation
from prune_mi.report.evaluation import print_evaluation


@takes(OptimizeSettings, only=READING | {"metric", "workers"})
@opens_models
def evaluate(
    models: Annotated[
        list[Path], typer.Argument(help="Models, or run folders, with the same classes.")
    ],
    given: dict[str, Any],
    opened: dict[str, Any],
    quiet: Quiet = False,
    json_output: JsonResult = False,
) -> None:
    """Compare models: accuracy, size, cost, and changed answers against the first.

    The models are measured on the test images. Those that a run used to
    choose one of the models are left out.

    Example: prune-mi evaluate model.h5 run/best.keras --data cifar10

    Exit codes: 0 done; 2 bad input; 4 the evaluation failed; 130
    interrupted.
    """

    def measured() -> Evaluation:
        settings = resolve(OptimizeSettings, given)
        sources = model_sources(models, **opened)  # seconds before Keras is imported
        with observed(quiet=quiet, json_output=json_output) as observer:
            from prune_mi.commands.evaluate import evaluate_models

            return evaluate_models(sources, settings, observer=observer)

    found_and_told(measured, print_evaluation, json_output=json_output)
