"""`prune-mi search`: a network found for some data."""

from pathlib import Path
from typing import Annotated

import typer

from prune_mi.cli.guarded import guarded
from prune_mi.cli.options import (
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
        bool, typer.Option("--from-scratch", help="Start from the smallest network there is.")
    ] = False,
    from_model: Annotated[
        Path | None, typer.Option("--from", help="Start from this trained model instead.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="cifar10, fashion_mnist, mnist, digits, or the path of an .npz (x_train, y_train, "
            "x_test, y_test), of a folder of class folders of images, or of a "
            "cifar-10-batches-py folder."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder.  [default: prune-mi-runs/search-seed]")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="default, or of the DEIM 2019 paper: nash (additions and skips), random "
            "(additions and random deletions), mi (random, and each trained child tried without "
            "the layer that adds least).  [default: default]"
        ),
    ] = None,
    budget: Budget = None,
    generations: Generations = None,
    children: Annotated[
        int | None, typer.Option(help="Children a generation.  [default: 5]")
    ] = None,
    morphs: Annotated[
        int | None,
        typer.Option(help="Changes a child, in the first generation.  [default: the method's]"),
    ] = None,
    morphs_final: Annotated[
        int | None, typer.Option(help="Changes a child in the last.  [default: the method's]")
    ] = None,
    morph_decay: Annotated[
        str | None, typer.Option(help="none, linear or exponential.  [default: the method's]")
    ] = None,
    mix: Annotated[
        str | None,
        typer.Option(
            help="How often each change is drawn: uniform, nash, nash2017, growth, human, "
            "deletion-heavy, or learned during the run: adaptive, bandit.  [default: the method's]"
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Of a child that has lost layers: inherit them, repaired, or train from scratch.  "
            "[default: the method's]"
        ),
    ] = None,
    share_weights: Annotated[
        bool,
        typer.Option(
            "--share-weights", help="Let children inherit what their parent's siblings learned."
        ),
    ] = False,
    child_epochs: Annotated[
        float | None,
        typer.Option(
            help="Passes over the training images for a child.  "
            "[default: 5; more for few images or under a budget]"
        ),
    ] = None,
    final_epochs: Annotated[
        float | None,
        typer.Option(help="Passes for the winner's final training.  [default: 30; likewise]"),
    ] = None,
    target_accuracy: Annotated[
        float | None, typer.Option(help="Validation accuracy at which to stop, a fraction.")
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Stop after so many generations without a better model.  [default: 5]"),
    ] = None,
    same_structure: Annotated[
        int | None,
        typer.Option(help="Stop after so many generations with the same best structure."),
    ] = None,
    ensemble: Annotated[
        int | None, typer.Option(help="Average so many of the best models.  [default: 1]")
    ] = None,
    max_params: Annotated[
        int | None, typer.Option(help="Weights that a network may have at most.")
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(help="Size that images of a folder are brought to: 64x64.  [default: theirs]"),
    ] = None,
    criterion: Annotated[
        str | None,
        typer.Option(help="How layers are ranked, as for optimize.  [default: paper for mi]"),
    ] = None,
    scaling: Annotated[
        str | None,
        typer.Option(help="With --from: what the model was trained on, as for optimize."),
    ] = None,
    validation: Annotated[
        str | None,
        typer.Option(help="With --from: where selection's images come from, as for optimize."),
    ] = None,
    output: Annotated[
        str | None, typer.Option(help="With --from: of several outputs, the one to make accurate.")
    ] = None,
    classes: Classes = None,
    allow_weak_model: AllowWeakModel = False,
    workers: Workers = None,
    freeze: Freeze = None,
    protect: Protect = None,
    seed: Seed = None,
    config: Config = None,
    allow_unsafe: AllowUnsafe = False,
    custom_objects: CustomObjects = None,
    overwrite: Overwrite = False,
    details: Annotated[
        bool,
        typer.Option(
            "--details", help="Print all changes of the network, and the search's cost, too."
        ),
    ] = False,
    quiet: Quiet = False,
    json_output: Json = False,
) -> None:
    """Find a network for your images, or make a trained one better: --from-scratch or --from MODEL.

    Ends with a trained model, best.keras, and with the line that asks it about an image.

    Exit codes: 0 done; 3 done, nothing better than the model of --from found; 2 bad input; 4 the
    run failed on the way; 130 interrupted.
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
                "--from; expected one of them: what does the search start from?"
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
