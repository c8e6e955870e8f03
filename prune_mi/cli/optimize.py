"""`prune-mi optimize`: a trained model made smaller."""

from pathlib import Path
from typing import Annotated

import typer

from prune_mi.cli.guarded import guarded
from prune_mi.cli.options import (
    AllowUnsafe,
    AllowWeakModel,
    Architecture,
    Budget,
    Classes,
    Config,
    Criterion,
    CustomObjects,
    Freeze,
    Generations,
    Json,
    Metric,
    Output,
    Overwrite,
    Protect,
    Quiet,
    Seed,
    Workers,
)
from prune_mi.cli.run import run_and_report
from prune_mi.cli.settings import resolve
from prune_mi.config import OptimizeSettings
from prune_mi.keras_io.model_file import read_model_file
from prune_mi.records import ModelSource, Observer, RunReport


def optimize(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(help="A trained classifier.")],
    data: Annotated[
        str | None,
        typer.Option(
            help="cifar10, fashion_mnist, mnist, digits, or the path of an .npz (x_train, y_train, "
            "x_test, y_test; x_train_NAME, x_test_NAME for each of several inputs), of a folder of "
            "class folders of images, or of a cifar-10-batches-py folder."
        ),
    ] = None,
    output: Output = None,
    classes: Classes = None,
    allow_weak_model: AllowWeakModel = False,
    out: Annotated[
        Path | None, typer.Option(help="Run folder.  [default: prune-mi-runs/MODEL]")
    ] = None,
    budget: Budget = None,
    max_accuracy_drop: Annotated[
        float | None,
        typer.Option(
            help="Accuracy that may be lost against the model as given, a fraction.  "
            "[default: 0.01]"
        ),
    ] = None,
    metric: Metric = None,
    confidence: Annotated[
        float | None,
        typer.Option(
            help="Probability with which the allowed drop is to hold on unseen images, such as "
            "0.9.  [default: a standard error is kept back, half of the drop at most]"
        ),
    ] = None,
    objective: Annotated[
        str | None, typer.Option(help="macs, params or accuracy.  [default: macs]")
    ] = None,
    generations: Generations = None,
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
        typer.Option(
            help="Passes for the winner's final training at most.  [default: 6; with --budget what "
            "there is time for]"
        ),
    ] = None,
    scaling: Annotated[
        str | None,
        typer.Option(
            help="What the model was trained on: auto, none, unit (0..1), signed (-1..1), "
            "standardize (by channel), mean-image (unit less the mean image), caffe or torch (as "
            "keras.applications).  [default: auto]"
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
    criterion: Criterion = None,
    workers: Workers = None,
    freeze: Freeze = None,
    protect: Protect = None,
    continue_anyway: Annotated[
        bool,
        typer.Option("--continue-anyway", help="Search though less than 1 % can go."),
    ] = False,
    no_control: Annotated[
        bool, typer.Option("--no-control", help="Do not train the unpruned model equally.")
    ] = False,
    seed: Seed = None,
    config: Config = None,
    architecture: Architecture = None,
    allow_unsafe: AllowUnsafe = False,
    custom_objects: CustomObjects = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    json_output: Json = False,
) -> None:
    """Make a trained model smaller, as accurate as allowed.

    MODEL is a .keras or .h5 file of Keras 2 or 3, or a SavedModel folder of Keras 2.

    Exit codes: 0 done and smaller; 3 done, nothing smaller stayed within the allowed drop; 2 bad
    input; 4 the run failed on the way; 130 interrupted.
    """
    given = {
        "data": data,
        "output": output,
        "classes": classes,
        "allow_weak_model": allow_weak_model or None,
        "budget": budget,
        "max_accuracy_drop": max_accuracy_drop,
        "metric": metric,
        "confidence": confidence,
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
        "continue_anyway": True if continue_anyway else None,
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
            started=context.obj,
        )

    settings = guarded(lambda: resolve(OptimizeSettings, given, config))
    source = ModelSource(model, architecture, allow_unsafe, custom_objects)
    guarded(lambda: read_model_file(model, architecture))  # seconds before Keras is imported
    run_and_report(
        lambda observer: run(observer, settings),
        settings.objective,
        quiet,
        json_output,
        context.obj,
    )
