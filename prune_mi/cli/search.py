"""`prune-mi search`: a network found for some data."""

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
    Budget,
    Classes,
    Config,
    CustomObjects,
    Freeze,
    Generations,
    Json,
    Overwrite,
    Protect,
    Quiet,
    Seed,
    Workers,
)
from prune_mi.cli.run import search_and_report
from prune_mi.cli.settings import resolve
from prune_mi.config import SearchSettings
from prune_mi.errors import ConfigError
from prune_mi.keras_io.model_file import read_model_file
from prune_mi.records import ModelSource, Observer, SearchReport


def search(
    context: typer.Context,
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
    data: Annotated[
        str | None,
        typer.Option(
            help="Data set: cifar10, fashion_mnist, mnist, digits, or a path. The path is an .npz "
            "file (x_train, y_train, x_test, y_test), a folder with one folder of images per "
            "class, or a cifar-10-batches-py folder.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(
            help="Resize the images of a folder to this size, such as 64x64.  \\[default: their "
            "median size, at most 64 pixels]",
            rich_help_panel=INPUT,
        ),
    ] = None,
    scaling: Annotated[
        str | None,
        typer.Option(
            help="With --from: input scaling that the model was trained with, as for optimize.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            help="With --from, for a model with several outputs: the name of the output to "
            "improve.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    classes: Classes = None,
    allow_weak_model: AllowWeakModel = False,
    allow_unsafe: AllowUnsafe = False,
    custom_objects: CustomObjects = None,
    budget: Budget = None,
    generations: Generations = None,
    children: Annotated[
        int | None,
        typer.Option(
            help="Number of changed networks (children) to train in a generation.  \\[default: 5]",
            rich_help_panel=TIME,
        ),
    ] = None,
    child_epochs: Annotated[
        float | None,
        typer.Option(
            help="Training epochs for a child.  \\[default: 5; more for few images or with "
            "--budget]",
            rich_help_panel=TIME,
        ),
    ] = None,
    final_epochs: Annotated[
        float | None,
        typer.Option(
            help="Epochs in the final training of the best network.  \\[default: 30; more for few "
            "images or with --budget]",
            rich_help_panel=TIME,
        ),
    ] = None,
    target_accuracy: Annotated[
        float | None,
        typer.Option(
            help="Stop at this validation accuracy, a fraction such as 0.95.",
            rich_help_panel=TIME,
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            help="Stop after this many generations without a better network.  \\[default: 5]",
            rich_help_panel=TIME,
        ),
    ] = None,
    same_structure: Annotated[
        int | None,
        typer.Option(
            help="Stop after this many generations in which the best structure stays the same.",
            rich_help_panel=TIME,
        ),
    ] = None,
    workers: Workers = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="default, or a method of the DEIM 2019 paper: nash (adds layers and shortcuts), "
            "random (adds layers, and removes some at random) or mi (as random, and also tries "
            "each trained child without its lowest-ranked layer).  \\[default: default]",
            rich_help_panel=CHANGE,
        ),
    ] = None,
    mix: Annotated[
        str | None,
        typer.Option(
            help="How often each kind of change is tried: uniform, nash, nash2017, growth, human "
            "or deletion-heavy. Learned during the run: adaptive or bandit.  \\[default: depends "
            "on the method]",
            rich_help_panel=CHANGE,
        ),
    ] = None,
    morphs: Annotated[
        int | None,
        typer.Option(
            help="Number of changes in a child, in the first generation.  \\[default: depends on "
            "the method]",
            rich_help_panel=CHANGE,
        ),
    ] = None,
    morphs_final: Annotated[
        int | None,
        typer.Option(
            help="The same in the last generation.  \\[default: depends on the method]",
            rich_help_panel=CHANGE,
        ),
    ] = None,
    morph_decay: Annotated[
        str | None,
        typer.Option(
            help="How the number of changes falls in between: none, linear or exponential.  "
            "\\[default: depends on the method]",
            rich_help_panel=CHANGE,
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Weights of a child that has lost layers: inherit (from its parent, repaired) or "
            "scratch (new ones).  \\[default: depends on the method]",
            rich_help_panel=CHANGE,
        ),
    ] = None,
    share_weights: Annotated[
        bool,
        typer.Option(
            "--share-weights",
            help="Let children also inherit weights from the siblings of their parent.",
            rich_help_panel=CHANGE,
        ),
    ] = False,
    max_params: Annotated[
        int | None,
        typer.Option(help="Maximum number of parameters in a network.", rich_help_panel=CHANGE),
    ] = None,
    freeze: Freeze = None,
    criterion: Annotated[
        str | None,
        typer.Option(
            help="How layers are ranked, as for optimize.  \\[default: bypass; with --method mi: "
            "paper]",
            rich_help_panel=REMOVAL,
        ),
    ] = None,
    protect: Protect = None,
    validation: Annotated[
        str | None,
        typer.Option(
            help="With --from: source of the validation images, as for optimize.",
            rich_help_panel=CONTROL,
        ),
    ] = None,
    seed: Seed = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Run folder.  \\[default: prune-mi-runs/search-seed, or search-MODEL]",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    ensemble: Annotated[
        int | None,
        typer.Option(
            help="Also write the average of this many of the best networks.  \\[default: 1, no "
            "average]",
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
    given = {
        "data": data,
        "method": method,
        "budget": budget,
        "generations": generations,
        "children": children,
        "morphs": morphs,
        "morphs_final": morphs_final,
        "morph_decay": morph_decay,
        "mix": mix,
        "weights": weights,
        "share_weights": share_weights or None,
        "child_epochs": child_epochs,
        "final_epochs": final_epochs,
        "target_accuracy": target_accuracy,
        "patience": patience,
        "same_structure": same_structure,
        "ensemble": ensemble,
        "max_params": max_params,
        "image_size": image_size,
        "scaling": scaling,
        "validation": validation,
        "output": output,
        "classes": classes,
        "allow_weak_model": allow_weak_model or None,
        "ranking": None if criterion is None else {"criterion": criterion},
        "workers": workers,
        "freeze": freeze,
        "protect": protect,
        "seed": seed,
    }

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
        from prune_mi.architecture import run_search

        return run_search(
            source, settings, out=out, overwrite=overwrite, observer=observer, started=context.obj
        )

    search_and_report(run, quiet, json_output, context.obj, details=details)
