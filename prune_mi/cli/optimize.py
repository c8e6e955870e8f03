"""`prune-mi optimize`: a trained model made smaller."""

from pathlib import Path
from typing import Annotated

import typer

from prune_mi.cli.guarded import guarded
from prune_mi.cli.options import (
    CHANGE,
    CONTROL,
    INPUT,
    OUTPUT,
    REMOVAL,
    TIME,
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
from prune_mi.config import OptimizeSettings, gates_of_pairs
from prune_mi.keras_io.model_file import read_model_file
from prune_mi.records import ModelSource, Observer, RunReport


def optimize(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(help="A trained classifier.")],
    max_accuracy_drop: Annotated[
        float | None,
        typer.Option(
            help="Largest allowed loss of accuracy against the given model, as a fraction.  "
            "\\[default: 0.01]",
            rich_help_panel=CHANGE,
        ),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            help="What to improve: macs (fewer multiply-accumulates), params (fewer parameters) "
            "or accuracy.  \\[default: macs]",
            rich_help_panel=CHANGE,
        ),
    ] = None,
    freeze: Freeze = None,
    budget: Budget = None,
    generations: Generations = None,
    children: Annotated[
        int | None,
        typer.Option(
            help="Number of changed models (children) to propose in a generation.  \\[default: 8]",
            rich_help_panel=TIME,
        ),
    ] = None,
    child_epochs: Annotated[
        float | None,
        typer.Option(
            help="Maximum number of training epochs for a child.  \\[default: 2]",
            rich_help_panel=TIME,
        ),
    ] = None,
    final_epochs: Annotated[
        float | None,
        typer.Option(
            help="Maximum number of epochs in the final training of the best model.  "
            "\\[default: 6; with --budget: as many as fit]",
            rich_help_panel=TIME,
        ),
    ] = None,
    workers: Workers = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Data set: cifar10, fashion_mnist, mnist, digits, or a path. The path is an .npz "
            "file (x_train, y_train, x_test, y_test; for several inputs x_train_NAME and "
            "x_test_NAME of each), a folder with one folder of images per class, or a "
            "cifar-10-batches-py folder.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    scaling: Annotated[
        str | None,
        typer.Option(
            help="Input scaling that the model was trained with: auto, none, unit (0..1), signed "
            "(-1..1), standardize (per channel), mean-image (unit minus the mean image), caffe or "
            "torch (as in keras.applications).  \\[default: auto]",
            rich_help_panel=INPUT,
        ),
    ] = None,
    output: Output = None,
    classes: Classes = None,
    allow_weak_model: AllowWeakModel = False,
    architecture: Architecture = None,
    allow_unsafe: AllowUnsafe = False,
    custom_objects: CustomObjects = None,
    criterion: Criterion = None,
    mix: Annotated[
        str | None,
        typer.Option(
            help="Kinds of changes to try: deletion-heavy, deletion-by-rank, deletion-at-random "
            "or uniform.  \\[default: deletion-heavy]",
            rich_help_panel=REMOVAL,
        ),
    ] = None,
    morphs: Annotated[
        int | None,
        typer.Option(
            help="Maximum number of changes in a child.  \\[default: depends on the model, at "
            "least 5]",
            rich_help_panel=REMOVAL,
        ),
    ] = None,
    protect: Protect = None,
    continue_anyway: Annotated[
        bool,
        typer.Option(
            "--continue-anyway",
            help="Search even if less than 1 % of the model can be removed.",
            rich_help_panel=REMOVAL,
        ),
    ] = False,
    validation: Annotated[
        str | None,
        typer.Option(
            help="Source of the validation images, if the data has none: auto, test (half of the "
            "test images) or train (a part of the training images).  \\[default: auto]",
            rich_help_panel=CONTROL,
        ),
    ] = None,
    metric: Metric = None,
    confidence: Annotated[
        float | None,
        typer.Option(
            help="Probability that the allowed drop also holds on new images, such as 0.9.  "
            "\\[default: a margin of one standard error, at most half of the drop]",
            rich_help_panel=CONTROL,
        ),
    ] = None,
    gate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A gate of `prune-mi check` that the result must pass, such as max-flips=0.03. "
            "May be repeated.",
            rich_help_panel=CONTROL,
        ),
    ] = None,
    no_control: Annotated[
        bool,
        typer.Option(
            "--no-control",
            help="Do not train the unpruned model for comparison.",
            rich_help_panel=CONTROL,
        ),
    ] = False,
    seed: Seed = None,
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
    of Keras 2.

    Example: prune-mi optimize model.h5 --data cifar10 --budget 25m

    Exit codes: 0 done, the model is smaller; 2 bad input; 3 done, but no
    smaller model stayed within the allowed drop; 4 the run failed; 6 the
    model is smaller, but a --gate failed; 130 interrupted.
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
            gates=gates,
            started=context.obj,
        )

    settings = guarded(lambda: resolve(OptimizeSettings, given, config))
    gates = guarded(lambda: gates_of_pairs(gate or []))
    source = ModelSource(model, architecture, allow_unsafe, custom_objects)
    guarded(lambda: read_model_file(model, architecture))  # seconds before Keras is imported
    run_and_report(
        lambda observer: run(observer, settings),
        settings.objective,
        quiet,
        json_output,
        context.obj,
    )
