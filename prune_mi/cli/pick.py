"""`prune-mi pick`: another model of a run, written out."""

from pathlib import Path
from typing import Annotated

import typer

from prune_mi.cli.options import JsonResult, Overwrite, Quiet
from prune_mi.cli.told import found_and_told, observed
from prune_mi.records.picked import Picked
from prune_mi.report.picked import print_picked


def pick(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run of optimize.")],
    max_macs: Annotated[
        str | None,
        typer.Option(help="MACs at most: the share that remains, such as 0.5, or such as 6M."),
    ] = None,
    max_params: Annotated[
        str | None, typer.Option(help="Parameters at most, in the same way.")
    ] = None,
    max_accuracy_drop: Annotated[
        float | None,
        typer.Option(help="Largest loss of accuracy on validation images, a fraction.", min=0),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="A model, as prune-mi report RUN lists it.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write.  \\[default: picked.keras in the folder]")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="The data of the run, if they lie elsewhere by now.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="The original model, if it lies elsewhere by now.")
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    json_output: JsonResult = False,
) -> None:
    """Write another model of a run out: smaller, or more accurate.

    A run of optimize keeps every model that no other one beats in costs and
    accuracy. Under --max-macs and --max-params the most accurate is taken,
    with --max-accuracy-drop alone the cheapest. Nothing is trained.

    Example: prune-mi pick prune-mi-runs/model --max-macs 6M

    Exit codes: 0 done; 2 bad input; 3 no model fits; 130 interrupted.
    """

    def picked() -> Picked:
        with observed(quiet=quiet, json_output=json_output) as observer:
            from prune_mi.commands.pick import pick as picked_of

            return picked_of(
                run,
                name=name,
                max_macs=max_macs,
                max_params=max_params,
                max_accuracy_drop=max_accuracy_drop,
                out=out,
                overwrite=overwrite,
                data=data,
                model=model,
                observer=observer,
            )

    found_and_told(picked, print_picked, json_output=json_output, writes=True)
